"""The graph that databricks.yml declares: in order, whole, and of jobs that exist."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.flow import choose, main, read_graph
from linnaeus.contracts.config import Config, load_config, repository
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.spark import SPARK_NLP

ROOT = repository() or Path()
BUNDLE = ROOT / "databricks.yml"
# Commands of the wheel that are no task of the graph.
NO_TASKS = {
    "flow",
    "make_sample",
    "approve_model",
    "roll_back_model",
    "search_parameters",
    "explain",
    "erase_creator",
    "maintain_tables",
    "serve_profiles",
}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(a="b c", ...)`: a bundle whose task a depends on b and c; entry points are `run_<task>`."""

    def make(**tasks: str) -> Path:
        written = [
            {
                "task_key": name,
                "depends_on": [{"task_key": one} for one in above.split()],
                "python_wheel_task": {"entry_point": f"run_{name}"},
            }
            for name, above in tasks.items()
        ]
        path = tmp_path / "databricks.yml"
        path.write_text(yaml.safe_dump({"resources": {"jobs": {"all": {"tasks": written}}}}), encoding="utf-8")
        return path

    return make


def tasks() -> list[dict[str, Any]]:
    document = yaml.safe_load(BUNDLE.read_text(encoding="utf-8"))
    return [task for job in document["resources"]["jobs"].values() for task in job["tasks"]]


def test_every_task_comes_after_those_it_depends_on() -> None:
    order = list(read_graph(BUNDLE))
    entry = {task["task_key"]: task["python_wheel_task"]["entry_point"] for task in tasks()}
    assert sorted(order) == sorted(entry.values())
    for task in tasks():
        for above in task.get("depends_on", []):
            assert order.index(entry[above["task_key"]]) < order.index(entry[task["task_key"]])
    assert order[0] == "ingest_bronze"


def test_the_order_is_the_files_where_it_is_free(write: Write) -> None:
    graph = read_graph(write(d="b", a="", c="a", b=""))
    assert list(graph) == ["run_a", "run_c", "run_b", "run_d"]
    assert graph == {"run_a": set(), "run_c": {"run_a"}, "run_b": set(), "run_d": {"run_b"}}
    assert list(read_graph(write(last="first", first=""))) == ["run_first", "run_last"]


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
        read_graph(write(**graph))


def test_a_bundle_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
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


def entry_points() -> list[str]:
    """The list JOBS in setup.py, which can't be imported without installing."""
    for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "JOBS":
            return list(ast.literal_eval(node.value))
    raise AssertionError("setup.py declares no JOBS")


def test_every_task_is_an_entry_point_and_the_other_way_round() -> None:
    assert set(read_graph(BUNDLE)) == set(entry_points()) - NO_TASKS
    assert len(set(entry_points())) == len(entry_points())


@pytest.mark.parametrize("job", entry_points())
def test_every_entry_point_is_a_job(job: str) -> None:
    module = importlib.import_module(f"jobs.{job}")
    assert callable(module.main) and callable(module.command) and module.__doc__
    if job != "flow":
        assert list(module.main.__annotations__.items()) == [("config", Config.__name__), ("return", "JobResult")]


def test_every_job_is_an_entry_point() -> None:
    """Modules of jobs/ that have a command of their own."""
    with_command = set()
    for path in (ROOT / "jobs").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "command" for node in tree.body):
            with_command.add(path.stem)
    assert with_command == set(entry_points())


def test_tasks_take_the_targets_environment() -> None:
    document = yaml.safe_load(BUNDLE.read_text(encoding="utf-8"))
    for task in tasks():
        assert task["python_wheel_task"]["parameters"] == ["--env", "${var.env}"]
        assert task["python_wheel_task"]["package_name"] == document["bundle"]["name"]
    for target in document["targets"].values():
        assert load_config(target["variables"]["env"]).lake.catalog


def test_clusters_have_the_settings_and_jars_that_a_session_of_ours_has() -> None:
    document = yaml.safe_load(BUNDLE.read_text(encoding="utf-8"))
    for job in document["resources"]["jobs"].values():
        for cluster in job["job_clusters"]:
            settings = cluster["new_cluster"]["spark_conf"]
            assert {key: settings.get(key) for key in SPARK_NLP} == SPARK_NLP
    spark = load_config("local").spark
    for task in tasks():
        jars = [library["maven"] for library in task["libraries"] if "maven" in library]
        brought = {package for package in spark.packages if not package.startswith("io.delta:")}  # the cluster's own
        assert {jar["coordinates"] for jar in jars} == brought
        assert {one for jar in jars for one in jar.get("exclusions", [])} == set(spark.excludes)
