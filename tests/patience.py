"""How long a test waits for what must come: on the busiest machine it comes sooner, and only what hangs is given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 600.0  # seconds


def wait_until(condition: Callable[[], Any], pause: float = 0.05) -> None:
    """Return as soon as a condition holds. Raises TimeoutError where it does not come to hold."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of it within {PATIENCE:g} s")
        time.sleep(pause)
