"""MLflow's autologging, kept out of what linnaeus fits: that is no experiment of whoever turned it on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_CHANGING = threading.Lock()
_HELD = ExitStack()
_BLOCKS = 0


@contextmanager
def without_autologging() -> Iterator[None]:
    """Turn autologging off while a block runs, in all threads, and as it was when the last such block ends.

    MLflow is not imported for it, which takes seconds: where nobody has, nobody has turned autologging on.
    """
    global _BLOCKS
    with _CHANGING:
        _BLOCKS += 1
        autologging = sys.modules.get("mlflow.utils.autologging_utils")
        if _BLOCKS == 1 and autologging is not None:
            _HELD.enter_context(autologging.disable_autologging())
    try:
        yield
    finally:
        with _CHANGING:
            _BLOCKS -= 1
            if _BLOCKS == 0:
                _HELD.close()
