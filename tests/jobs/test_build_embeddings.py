"""build_embeddings over a lake of a few contents, with real annotators over models of a few kilobytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import build_embeddings
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError, LinnaeusError
from linnaeus.runtime.command import JobResult
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig
from tests.contents import contents as rows_of
from tests.oracles import numbers_of
from tests.tiny_embedder import make_embedder, slow_vector

Contents = dict[str, tuple[str | None, str | None]]
THREE: Contents = {"1": (None, "a cab"), "2": (None, "bed"), "3": (None, "a cab")}
SELDOM = (pytest.mark.slow, pytest.mark.soak)  # settings that CI has no time for


class Bench:
    """A lake with contents, and the job run on it."""

    def __init__(self, spark: SparkSession, make_config: MakeConfig, folder: Path) -> None:
        self.spark, self.make_config, self.folder = spark, make_config, folder
        self.lake = Lake(spark, self.config())

    def config(self, *overrides: str, embedder: str = "embedder", name: str = "tiny") -> Config:
        own = (f"embedder.path={self.folder / embedder}", f"embedder.name={name}", "embedder.dimension=8")
        return self.make_config(*own, "embedder.max_tokens=16", "embedder.overlap=2", *overrides)

    def put(self, contents: Contents) -> None:
        self.lake.merge(rows_of(self.spark, contents), tables.CONTENT)

    def run(self, *overrides: str, **embedder: str) -> JobResult:
        return build_embeddings.main(self.config(*overrides, **embedder))

    def vectors(self) -> dict[str, np.ndarray]:
        rows = self.lake.read(tables.EMBEDDINGS).collect()
        stored = {(row[c.CONTENT_HASH], row[c.EMBEDDER]): row[c.VECTOR] for row in self.texts().collect()}
        assert all(numbers_of(stored[row[c.CONTENT_HASH], row[c.EMBEDDER]]) == row[c.EMBEDDING] for row in rows)
        return {row[c.CONTENT_ID]: np.array(row[c.EMBEDDING]) for row in rows}

    def texts(self) -> DataFrame:
        return self.lake.read(tables.TEXT_EMBEDDINGS)

    def stamps(self, version: int | None = None) -> set[str]:
        rows = self.lake.read(tables.EMBEDDINGS, version).select(c.EMBEDDER).distinct().collect()
        return {row[c.EMBEDDER].partition("@")[0] for row in rows}

    def stored(self) -> list[tuple[str, str]]:
        return sorted((row[c.EMBEDDER].partition("@")[0], row[c.CONTENT_HASH]) for row in self.texts().collect())


@pytest.fixture
def bench(spark: SparkSession, make_config: MakeConfig, tmp_path: Path) -> Bench:
    make_embedder(tmp_path / "embedder")
    return Bench(spark, make_config, tmp_path)


def test_a_distinct_text_is_computed_once_and_unchanged_ones_cost_nothing(bench: Bench, tmp_path: Path) -> None:
    bench.put(THREE)
    first = bench.run()
    assert (first.rows_read, first.rows_written, first.details["embedded"]) == (3, 3, "2 distinct texts")
    found = bench.vectors()
    for key, (_, body) in THREE.items():
        np.testing.assert_allclose(found[key], slow_vector(tmp_path / "embedder", body or ""), atol=1e-6)
    versions = [bench.lake.version(table) for table in first.tables]
    again = bench.run()
    assert (again.rows_read, again.rows_written) == (0, 0)
    assert [bench.lake.version(table) for table in first.tables] == versions


def test_a_changed_text_alone_is_computed_and_an_old_one_that_comes_back_is_not(bench: Bench) -> None:
    bench.put(THREE)
    bench.run()
    bench.put({"2": (None, "a new one")})
    changed = bench.run()
    assert (changed.rows_read, changed.details["embedded"]) == (1, "1 distinct texts")
    bench.put({"2": (None, "bed"), "4": (None, "bed")})
    back = bench.run()
    assert (back.rows_read, back.rows_written, back.details["embedded"]) == (2, 2, "0 distinct texts")
    assert np.array_equal(bench.vectors()["2"], bench.vectors()["4"])


def test_a_content_without_text_has_no_row_and_is_not_asked_for_again(bench: Bench) -> None:
    bench.put({"1": (None, None), "2": (" ", ""), "3": ("a title", None)})
    assert bench.run().rows_read == 1  # "a title" is of letters that the model knows
    assert set(bench.vectors()) == {"3"}
    assert bench.run().rows_read == 0


def test_all_of_a_long_text_counts(bench: Bench) -> None:
    same = " ".join("abc" for _ in range(200))
    bench.put({"1": (None, same), "2": (None, f"{same} {'xyxy ' * 50}"), "3": (None, f"{'xyxy ' * 50} {same}")})
    bench.run()
    found = bench.vectors()
    assert found["1"] @ found["2"] < 0.95
    assert found["2"] @ found["3"] > 0.98


def test_a_title_counts_by_its_weight(bench: Bench, tmp_path: Path) -> None:
    bench.put({"1": ("cab", "bed"), "2": (None, "bed"), "3": ("cab", None)})
    bench.run("embedder.title_weight=0.25", "embedder.body_weight=2.0")
    cab, bed, both = (slow_vector(tmp_path / "embedder", words) for words in ("cab", "bed", "cab bed"))
    mean = 0.25 * cab + 2.0 * both
    found = bench.vectors()
    np.testing.assert_allclose(found["1"], mean / np.linalg.norm(mean), atol=1e-6)
    np.testing.assert_allclose(found["2"], bed, atol=1e-6)
    np.testing.assert_allclose(found["3"], cab, atol=1e-6)


class _CutOffError(Exception):
    """What a killed process would not even say."""


def _cut_off_after(monkeypatch: pytest.MonkeyPatch, commits: int) -> Callable[[], None]:
    """The process dies after so many commits of vectors; the answer lets it live again."""
    merge, done = Lake.merge, [0]

    def dying(self: Lake, rows: Any, table: Any, **known: Any) -> Any:
        if table is tables.TEXT_EMBEDDINGS and done[0] == commits:
            raise _CutOffError
        done[0] += table is tables.TEXT_EMBEDDINGS
        return merge(self, rows, table, **known)

    monkeypatch.setattr(Lake, "merge", dying)
    return lambda: monkeypatch.setattr(Lake, "merge", merge)


def many(n: int) -> Contents:
    letters = "abcdefghij"
    return {str(i): (None, " ".join(letters[int(digit)] for digit in f"{i:03d}")) for i in range(n)}


@pytest.mark.slow
def test_a_fill_that_was_cut_off_goes_on_where_it_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.put(many(30))
    live = _cut_off_after(monkeypatch, 2)
    with pytest.raises(_CutOffError):
        bench.run("embedder.texts_a_commit=10")
    live()
    done = bench.stored()
    assert 0 < len(done) < 30 and not bench.vectors()
    result = bench.run("embedder.texts_a_commit=10")
    assert result.details["embedded"] == f"{30 - len(done)} distinct texts"
    assert len(bench.stored()) == len(bench.vectors()) == 30


@pytest.mark.slow
def test_vectors_of_two_embedders_are_never_side_by_side(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_embedder(tmp_path / "other", seed=1)
    bench.put(many(20))
    bench.run()
    live = _cut_off_after(monkeypatch, 1)
    with pytest.raises(_CutOffError):
        bench.run("embedder.texts_a_commit=10", embedder="other", name="other")
    live()
    assert bench.stamps() == {"tiny"} and len({name for name, _ in bench.stored()}) == 2
    bench.run("embedder.texts_a_commit=10", embedder="other", name="other")
    newest = bench.lake.version(tables.EMBEDDINGS)
    assert newest is not None
    seen = [bench.stamps(version) for version in range(newest + 1)]
    assert seen.pop(0) == set(), "a table is made before it has its first rows"
    assert {"other"} in seen and {"tiny"} in seen and all(len(stamps) == 1 for stamps in seen)
    np.testing.assert_allclose(bench.vectors()["7"], slow_vector(tmp_path / "other", "a a h"), atol=1e-6)
    back = bench.run()
    assert (back.rows_written, back.details["embedded"]) == (20, "0 distinct texts")


def test_a_text_on_which_the_annotator_fails_goes_to_quarantine_and_the_others_go_on(
    bench: Bench, tmp_path: Path
) -> None:
    make_embedder(tmp_path / "failing", without_last=1)  # has no row for the token ##z
    bench.put(many(12) | {"bad": (None, "jazz"), "worse": (None, "fizz buzz"), "again": (None, "jazz")})
    result = bench.run(embedder="failing", name="failing")
    assert (result.rows_quarantined, result.rows_written) == (2, 12)
    # Those that were in a batch with them are embedded all the same.
    np.testing.assert_allclose(bench.vectors()["7"], slow_vector(tmp_path / "failing", "a a h"), atol=1e-6)
    rows = bench.lake.read(tables.QUARANTINE).collect()
    assert sorted(row[c.RAW] for row in rows) == ["fizz buzz", "jazz"]
    assert {(row[c.SOURCE], tuple(row[c.ERRORS])) for row in rows} == {("build_embeddings", ("embedding_failed",))}
    assert {row[c.DETAIL].partition(":")[0] for row in rows} == {"ai.onnxruntime.OrtException"}
    again = bench.run(embedder="failing", name="failing")
    assert (again.rows_read, again.rows_quarantined) == (0, 0)


@pytest.mark.slow
def test_a_text_that_takes_its_task_along_is_found_by_halves(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = build_embeddings.embed

    def failing(texts: DataFrame, *rest: Any) -> DataFrame:
        fails = F.when(F.col(c.BODY) == "bad", F.raise_error(F.lit("can't be read"))).otherwise(F.col(c.BODY))
        return embed(texts.withColumn(c.BODY, fails.cast("string")), *rest)

    monkeypatch.setattr(build_embeddings, "embed", failing)
    bench.put(many(6) | {"bad": (None, "bad")})
    result = bench.run()
    assert (result.rows_quarantined, result.rows_written) == (1, 6)
    (row,) = bench.lake.read(tables.QUARANTINE).collect()
    assert row[c.RAW] == "bad" and "can't be read" in row[c.DETAIL]
    assert bench.run().rows_read == 0


def test_an_embedder_that_fails_on_every_text_is_given_up(bench: Bench, tmp_path: Path) -> None:
    make_embedder(tmp_path / "failing", without_last=1)
    bench.put({str(i): (None, f"zz {'a ' * i}") for i in range(8)})
    with pytest.raises(LinnaeusError, match=r"failed on more than 3 texts \(embedder.most_failures\)"):
        bench.run("embedder.most_failures=3", embedder="failing", name="failing")
    assert not bench.lake.exists(tables.EMBEDDINGS)


def test_another_dimension_than_said_is_refused_before_a_row_is_written(bench: Bench) -> None:
    bench.put(THREE)
    with pytest.raises(ConfigurationError, match=r"embedder.dimension: tiny gives vectors of 8 numbers, not 16"):
        bench.run("embedder.dimension=16")
    assert not bench.lake.exists(tables.TEXT_EMBEDDINGS)


def test_changed_files_under_a_stamped_name_are_refused_before_a_row_is_written(bench: Bench, tmp_path: Path) -> None:
    bench.put(THREE)
    bench.run()
    version = bench.lake.version(tables.TEXT_EMBEDDINGS)
    make_embedder(tmp_path / "embedder", seed=2)
    with pytest.raises(ConfigurationError, match=r"embedder.name: 'tiny' was stamped on vectors with other files"):
        bench.run()
    assert bench.lake.version(tables.TEXT_EMBEDDINGS) == version
    assert bench.run(name="tiny_2").rows_written == 3


@pytest.mark.slow
def test_another_recipe_of_the_same_files_is_another_kind(bench: Bench) -> None:
    bench.put({"1": ("cab", "bed")})
    bench.run()
    before = bench.vectors()["1"]
    assert bench.run("embedder.title_weight=3.0").rows_written == 1
    assert not np.allclose(bench.vectors()["1"], before)


@pytest.mark.parametrize("missing", ["model.onnx", "assets/vocab.txt"])
def test_a_folder_that_lacks_a_file_is_refused(bench: Bench, tmp_path: Path, missing: str) -> None:
    bench.put(THREE)
    (tmp_path / "embedder" / missing).unlink()
    with pytest.raises(ConfigurationError, match=f"embedder.path: .* has no {missing}"):
        bench.run()
    assert not bench.lake.exists(tables.TEXT_EMBEDDINGS)


def test_a_model_that_is_none_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.put(THREE)
    (tmp_path / "embedder" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ConfigurationError, match=r"embedder.path: model.onnx is no ONNX model"):
        bench.run()


@pytest.mark.parametrize(
    "annotator", ["MPNetEmbeddings", *(pytest.param(one, marks=SELDOM) for one in ("E5Embeddings", "BGEEmbeddings"))]
)
def test_annotators_by_name(bench: Bench, annotator: str, tmp_path: Path) -> None:
    bench.put(THREE)
    size = 1 if annotator == "MPNetEmbeddings" else 4
    assert bench.run(f"embedder.annotator={annotator}", f"embedder.batch_size={size}").rows_written == 3
    found = bench.vectors()
    assert {vector.shape for vector in found.values()} == {(8,)}
    if annotator != "MPNetEmbeddings":
        np.testing.assert_allclose(found["2"], slow_vector(tmp_path / "embedder", "bed"), atol=1e-6)


def test_a_repost_has_the_signature_of_its_original(bench: Bench) -> None:
    text = "the quick brown fox jumps over the lazy dog near the old mill at noon"
    bench.put({"1": (None, text), "2": (None, f"{text}!!!"), "3": (None, "some words of another kind entirely")})
    bench.run()
    found = {row[c.CONTENT_ID]: row[c.SIGNATURE] for row in bench.lake.read(tables.EMBEDDINGS).collect()}
    assert found["1"] == found["2"] != found["3"]
