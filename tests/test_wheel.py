"""The wheel, built as databricks.yml says and installed away from the checkout: jobs start there as tasks do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import document
from tests.jobs import tiny
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

ENTRIES = document.entry_points()
# What a wheel task does: it calls the entry point that the package's metadata name, the parameters in sys.argv.
TASK = """
import sys
from importlib import metadata

def run(entry, parameters):
    sys.argv = [entry, *parameters]
    found = [one for one in metadata.distribution("linnaeus").entry_points if one.name == entry]
    found[0].load()()
"""
ONE = TASK + "run(sys.argv[1], sys.argv[2:])"
# Several one after the other in one process, as each would spend seconds on imports: what each printed, and its status.
SEVERAL = (
    TASK
    + """
import contextlib, io, json
said = []
for entry, parameters in json.loads(sys.stdin.read()):
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run(entry, parameters)
        except SystemExit as end:
            status = end.code
    said.append([entry, status, out.getvalue(), err.getvalue()])
print(json.dumps(said))
"""
)

# Jobs that people start, and the setting that each asks for first.
BY_HAND = {"approve_model": "decision.model", "roll_back_model": "decision.model", "erase_creator": "erase.creator_id"}


class Ended(NamedTuple):
    """How a command ended."""

    entry: str
    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the command of databricks.yml from a copy of what goes into it."""
    source = tmp_path_factory.mktemp("source")
    for name in ("libs", "jobs", "conf"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(document.ROOT / name, source / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(document.ROOT / name, source)
    command = document.read()["artifacts"]["wheel"]["build"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    built = subprocess.run(
        command, shell=True, cwd=source, env=_environment() | {"PATH": path}, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = (source / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, and this one's packages after it; the checkout is not there."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    interpreter = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, env=_environment())
    (packages,) = folder.glob("lib/python3*/site-packages")
    # A path alone: the .pth files in there, of which one leads to the checkout, are not read.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return interpreter


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYSPARK"))}


def _run(python: Path, folder: Path, script: str, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-c", script, *arguments],
        cwd=folder,
        env=_environment(),
        input=said,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def _parameters(job: str, task: dict[str, Any]) -> list[str]:
    """Those of the target dev; what people give is empty."""
    tasks = document.deployed("dev")["resources"]["jobs"][job]["tasks"]
    (given,) = (one["python_wheel_task"]["parameters"] for one in tasks if one["task_key"] == task["task_key"])
    return [one.partition("{{job.parameters.")[0] for one in given]


@pytest.fixture(scope="module")
def started(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Ended]]:
    """How every job's command ended, by what was asked of it; none comes so far as to start Spark."""
    of_tasks = [(task["task_key"], _parameters(job, task)) for job, task in document.tasks()]
    asked = {
        "unknown": [(entry, ["--env", "local", "--set", "lake.roof=x"]) for entry in ENTRIES],
        "help": [(entry, ["--help"]) for entry in ENTRIES],
        "task": [(entry, [*given, "--set", "lake.merge_retries=-1"]) for entry, given in of_tasks if entry in ENTRIES],
        "nothing given": [one for one in of_tasks if one[0] in BY_HAND],
    }
    wanted = [one for part in asked.values() for one in part]
    done = _run(python, tmp_path_factory.mktemp("elsewhere"), SEVERAL, said=json.dumps(wanted))
    assert done.returncode == 0, done.stderr
    found = iter(json.loads(done.stdout.splitlines()[-1]))
    return {name: [Ended(*next(found)) for _ in part] for name, part in asked.items()}


def test_the_wheel_holds_all_files_of_the_packages_and_a_command_for_each_job(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entries,) = (name for name in names if name.endswith("entry_points.txt"))
        commands = archive.read(entries).decode().splitlines()
    for folder, package in (("libs/linnaeus", "linnaeus"), ("jobs", "jobs"), ("conf", "linnaeus/conf")):
        root = document.ROOT / folder
        files = {
            file.relative_to(root) for file in root.rglob("*") if file.is_file() and "__pycache__" not in file.parts
        }
        assert {f"{package}/{file}" for file in files} <= names
    assert {f"{one} = jobs.{one}:command" for one in document.entry_points()} <= set(commands)
    assert not any(name.startswith(("tests/", "notebooks/")) for name in names)


def test_what_runs_is_the_wheel(python: Path, tmp_path: Path) -> None:
    script = """
import jobs, linnaeus
from linnaeus.contracts import config
print(jobs.__file__, linnaeus.__file__, config.conf_folder(), config.resolve("conf/taxonomy.yml"), sep="\\n")
prod = config.load_config("prod")
print(config.repository(), prod.promotion.approval, len(prod.read_taxonomy().ids))
"""
    done = _run(python, tmp_path, script)
    *places, said = done.stdout.splitlines()
    assert len(places) == 4 and all(Path(place).is_relative_to(python.parents[1]) for place in places), done.stderr
    assert said.startswith("None by_hand ") and int(said.split()[-1]) > 0


def test_every_job_starts_and_says_in_a_line_what_is_wrong(started: dict[str, list[Ended]]) -> None:
    for one in started["unknown"]:
        assert one.status == 2 and one.out == "", one
        assert one.err.startswith(f"{one.entry}: ") and one.err.count("\n") == 1, one
        assert "lake.roof" in one.err and "nearest known one is 'lake.root'" in one.err
    for one in started["help"]:
        assert one.status == 0 and f"jobs.{one.entry}" in one.out and "--set" in one.out, one
    assert len(started["unknown"]) == len(started["help"]) == len(ENTRIES) > 10


def test_every_task_of_the_bundle_reads_its_parameters(started: dict[str, list[Ended]]) -> None:
    """All are settings that the wheel's own conf knows: the one that is refused is the one that was put last."""
    for one in started["task"]:
        assert one.status == 2 and one.err.startswith(f"{one.entry}: configuration: lake.merge_retries"), one
    assert len(started["task"]) > 10


def test_what_a_person_must_say_and_has_not_is_asked_for(started: dict[str, list[Ended]]) -> None:
    assert [one.entry for one in started["nothing given"]] == list(BY_HAND)
    for one in started["nothing given"]:
        assert one.status == 2 and one.err.startswith(f"{one.entry}: {BY_HAND[one.entry]}"), one
        assert one.err.count("\n") == 1


def test_a_job_runs_from_the_wheel(python: Path, tmp_path: Path) -> None:
    content, labels = tiny.records(2)
    settings = [
        f"lake.root={tmp_path / 'lake'}",
        f"spark.ivy_folder={document.ROOT / '.cache' / 'ivy'}",
        "spark.master=local[1]",
        *tiny.FAST,
        *tiny.write(tmp_path / "sources", content, labels),
    ]
    arguments = ["--env", "local", *(part for one in settings for part in ("--set", one))]
    done = _run(python, tmp_path, ONE, "ingest_bronze", *arguments)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    creators = len({one["creator_id"] for one in content}) + 1
    assert summary["job"] == "ingest_bronze"
    assert summary["rows_read"] == summary["rows_written"] == len(content) + len(labels) + creators
    assert (tmp_path / "lake" / "bronze" / "content" / "_delta_log").is_dir()
