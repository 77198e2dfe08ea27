"""Tables read by delta-rs: look-ups and pages against a filter over all rows, and what is not as it is declared."""

from __future__ import annotations

import datetime
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, WriterProperties
from pyspark.sql import SparkSession

from linnaeus.contracts import tables
from linnaeus.contracts.errors import ConfigurationError, ReadError, SchemaError
from linnaeus.runtime.delta_reader import Refresher, StoredTable, Watched
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig
from tests.patience import PATIENCE
from tests.serving.service import rows_of, write

TABLE = tables.CONTENT_PROFILES
AT = datetime.datetime(2026, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
LETTERS = list("ab'%_\\\"/é\uffff𝄞\x00")


def random_ids(n: int, rng: np.random.Generator) -> list[str]:
    """Distinct texts of up to five odd characters, some longer than what statistics hold of them."""
    texts = {"".join(rng.choice(LETTERS, rng.integers(0, 6))) * rng.choice([1, 1, 20]) for _ in range(2 * n)}
    return [str(one) for one in rng.permutation(sorted(texts))[:n]]


def contents(owners: dict[str, str]) -> pa.Table:
    return rows_of(TABLE, {"content_id": list(owners), "creator_id": list(owners.values())})


def stored(lake: Path) -> StoredTable:
    return StoredTable(lake / TABLE.layer / TABLE.name, TABLE)


@pytest.mark.parametrize("is_sorted", [True, False])
def test_look_ups_and_pages_are_those_of_a_filter(tmp_path: Path, is_sorted: bool) -> None:
    rng = np.random.default_rng(3)
    ids, creators = random_ids(300, rng), random_ids(7, rng)
    owners = {one: str(rng.choice(creators)) for one in (sorted(ids) if is_sorted else ids)}
    small = WriterProperties(max_row_group_size=10)
    for i in range(0, 300, 75):
        part = dict(list(owners.items())[i : i + 75])
        write(tmp_path, TABLE, contents(part), "overwrite" if i == 0 else "append", writer_properties=small)
    table = stored(tmp_path)
    assert table.version == 3
    everything = table.all()
    assert everything.column("content_id").to_pylist() == sorted(owners)
    for n in (1, 2, 30):
        for _ in range(10):
            asked = [str(one) for one in rng.choice(ids, n)] + random_ids(2, rng)
            found = table.where("content_id", asked)
            assert sorted(found.column("content_id").to_pylist()) == sorted(set(asked) & set(owners))
            assert found.schema == everything.schema
    for creator in [*creators, "nobody"]:
        for after in (None, "", *ids[:4]):
            expected = sorted(i for i, owner in owners.items() if owner == creator and (after is None or i > after))
            found = table.page("creator_id", creator, "content_id", after, 5)
            assert found.column("content_id").to_pylist() == expected[:5]
            assert set(found.column("creator_id").to_pylist()) <= {creator}


def test_a_version_stays_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, TABLE, contents({"c": "old"}))
    old = stored(tmp_path)
    write(tmp_path, TABLE, contents({"c": "new", "d": "new"}))
    new = stored(tmp_path)
    assert (old.version, old.all().column("creator_id").to_pylist()) == (0, ["old"])
    assert old.where("content_id", ["d"]).num_rows == 0
    assert (new.version, new.all().column("creator_id").to_pylist()) == (1, ["new", "new"])


def test_an_empty_table(tmp_path: Path) -> None:
    write(tmp_path, TABLE, contents({}))
    table = stored(tmp_path)
    assert table.all().num_rows == table.where("content_id", ["c"]).num_rows == 0
    assert table.page("creator_id", "a", "content_id", None, 3).num_rows == 0


def test_columns_that_lack_are_null_and_others_are_passed_over(tmp_path: Path) -> None:
    rows = (
        contents({"c": "a"}).drop_columns(["risk", "scored_at", "taxonomy_version"]).append_column("x", pa.array([1]))
    )
    write(tmp_path, TABLE, rows)
    with pytest.raises(SchemaError, match="taxonomy_version, which is required, is not there; scored_at, which is req"):
        stored(tmp_path)
    rows = contents({"c": "a"}).drop_columns(["risk"]).append_column("x", pa.array([1]))
    write(tmp_path, TABLE, rows, schema_mode="overwrite")
    found = stored(tmp_path).all()
    assert found.column_names == list(TABLE.columns) and found.column("risk").to_pylist() == [None]


def test_a_column_of_another_type_is_refused(tmp_path: Path) -> None:
    rows = contents({"c": "a"}).drop_columns(["risk"]).append_column("risk", pa.array(["high"]))
    write(tmp_path, TABLE, rows)
    with pytest.raises(SchemaError, match="risk is string, declared as map<string,float>"):
        stored(tmp_path)


