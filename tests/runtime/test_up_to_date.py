"""A job has nothing to do only where all that it depends on is as a finished run left it. No test here starts Spark."""

from __future__ import annotations

import datetime
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pydantic import BaseModel
from pyspark.sql.pandas.types import to_arrow_schema

from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.tables import Table
from linnaeus.runtime import aliases
from linnaeus.runtime import tracking as tracking_module
from linnaeus.runtime.check import Check
from linnaeus.runtime.code_state import code_state
from linnaeus.runtime.own_commits import writing_alone
from linnaeus.runtime.tracking import Tracking, Version
from tests.conftest import MakeConfig

JOBS = sorted(DEPENDENCIES)
VALUES = {pa.string(): "a", pa.int64(): 1, pa.int32(): 1, pa.float64(): 0.5, pa.bool_(): True}


class Registry(Tracking):
    """A registry in memory, in the place of MLflow's."""

    aliases: dict[tuple[str, str], Version]

    def __init__(self, config: Config) -> None:
        pass

    def version_at(self, model: str, alias: str) -> Version | None:
        """The version that an alias points to."""
        return self.aliases.get((model, alias))


class Lake:
    """A lake of tiny tables, sources, and all files that the settings name."""

    def __init__(self, root: Path, make_config: MakeConfig) -> None:
        self.root = root / "lake"
        for table in tables.ALL:
            self.commit(table)
        self.files = {name: self._file(root / name.replace(".", "-"), name) for name in ("taxonomy.path", "risk.path")}
        lemmas = self._file(root / "lemmas.txt", "be -> am\n")
        self.files["tokens.lemma_dictionary"] = lemmas
        self.files |= {f"sources.{name}": root / "sources" / name for name in ("content", "creators", "votes")}
        self.files["sources.gold_labels"] = self._file(root / "sources" / "gold.csv", "item_id,facet,label\n")
        for name in ("content", "creators", "votes"):
            self._file(self.files[f"sources.{name}"] / "one.jsonl", "{}\n")
        self.embedder = root / "embedder"
        self._file(self.embedder / "model.onnx", "model")
        self._file(self.embedder / "assets" / "vocab.txt", "[PAD]")
        given = [f"{name}={path}" for name, path in self.files.items()]
        self.config = make_config(*given, f"embedder.path={self.embedder}")

    def commit(self, table: Table) -> None:
        """Add a row to a table as any writer may."""
        schema = to_arrow_schema(table.schema)
        row = {field.name: VALUES.get(field.type) for field in schema}
        write_deltalake(str(self.folder(table)), pa.Table.from_pylist([row], schema=schema), mode="append")

    def folder(self, table: Table) -> Path:
        """Where a table lies."""
        return self.root / table.layer / table.name

    @staticmethod
    def _file(path: Path, content: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def check(self, job: str, config: Config | None = None) -> Check:
        """The check before a job."""
        found = Check.of(job, DEPENDENCIES[job], config or self.config)
        assert found is not None
        return found

    def record(self, job: str, age: datetime.timedelta = datetime.timedelta()) -> None:
        """Leave a row of a finished run of a job, begun so long ago by its own clock, and no other row."""
        shutil.rmtree(self.folder(tables.JOB_RUNS))
        check = self.check(job)
        started_at = datetime.datetime.now(datetime.timezone.utc) - age
        figures = {"seconds": 1.0, "rows_read": 0, "rows_written": 0, "rows_quarantined": 0, "table_versions": {}}
        row = {"run_id": f"run of {job}", "job": job, "started_at": started_at, "details": {}, "state": check.state}
        check.append_row(figures | row)

    def is_up_to_date(self, job: str, config: Config | None = None) -> bool:
        """Whether nothing is to be done."""
        return self.check(job, config).earlier_run() is not None


@pytest.fixture
def lake(tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setattr(tracking_module, "Tracking", Registry)
    version = Version("m", "1", {"kind": "first"}, "run-1", datetime.datetime(2024, 1, 1))
    models, aliases = ("linnaeus_category", "linnaeus_risk"), ("candidate", "champion", "passed")
    Registry.aliases = {(model, alias): version for model in models for alias in aliases}
    return Lake(tmp_path, make_config)


def other(value: Any) -> Any:
    """Another value than the one given."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, (tuple, list)):
        return (*value, "another")
    if isinstance(value, dict):
        return value | {"another": "x"}
    return f"{value} x"


def leaves(section: Any, names: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Names of all settings below a section."""
    if not isinstance(section, BaseModel):
        return [names]
    return [one for name in type(section).model_fields for one in leaves(getattr(section, name), (*names, name))]


def changed(config: Any, names: tuple[str, ...]) -> Any:
    """A configuration of which one setting differs."""
    if not names:
        return other(config)
    return config.model_copy(update={names[0]: changed(getattr(config, names[0]), names[1:])})


def setting(config: Any, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


@pytest.mark.parametrize("job", JOBS)
def test_unchanged_means_up_to_date_whatever_clocks_say(lake: Lake, job: str) -> None:
    assert not lake.is_up_to_date(job), "nothing is on record yet"
    lake.record(job, age=datetime.timedelta(days=-3650))
    assert lake.is_up_to_date(job)
    for path in lake.root.parent.rglob("*"):
        os.utime(path, (1, 1))
    assert lake.is_up_to_date(job), "times of files do not count"


@pytest.mark.parametrize("job", JOBS)
def test_a_changed_table_makes_the_job_run(lake: Lake, job: str) -> None:
    needs = DEPENDENCIES[job]
    for table in (*needs.reads, *needs.writes, *(own.table for own in needs.rows)):
        lake.record(job)
        assert lake.is_up_to_date(job)
        if table is tables.MODEL_EVALUATIONS and needs.rows:
            continue  # rows of other models may come: see below
        lake.commit(table)
        assert not lake.is_up_to_date(job), f"a commit to {table.full_name}"


@pytest.mark.parametrize("job", JOBS)
def test_a_table_that_is_gone_restored_or_made_again_makes_the_job_run(lake: Lake, job: str, tmp_path: Path) -> None:
    for table in DEPENDENCIES[job].reads + DEPENDENCIES[job].writes:
        folder, older = lake.folder(table), tmp_path / "older" / table.full_name
        shutil.copytree(folder, older)
        lake.commit(table)
        lake.record(job)
        assert lake.is_up_to_date(job)
        newer = tmp_path / "newer" / table.full_name
        shutil.copytree(folder, newer)

        DeltaTable(str(folder)).restore(0)
        assert not lake.is_up_to_date(job), f"{table.full_name} restored by Delta"
        shutil.rmtree(folder)
        assert not lake.is_up_to_date(job), f"{table.full_name} deleted"
        shutil.copytree(older, folder)
        assert not lake.is_up_to_date(job), f"{table.full_name} restored from a copy"
        lake.commit(table)
        assert not lake.is_up_to_date(job), f"{table.full_name} restored from a copy, then written: the same version"
        shutil.rmtree(folder)
        lake.commit(table)
        lake.commit(table)
        assert not lake.is_up_to_date(job), f"{table.full_name} made again: the same version"
        shutil.rmtree(folder)
        shutil.copytree(newer, folder)
        assert lake.is_up_to_date(job), f"{table.full_name} as it was recorded"


@pytest.mark.filterwarnings("ignore:Pydantic serializer")  # values of another type than declared
@pytest.mark.parametrize("job", JOBS)
def test_each_setting_that_counts_makes_the_job_run(lake: Lake, job: str) -> None:
    lake.record(job)
    for name in DEPENDENCIES[job].settings:
        for names in leaves(setting(lake.config, name), tuple(name.split("."))):
            if ".".join(names) in lake.files or names[:2] == ("embedder", "path"):
                continue  # paths are tried below
            assert not lake.is_up_to_date(job, changed(lake.config, names)), ".".join(names)


@pytest.mark.parametrize("job", JOBS)
def test_a_setting_of_no_account_does_not(lake: Lake, job: str) -> None:
    lake.record(job)
    for names in (("serving", "port"), ("spark", "driver_memory"), ("explain", "n_words")):
        assert lake.is_up_to_date(job, changed(lake.config, names)), names


@pytest.mark.parametrize("job", JOBS)
def test_the_bytes_of_a_file_make_the_job_run(lake: Lake, job: str) -> None:
    for name in DEPENDENCIES[job].files:
        lake.record(job)
        path = lake.files[name]
        content, state = path.read_bytes(), path.stat()
        path.write_bytes(content[:-1] + b"?")
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        assert not lake.is_up_to_date(job), f"{name}: as many bytes, as old"
        path.write_bytes(content)
        assert lake.is_up_to_date(job)


def test_what_is_behind_a_source_makes_ingest_run(lake: Lake) -> None:
    lake.record("ingest_bronze")
    folder = lake.files["sources.votes"]
    one, state = folder / "one.jsonl", (folder / "one.jsonl").stat()
    one.write_text("[]\n")
    os.utime(one, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert not lake.is_up_to_date("ingest_bronze"), "as many bytes, as old"
    one.write_text("{}\n")
    assert lake.is_up_to_date("ingest_bronze")
    two = folder / "two.jsonl"
    two.write_text("{}\n")
    assert not lake.is_up_to_date("ingest_bronze"), "one more file"
    two.unlink()
    one.unlink()
    assert Check.of("ingest_bronze", DEPENDENCIES["ingest_bronze"], lake.config) is None, "no file: the job says so"
    remote = changed(lake.config, ("sources", "votes")).sources.model_copy(update={"votes": "s3a://bucket/votes"})
    config = lake.config.model_copy(update={"sources": remote})
    assert Check.of("ingest_bronze", DEPENDENCIES["ingest_bronze"], config) is None, "Spark alone can look there"


@pytest.mark.parametrize("job", [job for job in JOBS if DEPENDENCIES[job].embedder])
def test_the_embedders_files_make_the_job_run(lake: Lake, job: str) -> None:
    lake.record(job)
    (lake.embedder / "assets" / "vocab.txt").write_text("[CLS]")
    assert not lake.is_up_to_date(job)
    hub = changed(lake.config, ("embedder", "name")).embedder.model_copy(update={"path": None, "pretrained": "small"})
    assert Check.of(job, DEPENDENCIES[job], lake.config.model_copy(update={"embedder": hub})) is None


@pytest.mark.parametrize("job", JOBS)
def test_a_model_that_is_another_makes_the_job_run(lake: Lake, job: str) -> None:
    needs = DEPENDENCIES[job]
    for one in (*needs.models(lake.config), *needs.moves):
        lake.record(job)
        place = (setting(lake.config, one.model), one.alias)
        before = Registry.aliases[place]
        others = [replace(before, number="2"), replace(before, run_id="run-2"), None]
        others += [replace(before, tags={"kind": "second"})] if one.tags else []
        for version in others:
            Registry.aliases |= {place: version}  # type: ignore[dict-item]
            assert not lake.is_up_to_date(job), f"{place}: {version}"
        Registry.aliases[place] = before
        assert lake.is_up_to_date(job)


def test_rows_of_another_model_do_not_make_a_training_run(lake: Lake) -> None:
    def write(model: str, value: float) -> None:
        schema = to_arrow_schema(tables.MODEL_EVALUATIONS.schema)
        row = {field.name: VALUES.get(field.type) for field in schema} | {"model": model, "value": value}
        folder = str(lake.folder(tables.MODEL_EVALUATIONS))
        write_deltalake(folder, pa.Table.from_pylist([row], schema=schema), mode="append")

    write("linnaeus_category", 0.5)
    lake.record("train_category")
    write("linnaeus_risk", 0.5)
    assert lake.is_up_to_date("train_category")
    write("linnaeus_category", 0.6)
    assert not lake.is_up_to_date("train_category")


@pytest.mark.parametrize("job", ["aggregate_labels", "fill_review_queue"])
def test_a_file_that_is_gone_makes_the_job_run(lake: Lake, job: str) -> None:
    paths = DEPENDENCIES[job].leaves(lake.config)
    assert paths
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("as the job wrote it")
    lake.record(job)
    for path in paths:
        path.write_text("filled in by a person")
        assert lake.is_up_to_date(job)
        path.unlink()
        assert not lake.is_up_to_date(job)
        path.write_text("there again")


def test_suspects_count_for_training_where_they_are_left_out(lake: Lake, make_config: MakeConfig) -> None:
    training = lake.config.training.model_copy(update={"prune_suspects": True})
    with_pruning = lake.config.model_copy(update={"training": training})
    before = [lake.check("train_risk", config).state for config in (lake.config, with_pruning)]
    lake.commit(tables.LABEL_ISSUES)
    after = [lake.check("train_risk", config).state for config in (lake.config, with_pruning)]
    assert before[0] == after[0] and before[1] != after[1]


@pytest.mark.parametrize("setting", ["run.full=true", "run.batch=night"])
def test_asked_for_by_hand_it_runs(make_config: MakeConfig, setting: str) -> None:
    assert Check.of("build_tokens", DEPENDENCIES["build_tokens"], make_config(setting)) is None


def test_code_and_packages_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    module = tmp_path / "job.py"
    for content in ("one", "two", "two"):
        module.write_text(content)
        code_state.cache_clear()
        found.append(code_state(tmp_path))
    assert found[0] != found[1] == found[2]
    (tmp_path / "notes.txt").write_text("no code")
    code_state.cache_clear()
    assert code_state(tmp_path) == found[1]
    monkeypatch.setattr("linnaeus.runtime.code_state._version", lambda package: "another")
    code_state.cache_clear()
    assert code_state(tmp_path) != found[1]
    code_state.cache_clear()


def own(lake: Lake, table: Table) -> None:
    """A commit as a job of this process makes it."""
    with writing_alone(lake.root, table):
        lake.commit(table)


def test_the_state_that_a_run_leaves_is_known(lake: Lake) -> None:
    check = lake.check("build_tokens")
    own(lake, tables.TOKENS)
    state = check.state_after()
    assert state is not None and state != check.state
    assert state == lake.check("build_tokens").state


@pytest.mark.parametrize(
    "disturb",
    [
        lambda lake: lake.commit(tables.TOKENS),
        lambda lake: (own(lake, tables.TOKENS), lake.commit(tables.TOKENS)),
        lambda lake: (lake.commit(tables.TOKENS), own(lake, tables.TOKENS)),
        lambda lake: own(lake, tables.CONTENT),
        lambda lake: lake.commit(tables.CONTENT),
        lambda lake: shutil.rmtree(lake.folder(tables.TOKENS)),
        lambda lake: (shutil.rmtree(lake.folder(tables.TOKENS)), lake.commit(tables.TOKENS)),
    ],
    ids=["write", "after ours", "before ours", "own input", "input", "gone", "made again"],
)
def test_another_writer_meanwhile_leaves_no_state(lake: Lake, disturb: Callable[[Lake], Any]) -> None:
    check = lake.check("build_tokens")
    disturb(lake)
    assert check.state_after() is None


def test_an_alias_that_another_moved_meanwhile_leaves_no_state(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    check = lake.check("promote_model")
    place = ("linnaeus_risk", "champion")
    Registry.aliases[place] = replace(Registry.aliases[place], number="7")
    assert check.state_after() is None
    monkeypatch.setattr(aliases, "_MOVED", {(*place, "7")})
    assert check.state_after() is not None, "the job itself has promoted it"
    candidate = ("linnaeus_risk", "candidate")
    Registry.aliases[candidate] = replace(Registry.aliases[candidate], number="8")
    assert check.state_after() is None, "what it judges is another now"


def test_only_a_job_of_the_same_name_counts(lake: Lake) -> None:
    lake.record("train_category")
    state = lake.check("train_category").state
    assert lake.check("train_category").runs.that_left("train_risk", state) is None
    assert lake.check("train_category").runs.that_left("train_category", state) == "run of train_category"


def test_the_record_may_be_compacted_or_of_older_code(lake: Lake) -> None:
    lake.record("build_tokens")
    lake.commit(tables.JOB_RUNS)
    DeltaTable(str(lake.folder(tables.JOB_RUNS))).optimize.compact()
    assert lake.is_up_to_date("build_tokens")
    shutil.rmtree(lake.folder(tables.JOB_RUNS))
    assert not lake.is_up_to_date("build_tokens")
    whole = to_arrow_schema(tables.JOB_RUNS.schema)
    older = pa.schema([field for field in whole if field.name != "state"])
    row = {"run_id": "old", "job": "build_tokens", "details": {"said": json.dumps("before states were kept")}}
    write_deltalake(str(lake.folder(tables.JOB_RUNS)), pa.Table.from_pylist([row], schema=older))
    assert not lake.is_up_to_date("build_tokens")
