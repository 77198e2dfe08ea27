"""Files that are replaced as a whole: no reader ever sees half of one, and who dies while writing leaves the old."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file, a text as UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        unfinished.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


@dataclass(frozen=True)
class KeptFile:
    """Bytes that a later process, or another machine that reaches the path, finds again."""

    path: Path

    def read(self) -> bytes | None:
        """What was written last, or None."""
        return self.path.read_bytes() if self.path.is_file() else None

    def write(self, content: bytes) -> None:
        """Replace it."""
        write_whole(self.path, content)

    def remove(self) -> None:
        """Take it away, if it is there."""
        self.path.unlink(missing_ok=True)
