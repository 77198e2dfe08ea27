"""The order of files, and what is written down of durations."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.docs.pages import ROOT
from tests.running import kinds, order


def items(*names: str, mark: str | None = None) -> list[Any]:
    return [SimpleNamespace(nodeid=name, get_closest_marker=lambda asked: asked == mark) for name in names]


def names(found: list[Any]) -> list[str]:
    return [one.nodeid for one in found]


def test_the_longest_file_begins_and_a_file_keeps_its_own_order() -> None:
    given = items("a.py::short", "b.py::first", "a.py::other", "b.py::second", "c.py::none")
    seconds = {"a.py::short": 1.0, "b.py::second": 9.0, "b.py::first": 2.0, "c.py::of_another_mark": 500.0}
    assert names(order.longest_first(given, seconds)) == [
        "b.py::first",
        "b.py::second",
        "a.py::short",
        "a.py::other",
        "c.py::none",
    ]


def test_a_file_that_was_not_measured_is_guessed_by_what_it_holds() -> None:
    given = [*items("unit.py::one", "unit.py::two", mark=kinds.UNIT), *items("new.py::one"), *items("a.py::one")]
    given += items("slow.py::one", mark="slow")
    assert names(order.longest_first(given, {"a.py::one": 1.0})) == [
        "slow.py::one",
        "new.py::one",
        "a.py::one",
        "unit.py::one",
        "unit.py::two",
    ]


def test_all_phases_count_and_what_did_not_run_stays(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    file.write_text(json.dumps({"a.py::stays": 5.0, "a.py::quicker": 7.0}), encoding="utf-8")
    recorder = order.Recorder(file)
    for name, seconds in (("b.py::new", 1.2), ("b.py::new", 0.5), ("a.py::quicker", 0.04)):
        recorder.pytest_runtest_logreport(SimpleNamespace(nodeid=name, duration=seconds))  # type: ignore[arg-type]
    recorder.pytest_sessionfinish()
    assert order.read(file) == {"a.py::stays": 5.0, "b.py::new": 1.7}


def test_the_files_that_were_measured_are_there() -> None:
    gone = {name.partition("::")[0] for name in order.read()} - {
        str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert not gone, "write the durations anew: see `make test-durations`"
