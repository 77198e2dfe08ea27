"""Curation as a job: a file becomes a version, a killed run leaves the one before in force, and versions go back."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import curate_taxonomy
from jobs._taxonomy import (
    DISCOVERY,
    InForce,
    assignments_in_force,
    changes_after,
    in_force,
    last_seen,
    put_in_force,
    restored,
    tree_at,
    version_rows,
)
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError, LinnaeusError
from linnaeus.contracts.tables import Table
from linnaeus.runtime.command import JobResult, run_command
from linnaeus.runtime.lake import Lake
from linnaeus.taxonomy.changes import BIRTH, DEATH, MERGE, RENAME, SPLIT, Change
from linnaeus.taxonomy.tree import CURATED, Node, Tree
from linnaeus.taxonomy.versions import difference, resolve
from tests.conftest import MakeConfig, local_config
from tests.creators.frames import contents_of
from tests.creators.slow import One

FIRST = Tree.of(
    [
        Node("sport", "ball", size=6, origin="discovered", creator_share=1.0, centroid=(1.0, 0.0)),
        Node("football", "goal", "sport", keywords=("goal", "match"), size=3, creator_share=0.5, centroid=(0.6, 0.8)),
        Node("soccer", "match", "sport", size=2, creator_share=0.5, centroid=(0.8, 0.6)),
        Node("tennis", "set", "sport", size=1, creator_share=0.5, centroid=(0.0, 1.0)),
        Node("film", "film", size=2, creator_share=0.5, centroid=(0.0, -1.0)),
    ]
)
PLACED = {
    "f1": ("football", {"football": 0.6, "soccer": 0.3, "film": 0.1}),
    "f2": ("football", {"football": 1.0}),
    "f3": ("football", {"football": 1.0}),
    "s1": ("soccer", {"soccer": 0.5, "football": 0.4, "film": 0.1}),
    "s2": ("soccer", {"soccer": 1.0}),
    "t1": ("tennis", {"tennis": 0.75, "film": 0.25}),
    "m1": ("film", {"film": 1.0}),
    "m2": ("film", {"film": 1.0}),
    "u1": (None, {"film": 0.5, "tennis": 0.5}),
}
FILE = """
by: ann
note: two of a kind
steps:
  - rename: {id: football, name: Football}
  - merge: {ids: [football, soccer], into: football}
  - retire: tennis
  - add: {id: chess, name: Chess, parent: sport}
