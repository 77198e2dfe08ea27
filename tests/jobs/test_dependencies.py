"""What jobs declare that they depend on is all that they read: each is run, and what it touches is noted.

Their queries are counted as well: what each costs in planning is paid everywhere, however few the rows are.
"""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs import flow
from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, repository
from linnaeus.contracts.tables import Table
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig
from tests.jobs import tiny

# Where tables are, how Spark runs, what a run is called: they decide nothing of a result.
JOBS = Path(flow.__file__).parent
OF_NO_ACCOUNT = {"env", "lake", "spark", "run"}
KEPT_OF_RUNS = {tables.JOB_RUNS, tables.LEDGER}
READING = ("read", "version", "exists", "commits", "files")
WRITING = ("merge", "insert_new", "replace", "append", "delete")


class Noted(Config):
    """Settings that note which of their sections are read."""

    def __getattribute__(self, name: str) -> Any:
        if name in Config.model_fields:
            SECTIONS.add(name)
        return super().__getattribute__(name)


# What a method or a property of Config reads.
BEHIND = {
    "read_taxonomy": "taxonomy",
    "read_risk": "risk",
    "reports_folder": "reports",
    "review_folder": "review",
    "checkpoint_folder": "training",
    "search_folder": "search",
}


def sections_in(module: str) -> set[str]:
    """Sections of the settings that a module of jobs/ names, and those of jobs/ that it imports, in whatever branch."""
    tree = ast.parse((JOBS / f"{module}.py").read_text(encoding="utf-8"))
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    named = {one.attr for one in attributes if ast.unparse(one.value).split(".")[-1] == "config"}
    found = {BEHIND.get(name, name) for name in named} & set(Config.model_fields)
    imported = {one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)}
    for name in imported - {"jobs.dependencies"}:
        found |= sections_in(name.removeprefix("jobs.")) if name.startswith("jobs.") else set()
    return found


def declared_sections(job: str, config: Config) -> set[str]:
    """Sections of which a job declares a part or the whole."""
    needs = DEPENDENCIES[job]
    aliases = [one.model for one in (*needs.models(config), *needs.moves)]
    named = {name.partition(".")[0] for name in (*needs.settings, *needs.files, *needs.sources, *aliases)}
    return named | ({"embedder"} if needs.embedder else set())


@pytest.mark.parametrize("job", sorted(DEPENDENCIES))
def test_no_branch_of_a_job_reads_a_section_that_it_does_not_declare(job: str, config: Config) -> None:
    found = sections_in(job)
    assert found, "the code is read as it is meant to be"
    assert found - OF_NO_ACCOUNT <= declared_sections(job, config)


@dataclass(frozen=True)
class Count:
    """SQL queries that a session was asked for, Delta's own among them, and jobs that Spark ran for them."""

    queries: int
    jobs: int

    @staticmethod
    def now(spark: SparkSession) -> Count:
        """Since the session began."""
        context = spark.sparkContext
        execution = getattr(context._jvm.org.apache.spark.sql.execution, "SQLExecution$")  # type: ignore[union-attr]
        number = getattr(execution, "MODULE$").nextExecutionId()
        return Count(number, context._jsc.sc().dagScheduler().numTotalJobs())

    def since(self, before: Count) -> Count:
        """What came after another count, which is a query itself."""
        return Count(self.queries - before.queries - 1, self.jobs - before.jobs)


# No job asks for more on a tiny lake that it fills for the first time, lest planning creeps back. It is what was
# measured and a tenth, for what Spark adds by the order of its tasks.
MOST = {
    "ingest_bronze": Count(29, 82),
    "build_tokens": Count(4, 13),
    "build_embeddings": Count(11, 39),
    "aggregate_labels": Count(21, 74),
    "find_label_issues": Count(20, 55),
    "train_category": Count(22, 66),
    "train_risk": Count(20, 65),
    "promote_model": Count(7, 11),
    "score_content": Count(5, 21),
    "roll_up_creators": Count(7, 37),
    "fill_review_queue": Count(6, 18),
}

SECTIONS: set[str] = set()
READ: set[Table] = set()
WRITTEN: set[Table] = set()


@pytest.fixture
def _noting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Note the tables that a lake is asked for."""

    def note(names: tuple[str, ...], seen: set[Table]) -> None:
        for name in names:
            real = getattr(Lake, name)

            def noted(self: Lake, *given: Any, real: Any = real, **named: Any) -> Any:
                seen.update(one for one in (*given, *named.values()) if isinstance(one, Table))
                return real(self, *given, **named)

            monkeypatch.setattr(Lake, name, noted)

    note(READING, READ)
    note(WRITING, WRITTEN)
    snapshot = Lake.snapshot

    def noted_snapshot(self: Lake, wanted: Any, *given: Any, **named: Any) -> Any:
        whole = list(wanted)
        READ.update(whole)
        return snapshot(self, whole, *given, **named)

    monkeypatch.setattr(Lake, "snapshot", noted_snapshot)
    yield


def votes(folder: Path, labels: list[dict[str, str]]) -> str:
    """Two annotators who agree with the gold labels."""
    rows = [one | {"annotator_id": f"ann-{place}"} for one in labels[:20] for place in range(2)]
    (folder / "votes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return f"sources.votes={folder / 'votes.jsonl'}"


@pytest.mark.slow
@pytest.mark.usefixtures("_noting")
def test_jobs_declare_all_that_they_read_and_write(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path
) -> None:
    content, labels = tiny.records()
    given = [*tiny.FAST, *tiny.write(tmp_path / "sources", content, labels), votes(tmp_path / "sources", labels)]
    made = make_config(*given, "scoring.shadow=true", "labels.method=auto", "training.prune_suspects=true")
    config = Noted.model_construct(**{name: getattr(made, name) for name in Config.model_fields})
    graph = flow.read_graph((repository() or Path()) / "databricks.yml")
    assert set(DEPENDENCIES) == set(graph)
    counts: dict[str, Count] = {}
    for job in graph:
        needs = DEPENDENCIES[job]
        main = importlib.import_module(f"jobs.{job}").main
        for seen in (SECTIONS, READ, WRITTEN):
            seen.clear()
        before = Count.now(spark)
        main(config)
        counts[job] = Count.now(spark).since(before)
        named = (*needs.settings, *needs.files, *needs.sources, *[one.model for one in needs.models(made)])
        sections = {name.partition(".")[0] for name in (*named, *(one.model for one in needs.moves))}
        sections |= {"embedder"} if needs.embedder else set()
        assert sections >= SECTIONS - OF_NO_ACCOUNT, job
        written = {*needs.writes, *(own.table for own in needs.rows)}
        assert written >= WRITTEN - KEPT_OF_RUNS, job
        assert {*needs.reads, *needs.reads_if(made)} | written >= READ - KEPT_OF_RUNS, job
    print(counts)
    assert set(counts) == set(MOST)
    more = {job: one for job, one in counts.items() if one.queries > MOST[job].queries or one.jobs > MOST[job].jobs}
    assert not more
