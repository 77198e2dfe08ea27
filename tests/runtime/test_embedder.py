"""The embedder's folder and its identity."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from pyspark import SparkFiles
from pyspark.sql import SparkSession

from linnaeus.contracts.config import Embedder, fingerprint, load_config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.features.embeddings import embed_windows
from linnaeus.runtime.embedder import (
    _PREPARATION,
    NEEDED,
    _among_the_sessions_files,
    check_stamps,
    failure_on,
    identity,
    load_embedder,
)
from tests.tiny_embedder import VOCABULARY, make_embedder, slow_vector


@pytest.fixture
def settings(tmp_path: Path) -> Embedder:
    """A folder of a few bytes that has what an embedder needs."""
    folder = tmp_path / "embedder"
    for name in NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(f"the bytes of {name}".encode())
    return load_config("local").embedder.model_copy(update={"path": str(folder), "name": "mini"})


def test_identity_is_the_name_and_a_hash(settings: Embedder) -> None:
    assert re.fullmatch(r"mini@[0-9a-f]{12}\.[0-9a-f]{16}", identity(settings))
    assert identity(settings) == identity(settings)


@pytest.mark.parametrize("name", NEEDED)
def test_another_byte_is_another_embedder(settings: Embedder, name: str) -> None:
    before = identity(settings)
    file = Path(settings.path) / name
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(bytes(content))
    assert identity(settings) != before
    content[3] ^= 1
    file.write_bytes(bytes(content))
    assert identity(settings) == before


def test_bytes_that_move_from_file_to_file_make_another_embedder(settings: Embedder) -> None:
    before = identity(settings)
    files = [Path(settings.path) / name for name in NEEDED]
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, reversed(contents), strict=True):
        file.write_bytes(content)
    assert identity(settings) != before


@pytest.mark.parametrize(
    "change",
    [
        {"max_tokens": 64},
        {"overlap": 3},
        {"most_windows": 7},
        {"title_weight": 0.1},
        {"body_weight": 0.1},
        {"annotator": "BGEEmbeddings"},
        {"name": "maxi"},
    ],
    ids=str,
)
def test_a_setting_that_changes_vectors_makes_another_embedder(settings: Embedder, change: dict[str, object]) -> None:
    assert identity(settings.model_copy(update=change)) != identity(settings)


def test_vectors_of_whole_texts_keep_the_stamp_that_they_had_before_windows_could_be_capped(settings: Embedder) -> None:
    whole = settings.model_copy(update={"most_windows": None})
    values = ["annotator", "dimension", "max_tokens", "overlap", "title_weight", "body_weight"]
    recipe = fingerprint([{name: getattr(settings, name) for name in values}, _PREPARATION])
    assert identity(whole).endswith(f".{recipe}")
    capped = [identity(whole.model_copy(update={"most_windows": most})) for most in (1, 2)]
    assert len({identity(whole), *capped}) == 3


def test_where_the_folder_lies_and_how_rows_are_spread_do_not_count(settings: Embedder, tmp_path: Path) -> None:
    before = identity(settings)
    Path(settings.path).rename(tmp_path / "elsewhere")
    elsewhere = {"path": str(tmp_path / "elsewhere"), "windows_a_partition": 3, "batch_size": 1}
    moved = settings.model_copy(update=elsewhere)
    assert identity(moved) == before


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_is_said_in_one_line(settings: Embedder, name: str) -> None:
    (Path(settings.path) / name).unlink()
    for attempt in (identity, lambda given: load_embedder(None, given)):
        with pytest.raises(ConfigurationError) as error:
            attempt(settings)
        line = str(error.value)
        assert line.startswith("embedder.path: ") and name in line and settings.path in line and "make setup" in line
        assert "\n" not in line


def test_a_missing_folder(settings: Embedder, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"embedder\.path"):
        identity(settings.model_copy(update={"path": str(tmp_path / "nowhere")}))


def test_other_files_under_a_stamped_name_are_refused(settings: Embedder) -> None:
    stamp = identity(settings)
    check_stamps(stamp, [stamp, "other@0123456789ab.0123456789abcdef", "mini@of an older form"])
    recipe = identity(settings.model_copy(update={"overlap": 3}))
    check_stamps(recipe, [stamp])
    with pytest.raises(ConfigurationError, match=r"embedder.name: 'mini' was stamped .* \(0123456789ab, now "):
        check_stamps(stamp, ["mini@0123456789ab.0123456789abcdef"])


def tiny(folder: Path, **changes: object) -> Embedder:
    base = {"path": str(folder), "name": "tiny", "dimension": 8, "max_tokens": 16, "overlap": 2}
    return load_config("local").embedder.model_copy(update=base | changes)


def test_two_embedders_of_one_session_are_not_taken_for_each_other(spark: SparkSession, tmp_path: Path) -> None:
    folders = [make_embedder(tmp_path / name, seed=seed) for seed, name in enumerate(("first", "second"))]
    loaded = [load_embedder(spark, tiny(folder)) for folder in folders]
    texts = spark.createDataFrame([("h", 0, "cab bed")], "content_hash string, place int, text string")
    for folder, one in zip(folders, loaded, strict=True):
        assert one.vocabulary == VOCABULARY
        (row,) = embed_windows(texts, one.annotator).collect()
        np.testing.assert_allclose(row["embedding"], slow_vector(folder, "cab bed"), atol=1e-6)


def test_the_model_is_whole_among_the_sessions_files_before_a_task_may_look_for_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    folder = make_embedder(tmp_path / "embedder", seed=7)
    model = (folder / "model.onnx").read_bytes()
    name = hashlib.sha256(model).hexdigest()
    place = _among_the_sessions_files(name, model) / f"{name}.onnx"
    before = place.stat().st_ino, place.stat().st_mtime_ns
    load_embedder(spark, tiny(folder))
    assert Path(SparkFiles.get(place.name)) == place and place.read_bytes() == model
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == before  # Spark copied nothing
    assert not list(place.parent.glob(f"{place.name}.*"))


def test_a_folder_that_spark_nlp_saved_is_an_embedder(spark: SparkSession, tmp_path: Path) -> None:
    loaded = load_embedder(spark, tiny(make_embedder(tmp_path / "embedder")))
    saved = tmp_path / "saved"
    loaded.annotator.write().overwrite().save(str(saved))
    settings = tiny(saved, annotator="BGEEmbeddings", batch_size=1)
    again = load_embedder(spark, settings)
    assert again.vocabulary == VOCABULARY
    texts = spark.createDataFrame([("h", 0, "cab bed")], "content_hash string, place int, text string")
    vectors = [embed_windows(texts, one.annotator).first()["embedding"] for one in (loaded, again)]  # type: ignore[index]
    assert vectors[0] == vectors[1]
    stamp = identity(settings)
    file = next(p for p in saved.rglob("*") if p.is_file() and p.name.startswith("part-"))
    file.write_bytes(file.read_bytes() + b"\n")
    assert identity(settings) != stamp


@pytest.mark.parametrize("annotator", ["E5Embeddings", "BGEEmbeddings"])
def test_a_text_has_the_vector_that_it_has_alone_whatever_is_in_its_batch(
    spark: SparkSession, tmp_path: Path, annotator: str
) -> None:
    folder = make_embedder(tmp_path / "embedder")
    loaded = load_embedder(spark, tiny(folder, annotator=annotator, batch_size=8))
    texts = ["a", "cab bed", "abcdefghijk", "b", "fed a cab", "d", "ee ff"]
    rows = spark.createDataFrame(list(enumerate(texts)), "place int, text string").coalesce(1)
    for row in embed_windows(rows, loaded.annotator).collect():
        np.testing.assert_allclose(row["embedding"], slow_vector(folder, texts[row["place"]]), atol=1e-6)


def test_batches_are_refused_where_they_would_mix_texts(spark: SparkSession, tmp_path: Path) -> None:
    folder = make_embedder(tmp_path / "embedder")
    with pytest.raises(ConfigurationError, match=r"embedder\.batch_size: .* \(MPNetEmbeddings .*; set it to 1"):
        load_embedder(spark, tiny(folder, annotator="MPNetEmbeddings", batch_size=2))
    words = folder / "assets" / "vocab.txt"
    words.write_text("\n".join(["<s>", *VOCABULARY[1:]]) + "\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"embedder\.batch_size"):
        load_embedder(spark, tiny(folder, batch_size=2))


def test_a_model_that_fails_is_refused_with_what_it_says(spark: SparkSession, tmp_path: Path) -> None:
    folder = make_embedder(tmp_path / "failing", without_last=len(VOCABULARY) - 1)
    with pytest.raises(ConfigurationError, match=r"embedder.path: E5Embeddings can't run tiny: ai.onnxruntime.OrtExc"):
        load_embedder(spark, tiny(folder))


def test_what_is_said_of_a_failing_window(spark: SparkSession, tmp_path: Path) -> None:
    loaded = load_embedder(spark, tiny(make_embedder(tmp_path / "failing", without_last=1)))
    said = failure_on(spark, loaded.annotator, ["cab", "jazz"])
    assert said.startswith("ai.onnxruntime.OrtException") and "out of data bounds" in said and "\n" not in said
    assert "see the executor's log" in failure_on(spark, loaded.annotator, ["cab"])


def test_a_model_of_the_hub_that_can_not_be_fetched_is_said_in_one_line(spark: SparkSession) -> None:
    settings = load_config("local", ["embedder.path=null", "embedder.pretrained=no_such_model"]).embedder
    with pytest.raises(ConfigurationError) as error:
        identity(settings)
    assert str(error.value).startswith("embedder.pretrained: no_such_model (en) can't be fetched: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("both", [["embedder.pretrained=e5_small"], ["embedder.path=null"]])
def test_a_folder_or_a_name_not_both_and_not_neither(both: list[str]) -> None:
    with pytest.raises(ConfigurationError, match=r"set either embedder.path \(a folder\) or embedder.pretrained"):
        load_config("local", both)