"""


class Killed(Exception):
    """In the place of a process that ends."""


def placed(spark: SparkSession) -> DataFrame:
    rows = [
        (one, node, max(soft.values()), 1, soft, 0.9, "unplaced" if node is None else "topic")
        for one, (node, soft) in PLACED.items()
    ]
    return spark.createDataFrame(rows, schemas.TOPIC_ASSIGNMENTS)


def representatives(spark: SparkSession) -> DataFrame:
    rows = [("football", 1, "f1", 1, 0.9), ("football", 1, "f2", 2, 0.8), ("soccer", 1, "s1", 1, 0.95)]
    return spark.createDataFrame(rows, schemas.TOPIC_REPRESENTATIVES)


@dataclass(frozen=True)
class Seen:
    """What a lake said after a step."""

    now: InForce
    places: dict[str, dict[str, Any]]
    versions: dict[str, int | None]
    result: JobResult | None = None


def look(lake: Lake, result: JobResult | None = None) -> Seen:
    now = in_force(lake)
    assert now is not None
    rows = {row[c.CONTENT_ID]: row.asDict() for row in assignments_in_force(lake).collect()}
    return Seen(now, rows, {one.full_name: lake.version(one) for one in tables.ALL}, result)


@dataclass(frozen=True)
class Story:
    """A lake, and what it said after the first version, a file, the same again, a run that was killed, a return."""

    lake: Lake
    config: Config
    first: Seen
    curated: Seen
    again: Seen
    killed: Seen
    back: Seen
    by_week: list[Any]
    by_creator: list[Any]
    shown: list[Any]


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    root = tmp_path_factory.mktemp("curated")
    (root / "cure.yml").write_text(FILE)
    (root / "other.yml").write_text("steps: [{retire: film}]")
    config = local_config(root, f"taxonomy.curation={root / 'cure.yml'}")
    other = local_config(root, f"taxonomy.curation={root / 'other.yml'}")
    back = local_config(root, "taxonomy.take_back=2")
    lake = Lake(spark, config)
    on = datetime.datetime(2026, 1, 6)
    contents = [One(one, "ann" if one[0] in "fm" else "bob", published_at=on) for one in PLACED]
    lake.merge(contents_of(spark, contents), tables.CONTENT)
    born = difference(Tree.of([]), FIRST)
    made = put_in_force(
        lake, FIRST, born, placed(spark), representatives(spark), DISCOVERY, "x", {"topics": 5}, None, "embedder/1"
    )
    assert made == 1
    first = look(lake)
    curated = look(lake, curate_taxonomy.main(config))
    shares = [
        lake.read(one).where(F.col(c.NODE_ID) == "football").collect()
        for one in (tables.TOPIC_SHARES_BY_WEEK, tables.TOPIC_SHARES_BY_CREATOR)
    ]
    shown = lake.read(tables.TOPIC_REPRESENTATIVES).where(F.col(c.VERSION) == 2).orderBy(c.RANK).collect()
    again = look(lake, curate_taxonomy.main(config))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Lake, "append", dying_at(tables.TAXONOMY_VERSIONS))
        with pytest.raises(Killed):
            curate_taxonomy.main(other)
    assert lake.read(tables.TOPIC_ASSIGNMENTS).where(F.col(c.VERSION) == 3).count() == len(PLACED)
    killed = look(lake)
    undone = look(lake, curate_taxonomy.main(back))
    yield Story(lake, config, first, curated, again, killed, undone, *shares, shown)


def dying_at(table: Table) -> Any:
    append = Lake.append

    def dies(self: Lake, rows: DataFrame, into: Table) -> None:
        if into is table:
            raise Killed
        append(self, rows, into)

    return dies


@pytest.mark.soak
@pytest.mark.slow
def test_the_first_version_is_what_was_put_in_force(story: Story) -> None:
    now = story.first.now
    assert (now.version, now.tree, now.inputs) == (1, FIRST, "x")
    assert (now.row["made_by"], now.row["settings"], now.row[c.EMBEDDER]) == (
        "discovery",
        '{"topics": 5}',
        "embedder/1",
    )
    assert now.tree.nodes["football"].centroid == pytest.approx((0.6, 0.8))
    assert {one: row[c.NODE_ID] for one, row in story.first.places.items()} == {k: v[0] for k, v in PLACED.items()}


@pytest.mark.soak
@pytest.mark.slow
def test_a_file_becomes_a_version(story: Story) -> None:
    now, places = story.curated.now, story.curated.places
    assert (now.version, now.row["made_by"], now.row["note"]) == (2, "curation", "ann: two of a kind")
    assert now.row[c.EMBEDDER] == "embedder/1"
    assert {one.id: (one.name, one.parent, one.size, one.origin) for one in now.tree} == {
        "sport": ("ball", None, 6, CURATED),
        "football": ("Football", "sport", 5, CURATED),
        "chess": ("Chess", "sport", 0, CURATED),
        "film": ("film", None, 2, "discovered"),
    }
    assert now.tree.nodes["football"].creator_share == 1.0  # both creators' contents are at it by now
    assert {
        version: change for version, change in changes_after(story.lake, 1) if version == 2 and change.kind == MERGE
    }
    changes = {change for version, change in changes_after(story.lake, 1) if version == 2}
    assert changes == {
        Change.of(RENAME, ["football"], ["football"]),
        Change.of(MERGE, ["football", "soccer"], ["football"]),
        Change.of(DEATH, ["tennis"], []),
        Change.of(BIRTH, [], ["chess"]),
    }
    assert {row[c.VERSION] for row in places.values()} == {2}


@pytest.mark.soak
@pytest.mark.slow
def test_contents_follow_the_nodes_that_took_them_over(story: Story) -> None:
    places = story.curated.places
    assert {one: row[c.NODE_ID] for one, row in places.items()} == {
        one: {"soccer": "football", "tennis": "sport"}.get(str(node), node) for one, (node, _) in PLACED.items()
    }
    merged, kept = places["s1"], places["f2"]
    assert merged[c.PROBABILITIES] == pytest.approx({"football": 0.9, "film": 0.1})
    assert (merged[c.PROBABILITY], merged[c.SIMILARITY]) == (pytest.approx(0.9), None)
    assert (kept[c.PROBABILITY], kept[c.SIMILARITY]) == (1.0, pytest.approx(0.9))
    assert places["t1"][c.PROBABILITIES] == pytest.approx({"sport": 0.75, "film": 0.25})
    assert (places["u1"][c.NODE_ID], places["u1"][c.REASON]) == (None, "unplaced")
    by_rank = [(row[c.NODE_ID], row[c.CONTENT_ID], row[c.RANK]) for row in story.shown]
    assert by_rank == [("football", "f1", 1), ("football", "s1", 2), ("football", "f2", 3)]


@pytest.mark.soak
@pytest.mark.slow
def test_shares_are_those_of_the_version(story: Story) -> None:
    assert [(row[c.VERSION], row[c.N]) for row in story.by_week] == [(2, 5)]
    assert story.by_week[0][c.SHARE] == pytest.approx(5 / 8)
    assert {row[c.CREATOR_ID]: row[c.N] for row in story.by_creator} == {"ann": 3, "bob": 2}
    assert {row[c.CREATOR_ID]: row[c.SHARE] for row in story.by_creator} == pytest.approx({"ann": 3 / 5, "bob": 2 / 3})


@pytest.mark.soak
@pytest.mark.slow
def test_the_same_file_again_writes_nothing(story: Story) -> None:
    assert story.again.versions == story.curated.versions
    assert story.again.result is not None
    assert "nothing to do" in story.again.result.details["taxonomy"]


@pytest.mark.soak
@pytest.mark.slow
def test_a_run_that_is_killed_leaves_the_version_before_in_force(story: Story) -> None:
    assert (story.killed.now.version, story.killed.now.tree) == (2, story.curated.now.tree)
    assert story.killed.places == story.curated.places


@pytest.mark.soak
@pytest.mark.slow
def test_what_was_taken_back_is_as_it_was(story: Story) -> None:
    now, lake = story.back.now, story.lake
    assert (now.version, now.row["made_by"], now.row["restores"]) == (3, "take_back", 1)
    assert now.tree == FIRST
    assert story.back.result is not None
    assert Path(story.back.result.details["page"]).name == "taxonomy-3.html"
    stamped = {one: row | {c.VERSION: 3} for one, row in story.first.places.items()}
    assert story.back.places == stamped
    changes = [change for version, change in changes_after(lake, 0) if version == 3]
    assert set(changes) == {
        Change.of(SPLIT, ["football"], ["football", "soccer"]),
        Change.of(RENAME, ["football"], ["football"]),
        Change.of(BIRTH, [], ["tennis"]),
        Change.of(DEATH, ["chess"], []),
    }
    # Nothing of the run that was killed is left.
    assert lake.read(tables.TAXONOMY_NODES).where(F.col(c.VERSION) == 3).count() == len(FIRST)
    assert [row[c.VERSION] for row in version_rows(lake)] == [1, 2, 3]
    assert tree_at(lake, 2) == story.curated.now.tree
    assert last_seen(lake) == dict.fromkeys(FIRST.nodes, 3) | {"chess": 2}
    assert resolve("tennis", 1, changes_after(lake, 1), restored(lake)) == ("tennis",)
    assert resolve("football", 2, changes_after(lake, 2), restored(lake)) == ("football", "soccer")


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("taxonomy.take_back=9", "there is no version 9; the newest is 3"),
        ("taxonomy.take_back=1", "version 1 is the first"),
        ("taxonomy.curation=FOLDER/cycle.yml", r"cycle.yml: step 1 \(move\): node '.*' would be its own ancestor"),
        ("taxonomy.curation=FOLDER/absent.yml", "absent.yml can't be read"),
    ],
)
def test_what_cant_be_done_is_refused_and_nothing_is_written(
    story: Story, tmp_path: Path, setting: str, said: str
) -> None:
    (tmp_path / "cycle.yml").write_text("steps: [{move: {id: sport, to: tennis}}]")
    lake_root = story.config.lake.root
    assert lake_root is not None
    wrong = local_config(Path(lake_root).parent, setting.replace("FOLDER", str(tmp_path)))
    with pytest.raises(ConfigurationError, match=said):
        curate_taxonomy.main(wrong)
    assert look(story.lake).versions == story.back.versions


@pytest.mark.soak
@pytest.mark.slow
def test_a_tree_that_was_made_from_another_version_is_not_put_in_force(story: Story) -> None:
    with pytest.raises(LinnaeusError, match="version 3 of the taxonomy has come into force meanwhile"):
        put_in_force(story.lake, FIRST, (), None, None, DISCOVERY, "y", {}, None, None, after=2)
    assert look(story.lake).versions == story.back.versions


def test_one_of_two_settings_is_wanted(make_config: MakeConfig, capsys: pytest.CaptureFixture[str]) -> None:
    for given in ([], ["--set", "taxonomy.curation=a.yml", "--set", "taxonomy.take_back=2"]):
        assert run_command("curate_taxonomy", curate_taxonomy.main, given) == 2
        assert "set one of the two" in capsys.readouterr().err
