"""What every command does around its job: exit status, one line of error, the last line, the row in ops.job_runs."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import errors, tables
from linnaeus.contracts.config import Config, load_config
from linnaeus.contracts.errors import LinnaeusError
from linnaeus.runtime.command import (
    FULL,
    INPUTS,
    UP_TO_DATE,
    JobResult,
    execute,
    execute_without_tables,
    exit_with,
    exit_without_tables,
    last_run_of,
    run_command,
)
from linnaeus.runtime.lake import Lake

KEYS = ["job", "seconds", "rows_read", "rows_written", "rows_quarantined", "table_versions"]


def idle(config: Config) -> JobResult:
    """A job that does nothing."""
    return JobResult(rows_read=5, rows_written=3, rows_quarantined=1, details={"place": config.env, "said": "é [x]"})


def failing(error: BaseException) -> Callable[[Config], JobResult]:
    def main(config: Config) -> JobResult:
        raise error

    return main


def test_done(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake_root = f"lake.root={tmp_path / 'lake'}"
    lake = Lake(spark, load_config("local", [lake_root]))

    def job(config: Config) -> JobResult:
        label = spark.createDataFrame(
            [("i", "category", "sport", 1.0, 1, "gold", 0.0, 0.0, None)], tables.LABELS.schema
        )
        written = lake.merge(label, tables.LABELS).written
        result = idle(config)
        return JobResult(result.rows_read, written, 1, (tables.LABELS, tables.TOKENS), result.details)

    before = datetime.datetime.now()
    assert run_command("count_things", job, ["--env", "local", "--set", lake_root]) == 0
    said = capsys.readouterr()
    lines = said.out.rstrip("\n").split("\n")
    assert lines[:-1] == ["place: local", "said: é [x]"]
    summary = json.loads(lines[-1])
    assert list(summary) == KEYS
    assert summary["job"] == "count_things" and summary["seconds"] > 0
    assert [summary[key] for key in KEYS[2:5]] == [5, 1, 1]
    assert summary["table_versions"] == {"silver.labels": lake.version(tables.LABELS)}, "a table never made is left out"

    (row,) = lake.read(tables.JOB_RUNS).collect()
    stored = row.asDict()
    assert {key: stored[key] for key in KEYS} == summary
    assert stored["details"] == {"place": "local", "said": "é [x]"}
    assert len(stored["run_id"]) == 32
    now = datetime.datetime.now()
    assert before <= stored["started_at"] <= now


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.LinnaeusError("broken"), 1),
        (errors.SchemaError("broken"), 1),
        (errors.SetupError("broken"), 1),
        (errors.TrackingError("broken"), 1),
        (errors.UnfitError("broken"), 1),
        (errors.ErasureError("broken"), 1),
        (errors.ConstraintError("broken"), 1),
        (errors.ReadError("broken"), 1),
        (errors.ConfigurationError("broken"), 2),
        (errors.InputError("broken"), 2),
        (errors.NoChampionError("broken"), 2),
        (KeyboardInterrupt(), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_fails_is_one_line_and_a_status(
    error: BaseException, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--set", f"lake.root={tmp_path / 'lake'}"]
    assert run_command("count_things", failing(error), arguments) == status
    said = capsys.readouterr()
    words = "interrupted" if isinstance(error, KeyboardInterrupt) else "broken"
    assert (said.out, said.err) == ("", f"count_things: {words}\n")
    assert not (tmp_path / "lake").exists(), "a run that failed leaves no row"


def test_every_error_of_ours_was_tried_above() -> None:
    ours = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, LinnaeusError)}
    (mark,) = (mark for mark in test_what_fails_is_one_line_and_a_status.pytestmark if mark.name == "parametrize")
    assert ours == {type(error) for error, _ in mark.args[1]} - {KeyboardInterrupt}


def test_a_message_of_several_lines_is_said_in_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("count_things", failing(errors.InputError("one\n  two\n\nthree")), []) == 2
    assert capsys.readouterr().err == "count_things: one two three\n"


def test_an_error_that_nobody_foresaw_keeps_its_trace() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command("count_things", failing(ZeroDivisionError()), [])


@pytest.mark.parametrize("arguments", [["--evn", "local"], ["local"], ["--set"]])
def test_unknown_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run_command("count_things", idle, arguments)
    assert caught.value.code == 2
    assert "python -m jobs.count_things" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--env", "moon"], "--env moon: there is no conf/moon.yml; known: dev, local, prod, staging"),
        (["--set", "lake.rot=x"], "configuration: unknown key 'lake.rot'; the nearest known one is 'lake.root'"),
        (["--set", "lake.root"], "--set lake.root: write section.key=value"),
    ],
)
def test_wrong_settings(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("count_things", idle, arguments) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"count_things: {words}\n")


def test_help_is_the_modules_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run_command("count_things", idle, ["--help"])
    assert caught.value.code == 0
    assert "What every command does around its job" in capsys.readouterr().out


def test_without_tables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["--set", f"lake.root={tmp_path / 'lake'}"]
    assert run_command("count_things", idle, arguments, how=execute_without_tables) == 0
    summary = json.loads(capsys.readouterr().out.rstrip("\n").split("\n")[-1])
    assert list(summary) == KEYS and summary["rows_read"] == 5
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], (False, None)), (["--full"], (True, None)), (["--set", "run.batch=1", "--full"], (True, "1"))],
)
def test_full_is_short_for_a_setting(arguments: list[str], expected: tuple[bool, str | None]) -> None:
    given: list[Config] = []

    def job(config: Config) -> JobResult:
        given.append(config)
        return JobResult()

    assert run_command("count_things", job, arguments, execute_without_tables, (FULL,)) == 0
    assert (given[0].run.full, given[0].run.batch) == expected


@pytest.mark.parametrize("ending", [exit_with, exit_without_tables])
def test_a_failure_ends_the_process_by_its_status(
    ending: Callable[[str, Callable[[Config], JobResult]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["python", "--env", "local"])
    with pytest.raises(SystemExit) as caught:
        ending("count_things", failing(errors.InputError("broken")))
    assert caught.value.code == 2


def test_success_returns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A wheel task takes any SystemExit for a failure, of status 0 too."""
    monkeypatch.setattr("sys.argv", ["python"])
    exit_without_tables("count_things", idle)
    assert '"job": "count_things"' in capsys.readouterr().out


