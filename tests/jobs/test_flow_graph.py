"""The graph of a flow: that of two jobs of databricks.yml, in order and whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from jobs.flow import BETWEEN_BUNDLE_JOBS, BUNDLE_JOBS, choose, main, read_graph
from linnaeus.contracts.errors import ConfigurationError
from tests import document

# What `make sample` runs, and in this order where one job runs at a time.
GRAPH = {
    "ingest_bronze": "",
    "build_tokens": "ingest_bronze",
    "build_embeddings": "ingest_bronze",
    "aggregate_labels": "ingest_bronze",
    "find_label_issues": "build_tokens build_embeddings aggregate_labels",
    "train_category": "build_tokens build_embeddings aggregate_labels",
    "train_risk": "build_tokens build_embeddings aggregate_labels",
    "promote_model": "train_category train_risk",
    "score_content": "promote_model",
    "roll_up_creators": "score_content",
    "fill_review_queue": "find_label_issues score_content",
}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write({"a": "b c", ...}, {...})`: a bundle whose jobs nightly and training have these tasks.

    Here a depends on b and c; entry points are `run_<task>`.
    """

    def make(nightly: dict[str, str], training: dict[str, str] | None = None) -> Path:
        jobs = {
            name: {
                "tasks": [
                    {
                        "task_key": key,
                        "depends_on": [{"task_key": one} for one in above.split()],
                        "python_wheel_task": {"entry_point": f"run_{key}"},
                    }
                    for key, above in tasks.items()
                ]
            }
            for name, tasks in (("nightly", nightly), ("training", training or {}))
        }
        by_hand = {"tasks": [{"task_key": "z", "python_wheel_task": {"entry_point": "run_z"}}]}
        path = tmp_path / "databricks.yml"
        path.write_text(yaml.safe_dump({"resources": {"jobs": jobs | {"by_hand": by_hand}}}), encoding="utf-8")
        return path

    return make


def test_the_graph_of_databricks_yml_is_this_one() -> None:
    graph = read_graph(document.PATH)
    assert list(graph) == list(GRAPH)
    assert graph == {job: frozenset(above.split()) for job, above in GRAPH.items()}
    assert BUNDLE_JOBS == ("nightly", "training")


def test_between_jobs_is_only_what_depends_on_can_not_say() -> None:
    job_of = {task["task_key"]: job for job, task in document.tasks() if job in BUNDLE_JOBS}
    for key, above in BETWEEN_BUNDLE_JOBS.items():
        assert all(job_of[one] != job_of[key] for one in above)


def test_the_order_is_the_files_where_it_is_free(write: Write) -> None:
    graph = read_graph(write({"d": "b", "a": "", "c": "a", "b": ""}), {})
    assert list(graph) == ["run_a", "run_c", "run_b", "run_d"]
    assert graph == {"run_a": set(), "run_c": {"run_a"}, "run_b": set(), "run_d": {"run_b"}}
    assert list(read_graph(write({"last": "first", "first": ""}), {})) == ["run_first", "run_last"]


def test_two_jobs_become_one_graph_by_what_is_between_them(write: Write) -> None:
    """What follows from the rest is no edge: d comes after a because it comes after c, which does."""
    path = write({"a": "", "d": "a", "e": "d"}, {"b": "", "c": "b"})
    graph = read_graph(path, {"b": ("a",), "d": ("c",)})
    assert list(graph) == ["run_a", "run_b", "run_c", "run_d", "run_e"]
    assert graph == {
        "run_a": set(), "run_b": {"run_a"}, "run_c": {"run_b"}, "run_d": {"run_c"}, "run_e": {"run_d"},
    }  # fmt: skip
    with pytest.raises(ConfigurationError, match="depend on each other in a circle"):
        read_graph(path, {"b": ("d",), "d": ("c",)})
    with pytest.raises(ConfigurationError, match=r"there is no task 'x'; a flow runs nightly and training"):
        read_graph(path, {"x": ("a",)})
    with pytest.raises(ConfigurationError, match=r"there are two tasks 'a'"):
        read_graph(write({"a": ""}, {"a": ""}), {})


@pytest.mark.parametrize(
    ("graph", "problem"),
    [
        ({"a": "", "b": "a z"}, "depends_on names 'z', which is no task"),
        ({"a": "b", "b": "c", "c": "a", "d": ""}, "depend on each other in a circle"),
        ({"a": "a"}, "depend on each other in a circle"),
    ],
)
def test_a_graph_that_can_not_run_is_refused(write: Write, graph: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read_graph(write(graph), {})


def test_a_bundle_or_a_job_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        read_graph(tmp_path / "databricks.yml")
    (tmp_path / "databricks.yml").write_text("resources: {jobs: {nightly: {tasks: []}}}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="there is no job 'training'"):
        read_graph(tmp_path / "databricks.yml")


@pytest.mark.parametrize(
    ("only", "first", "chosen"),
    [
        (None, None, ["a", "b", "c", "d"]),
        ("c", None, ["c"]),
        ("d, a", None, ["a", "d"]),  # in the graph's order, not in the given one
        (None, "c", ["c", "d"]),
        ("a,c", "b", ["c"]),
        ("a", "b", []),
    ],
)
def test_choose(only: str | None, first: str | None, chosen: list[str]) -> None:
    graph = {"a": frozenset[str](), "b": frozenset("a"), "c": frozenset("a"), "d": frozenset("bc")}
    assert list(choose(graph, only, first)) == chosen


def test_what_is_left_out_does_not_loosen_the_order() -> None:
    graph = {"a": frozenset[str](), "b": frozenset("a"), "c": frozenset("b"), "d": frozenset("c")}
    assert choose(graph, "a, d") == {"a": frozenset(), "d": frozenset("a")}


@pytest.mark.parametrize(("only", "first"), [("a,z", None), (None, "z"), ("a,", None), ("A", None)])
def test_choose_refuses_unknown_jobs(only: str | None, first: str | None) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no job '[zA]?' in the graph; known: a, b"):
        choose({"a": frozenset(), "b": frozenset("a")}, only, first)


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--from", "nothing"], ["--env", "moon"]])
def test_the_command_says_wrong_arguments_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("flow: ") and said.err.count("\n") == 1
