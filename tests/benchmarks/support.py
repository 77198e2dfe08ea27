"""What the benchmarks share: the machine in words, texts, and a table of figures."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def as_make() -> dict[str, str]:
    """The environment that `make` gives to what it runs: compiled modules are kept."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass
class Clock:
    """Seconds of a timed block."""

    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Clock]:
    """Time a block."""
    clock = Clock()
    start = time.perf_counter()
    yield clock
    clock.seconds = time.perf_counter() - start


def machine() -> str:
    """The machine in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")),
        platform.processor(),
    )
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Python {platform.python_version()}"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table under a title, with the machine."""
    print(f"\n### {title}\n\nMachine: {machine()}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def json_lines(path: Path) -> list[dict[str, str]]:
    """Records of a JSON Lines file."""
    # Texts hold separators (U+2028, say) that Python takes for ends of lines, and JSON Lines does not.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def uniform(key: str, seed: int, purpose: str) -> float:
    """As training/split.py draws it."""
    return int(hashlib.sha256(f"{seed}:{purpose}:{key}".encode()).hexdigest()[:13], 16) / 16**13


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").rstrip("\n").split("\n") if path.is_file() else []