def test_files_that_are_gone(tmp_path: Path) -> None:
    write(tmp_path, TABLE, contents({"c": "a"}))
    table = stored(tmp_path)
    for file in DeltaTable(str(tmp_path / TABLE.layer / TABLE.name)).file_uris():
        Path(file).unlink()
    with pytest.raises(ReadError, match=r"gold.content_profiles, version 0: "):
        table.where("content_id", ["c"])


def test_a_watched_table_is_made_anew_when_it_changed_and_only_then(make_config: MakeConfig, tmp_path: Path) -> None:
    made: list[int] = []

    def build(table: StoredTable) -> list[str]:
        made.append(table.version)
        return [str(one) for one in table.all().column("content_id").to_pylist()]

    watched = Watched(TABLE, make_config(), build)
    lake = tmp_path / "lake"
    assert watched.current is None and watched.problem == "gold.content_profiles was not read yet"
    watched.refresh()
    assert watched.current is None and watched.problem is not None and "does not exist yet" in watched.problem
    write(lake, TABLE, contents({"c": "a"}))
    for _ in range(3):
        watched.refresh()
    assert made == [0] and watched.problem is None
    assert watched.current is not None and watched.current.view == ["c"]
    write(lake, TABLE, contents({"d": "a"}))
    watched.refresh()
    assert made == [0, 1] and watched.current.view == ["d"]

    # Deleted and made anew: its first version again, but another table.
    folder = lake / TABLE.layer / TABLE.name
    folder.rename(tmp_path / "away")
    watched.refresh()
    assert watched.current is None
    write(lake, TABLE, contents({"e": "a"}))
    watched.refresh()
    assert watched.current is not None and (watched.current.version, watched.current.view) == (0, ["e"])


def test_a_version_that_can_not_be_built_leaves_the_old_one(make_config: MakeConfig, tmp_path: Path) -> None:
    def build(table: StoredTable) -> int:
        if table.version == 1:
            raise RuntimeError("no\nmemory")
        return table.version

    watched = Watched(TABLE, make_config(), build)
    said = [(0, None), (0, "gold.content_profiles can't be read: no memory"), (2, None)]
    for version, (view, problem) in enumerate(said):
        write(tmp_path / "lake", TABLE, contents({f"c{version}": "a"}))
        watched.refresh()
        assert watched.current is not None and (watched.current.view, watched.problem) == (view, problem)


def test_unity_catalog_is_refused_in_words(make_config: MakeConfig) -> None:
    config = make_config("lake.root=null", "lake.catalog=main")
    with pytest.raises(ConfigurationError, match=r"Unity Catalog \(main\).*set lake.root to a folder"):
        Watched(TABLE, config, lambda table: table)


def test_a_refresher_refreshes_at_once_and_again_until_it_is_left() -> None:
    class Counted:
        n = 0
        thrice = threading.Event()

        def refresh(self) -> None:
            self.n += 1
            if self.n == 3:
                self.thrice.set()

    one = Counted()
    with Refresher([one], 0.01):
        assert one.n >= 1
        assert one.thrice.wait(PATIENCE)
    n = one.n
    assert not any(thread.name == "refresher" for thread in threading.enumerate())
    assert one.n == n


def test_what_spark_wrote(spark: SparkSession, make_config: MakeConfig, tmp_path: Path) -> None:
    """Ids longer than what Spark's statistics hold of them (32 characters), over two merges and four files."""
    lake = Lake(spark, make_config())
    ids = [f"{'x' * 40}{i:02d}" for i in range(20)] + ["\U0001d11e" * 33 + "b", "\uffff" * 40]
    for part in (ids[::2], ids[1::2]):
        rows = contents(dict.fromkeys(part, "a")).to_pylist()
        for row in rows:
            row.update(taxonomy_version="v", content_hash="h", scored_at=AT, risk={"spam": 0.5})
        frame = spark.createDataFrame([tuple(row[name] for name in TABLE.columns) for row in rows], TABLE.schema)
        lake.merge(frame.repartition(2, "content_id"), TABLE)
    table = stored(tmp_path / "lake")
    for one in ids:
        found = table.where("content_id", [one]).to_pylist()
        assert [(row["content_id"], row["risk"], row["scored_at"]) for row in found] == [(one, [("spam", 0.5)], AT)]
    assert (
        table.page("creator_id", "a", "content_id", ids[17], 3).column("content_id").to_pylist() == sorted(ids)[18:21]
    )
    assert table.version == lake.version(TABLE)
