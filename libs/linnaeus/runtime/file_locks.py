"""Locks between the processes of one machine."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HELD = threading.local()  # `files`: those that this thread holds the locks of


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made where it is not there, while a block runs; wait until it is free.

    The system gives it back when the process ends, however it ends. A thread that holds it may take it again.
    """
    held: set[Path] = _HELD.__dict__.setdefault("files", set())
    if file in held:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        held.add(file)
        try:
            yield
        finally:
            held.discard(file)