def test_an_answer_stands_in_the_last_line_alone(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What names contents and creators is not kept in ops.job_runs, where an erasure looks for no rows."""
    answer = {"content_id": "post-000007"}
    arguments = ["--set", f"lake.root={tmp_path / 'lake'}"]
    assert run_command("count_things", lambda config: JobResult(answer=answer), arguments) == 0
    summary = json.loads(capsys.readouterr().out.rstrip("\n").split("\n")[-1])
    assert list(summary) == [*KEYS, "answer"] and summary["answer"] == answer
    lake = Lake(spark, load_config("local", [arguments[1]]))
    assert "post-000007" not in str(lake.read(tables.JOB_RUNS).collect())


def test_settings_of_a_jobs_own_section_go_by_their_keys(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def job(config: Config) -> JobResult:
        return JobResult(details={"asked": f"{config.search.family} {config.search.trials} {config.search.seed}"})

    given = [f"lake.root={tmp_path / 'lake'}", "family=risk", "search.trials=3", "search={seed: 4}"]
    arguments = [word for one in given for word in ("--set", one)]
    assert run_command("count_things", job, arguments, execute_without_tables, section="search") == 0
    assert "asked: risk 3 4" in capsys.readouterr().out
    assert run_command("count_things", job, ["--set", "famly=risk"], execute_without_tables, section="search") == 2
    assert "unknown key 'search.famly'; the nearest known one is 'search.family'" in capsys.readouterr().err
    assert run_command("count_things", job, ["--set", "family=risk"], execute_without_tables) == 2
    assert "unknown key 'family'" in capsys.readouterr().err


def test_a_run_that_had_nothing_to_do_does_not_hide_what_the_one_before_had_read(
    spark: SparkSession, config: Config
) -> None:
    lake = Lake(spark, config)

    def job(given: Config) -> JobResult:
        return JobResult(details={INPUTS: "these", "said": "much"})

    execute("count_things", job, config)
    before = lake.read(tables.JOB_RUNS).first()
    assert before is not None
    later = before.asDict() | {
        "run_id": "later",
        "started_at": before["started_at"] + datetime.timedelta(hours=1),
        "details": {UP_TO_DATE: "nothing that it depends on has changed"},
    }
    lake.append([tuple(later[name] for name in tables.JOB_RUNS.columns)], tables.JOB_RUNS)
    assert last_run_of(lake, "count_things", "these") == {INPUTS: "these", "said": "much"}
    assert last_run_of(lake, "count_things", "others") is None
