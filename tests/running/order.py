"""The order of test files: those that take longest begin, so that two workers end at about the same time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.running.kinds import UNIT

DURATIONS = Path(__file__).parents[1] / "durations.json"
_GUESSES = {UNIT: 0.1, "slow": 20.0}  # seconds of a test that was not measured, by its mark
_GUESS = 5.0  # of any other


def read(path: Path = DURATIONS) -> dict[str, float]:
    """Seconds by test id, of tests that take a tenth of a second or more; none where nothing was measured."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def longest_first(items: list[pytest.Item], durations: dict[str, float]) -> list[pytest.Item]:
    """The items, the files that take longest first; within a file as they stand."""
    known = {name.partition("::")[0] for name in durations}
    by_file: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        by_file[item.nodeid.partition("::")[0]].append(item)

    def seconds(file: str) -> float:
        if file in known:
            return sum(durations.get(item.nodeid, 0.0) for item in by_file[file])
        return sum(_guess(item) for item in by_file[file])

    files = sorted(by_file, key=lambda file: (-seconds(file), file))
    return [item for file in files for item in by_file[file]]


def _guess(item: pytest.Item) -> float:
    return next((seconds for mark, seconds in _GUESSES.items() if item.get_closest_marker(mark)), _GUESS)


class Recorder:
    """Adds up what each test takes, its fixtures too, and writes it down when all have run."""

    def __init__(self, path: Path = DURATIONS) -> None:
        self._path = path
        self._seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a phase of a test into account."""
        self._seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the durations; those of tests that did not run now stay."""
        found = merged(read(self._path), self._seconds.items())
        self._path.write_text(json.dumps(found, indent=0, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def merged(old: dict[str, float], new: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Old durations with new ones over them; what is short is left out."""
    both = old | {name: round(seconds, 1) for name, seconds in new}
    return {name: seconds for name, seconds in both.items() if seconds >= 0.1}
