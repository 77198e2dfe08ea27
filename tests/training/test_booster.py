"""The booster: reproducible, and at ease with contents without a vector and workers without rows."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import xgboost
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import log_loss

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Booster
from linnaeus.contracts.errors import InputError
from linnaeus.runtime.files import KeptFile
from linnaeus.training.booster import SCRATCH, VALIDATION, Store, fit_booster, place
from linnaeus.training.examples import CLASS

SETTINGS = Booster(
    rounds=6,
    patience=3,
    checkpoint_rounds=2,
    max_depth=3,
    learning_rate=0.3,
    subsample=0.8,
    colsample_bytree=0.7,
    min_child_weight=0.1,
    reg_lambda=1.0,
)
DIMENSION, WIDTH, N = 3, 7, 90
_SCHEMA = f"{c.CONTENT_ID} string, {c.FEATURES} array<float>, {CLASS} int, {c.WEIGHT} float"
Row = tuple[str, list[float], int, float]


def rows_of(n_classes: int) -> list[Row]:
    """The first number after the vector tells the class; every fifth content has no vector."""
    rng = np.random.default_rng(n_classes)
    rows: list[Row] = []
    for i in range(N):
        kind = i % n_classes
        vector = [float("nan")] * DIMENSION if i % 5 == 0 else rng.normal(size=DIMENSION).tolist()
        rest = [kind + rng.normal(scale=0.1), *rng.normal(size=WIDTH - DIMENSION - 1)]
        rows.append((f"c{i:03}", [float(x) for x in (*vector, *rest)], kind, 1.0))
    return rows


def matrix_of(rows: list[Row]) -> npt.NDArray[np.float32]:
    return np.array([row[1] for row in rows], dtype=np.float32)


def loaded(content: bytes) -> xgboost.Booster:
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    return booster


def fit(rows: DataFrame, n_classes: int = 2, seed: int = 17) -> bytes:
    return fit_booster(place(rows, 2), n_classes, seed, SETTINGS).booster


def test_the_same_rows_give_the_same_bytes_whatever_the_partitioning(spark: SparkSession) -> None:
    rows = rows_of(3)
    first = fit(spark.createDataFrame(rows, _SCHEMA).coalesce(1), 3)
    again = fit(spark.createDataFrame(rows[::-1], _SCHEMA).repartition(5), 3)
    assert first == again
    probabilities = loaded(first).inplace_predict(matrix_of(rows))
    assert probabilities.shape == (N, 3)
    assert np.isfinite(probabilities).all()
    truth = np.array([row[2] for row in rows])
    assert (probabilities.argmax(axis=1) == truth).mean() > 0.95  # those without a vector among them
    assert loaded(first).num_boosted_rounds() == SETTINGS.rounds


def test_a_worker_without_rows(spark: SparkSession) -> None:
    rows = spark.createDataFrame(rows_of(2), _SCHEMA)
    in_one = place(rows, 2).where(F.spark_partition_id() == 0)
    ids = [row[c.CONTENT_ID] for row in in_one.select(c.CONTENT_ID).collect()]
    assert 20 < len(ids) < 70
    chosen = [row for row in rows_of(2) if row[0] in ids]
    booster = loaded(fit(spark.createDataFrame(chosen, _SCHEMA)))
    chances = booster.inplace_predict(matrix_of(chosen))
    assert chances.shape == (len(ids),)  # two classes: one probability, of the second
    truth = np.array([row[2] for row in chosen])
    assert ((chances > 0.5) == truth).mean() > 0.95


def test_place_sorts_by_id_and_spreads(spark: SparkSession) -> None:
    placed = place(spark.createDataFrame(rows_of(2), _SCHEMA).repartition(4), 3)
    parts = placed.select(c.CONTENT_ID).rdd.mapPartitions(lambda part: [[row[0] for row in part]]).collect()
    assert len(parts) == 3
    assert all(part == sorted(part) and len(part) > 10 for part in parts)
    assert sum(map(len, parts)) == N


def test_a_content_of_two_classes_gives_the_same_bytes_too(spark: SparkSession) -> None:
    rows = [
        (name, numbers, kind, weight) for name, numbers, _, _ in rows_of(3) for kind, weight in ((0, 0.75), (2, 0.25))
    ]
    first = fit(spark.createDataFrame(rows, _SCHEMA).coalesce(1), 3)
    assert fit(spark.createDataFrame(rows[::-1], _SCHEMA).repartition(5), 3) == first


def test_weights_count(spark: SparkSession) -> None:
    """A class whose rows weigh next to nothing is hardly ever predicted where classes overlap."""
    rows: list[Row] = [(f"c{i:03}", [0.0] * WIDTH, i % 2, 0.05 if i % 2 else 1.0) for i in range(40)]
    chances = loaded(fit(spark.createDataFrame(rows, _SCHEMA))).inplace_predict(matrix_of(rows))
    assert chances.max() < 0.2


def test_it_stops_early_and_keeps_the_best_rounds(spark: SparkSession) -> None:
    """Of labels without any rhyme or reason nothing can be learnt: the first rounds are the best."""
    rng = np.random.default_rng(9)
    rows = [(f"c{i:03}", [float(x) for x in rng.normal(size=WIDTH)], int(rng.integers(0, 2)), 1.0) for i in range(120)]
    frame = spark.createDataFrame(rows, _SCHEMA).withColumn(VALIDATION, F.col(c.CONTENT_ID) >= "c080")
    settings = SETTINGS.model_copy(update={"rounds": 60, "patience": 3})
    fitted = fit_booster(place(frame, 2), 2, 17, settings, stops_early=True)
    stopped = loaded(fitted.booster)
    whole = loaded(fit_booster(place(frame.where(~F.col(VALIDATION)), 2), 2, 17, settings).booster)
    assert whole.num_boosted_rounds() == 60
    kept = stopped.num_boosted_rounds()
    assert 1 <= kept < 20
    # The same trees as without validation, up to there: what judges is not fitted.
    inputs = np.array([row[1] for row in rows], dtype=np.float32)
    np.testing.assert_allclose(
        stopped.inplace_predict(inputs), whole.inplace_predict(inputs, iteration_range=(0, kept)), atol=1e-6
    )
    truth = np.array([row[2] for row in rows])[80:]
    losses = [
        log_loss(truth, whole.inplace_predict(inputs[80:], iteration_range=(0, n)), labels=[0, 1])
        for n in range(1, kept + 4)
    ]
    assert int(np.argmin(losses)) + 1 == kept
    assert fitted.loss == pytest.approx(min(losses), abs=1e-5)


def test_a_worker_without_rows_that_judge(spark: SparkSession) -> None:
    frame = spark.createDataFrame(rows_of(3), _SCHEMA)
    settings = SETTINGS.model_copy(update={"patience": 2})
    in_first = (F.spark_partition_id() == 0) & (F.xxhash64(c.CONTENT_ID) % 2 == 0)
    mixed = place(frame, 2).withColumn(VALIDATION, in_first)
    counted = mixed.groupBy(F.spark_partition_id().alias("p")).agg(F.sum(F.col(VALIDATION).cast("int")).alias("n"))
    judges = {row["p"]: row["n"] for row in counted.collect()}
    assert judges[0] > 5 and judges[1] == 0
    booster = loaded(fit_booster(mixed, 3, 17, settings, stops_early=True).booster)
    rows = rows_of(3)
    truth = np.array([row[2] for row in rows])
    assert (booster.inplace_predict(matrix_of(rows)).argmax(axis=1) == truth).mean() > 0.9


def test_a_fit_goes_on_from_its_checkpoint(spark: SparkSession, tmp_path: Path) -> None:
    """The rounds before it are not fitted again, and the booster is that of a fit without a break."""
    frame = place(spark.createDataFrame(rows_of(3), _SCHEMA), 2)
    file = tmp_path / "checkpoints" / "one.ubj"
    short = SETTINGS.model_copy(update={"rounds": 5})
    fit_booster(frame, 3, 17, short, checkpoint=KeptFile(file))
    assert loaded(file.read_bytes()).num_boosted_rounds() == 4
    assert [one.name for one in file.parent.iterdir()] == ["one.ubj"]
    kept = file.read_bytes()
    whole = loaded(fit_booster(frame, 3, 17, SETTINGS).booster)
    # Other labels: what is fitted again would show them.
    strange = frame.withColumn(CLASS, (F.col(CLASS) + 1) % 3)
    resumed = loaded(fit_booster(frame, 3, 17, SETTINGS, checkpoint=KeptFile(file)).booster)
    file.write_bytes(kept)
    mixed = loaded(fit_booster(strange, 3, 17, SETTINGS, checkpoint=KeptFile(file)).booster)
    assert {one.num_boosted_rounds() for one in (whole, resumed, mixed)} == {SETTINGS.rounds} == {6}
    inputs = matrix_of(rows_of(3))
    np.testing.assert_allclose(resumed.inplace_predict(inputs), whole.inplace_predict(inputs), atol=1e-6)
    first = [one.inplace_predict(inputs, iteration_range=(0, 4)) for one in (whole, mixed)]
    np.testing.assert_allclose(*first, atol=1e-6)
    assert (np.abs(mixed.inplace_predict(inputs) - whole.inplace_predict(inputs)) > 0.01).any()


def test_early_stopping_goes_on_as_if_there_had_been_no_break(spark: SparkSession, tmp_path: Path) -> None:
    frame = place(spark.createDataFrame(rows_of(2), _SCHEMA), 2).withColumn(
        VALIDATION, F.xxhash64(c.CONTENT_ID) % 3 == 0
    )
    settings = SETTINGS.model_copy(update={"rounds": 30, "patience": 4, "learning_rate": 1.0})
    whole = fit_booster(frame, 2, 17, settings, stops_early=True)
    file = tmp_path / "one.ubj"
    fit_booster(frame, 2, 17, settings.model_copy(update={"rounds": 3}), stops_early=True, checkpoint=KeptFile(file))
    resumed = fit_booster(frame, 2, 17, settings, stops_early=True, checkpoint=KeptFile(file))
    assert loaded(resumed.booster).num_boosted_rounds() == loaded(whole.booster).num_boosted_rounds() < 30
    inputs = matrix_of(rows_of(2))
    np.testing.assert_allclose(
        loaded(resumed.booster).inplace_predict(inputs), loaded(whole.booster).inplace_predict(inputs), atol=1e-6
    )


@pytest.fixture
def small_batches(spark: SparkSession) -> Iterator[None]:
    """Several pages a worker."""
    name = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(name)
    spark.conf.set(name, "5")
    yield
    spark.conf.set(name, before)


def scratch_folders(spark: SparkSession) -> list[Path]:
    """What workers keep on disk at this moment."""
    places = spark.sparkContext._jvm.org.apache.spark.SparkEnv.get().blockManager().diskBlockManager().localDirs()
    return [one for place in places for one in Path(place.getPath()).glob(f"{SCRATCH}*")]


def watching(file: Path) -> Store:
    """A store that writes down which files workers keep on disk while it is written to."""

    class Watching:
        def read(self) -> bytes | None:
            return None

        def write(self, content: bytes) -> None:
            found = Path(os.environ["SPARK_LOCAL_DIRS"].split(",")[0]).glob(f"{SCRATCH}*/*")
            file.write_text("\n".join(sorted({one.name for one in found})), encoding="utf-8")

    return Watching()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.usefixtures("small_batches")
def test_rows_on_disk_give_the_same_bytes(spark: SparkSession, tmp_path: Path, n_classes: int) -> None:
    frame = place(spark.createDataFrame(rows_of(n_classes), _SCHEMA), 2)
    frame = frame.withColumn(VALIDATION, F.xxhash64(c.CONTENT_ID) % 3 == 0)
    in_memory = fit_booster(frame, n_classes, 17, SETTINGS, True)
    seen = tmp_path / "seen.txt"
    on_disk = fit_booster(frame, n_classes, 17, SETTINGS, True, watching(seen), on_disk=True)
    assert on_disk.booster == in_memory.booster
    assert on_disk.loss == in_memory.loss is not None
    names = seen.read_text(encoding="utf-8").split("\n")
    assert {"train-0.npy", "train-1.npy", "judge-0.npy", "judge-1.npy"} <= set(names)
    assert sum("gradient_index" in name for name in names) >= 2  # XGBoost's own pages of both kinds of rows
    assert scratch_folders(spark) == []


@pytest.mark.parametrize("lacking", ["train", "judge", "all"])
def test_a_worker_that_lacks_rows(spark: SparkSession, lacking: str) -> None:
    """The first worker has none that are fitted, none that judge or none at all: in memory and on disk alike."""
    is_first, is_drawn = F.spark_partition_id() == 0, F.xxhash64(c.CONTENT_ID) % 3 == 0
    placed = place(spark.createDataFrame(rows_of(3), _SCHEMA), 2)
    judges = {"train": is_first, "judge": is_drawn & ~is_first, "all": is_drawn}[lacking]
    frame = placed.withColumn("is_first", is_first).withColumn(VALIDATION, judges)
    frame = frame.where(~F.col("is_first")) if lacking == "all" else frame
    counted = frame.groupBy("is_first", VALIDATION).count().collect()
    has = {(row["is_first"], row[VALIDATION]) for row in counted if row["count"] > 5}
    without = {"train": {(True, False), (False, True)}, "judge": {(True, True)}, "all": {(True, False), (True, True)}}
    assert has == {(True, False), (True, True), (False, False), (False, True)} - without[lacking]
    fitted = fit_booster(frame, 3, 17, SETTINGS, True)
    assert fit_booster(frame, 3, 17, SETTINGS, True, on_disk=True).booster == fitted.booster
    truth = np.array([row[2] for row in rows_of(3)])
    assert (loaded(fitted.booster).inplace_predict(matrix_of(rows_of(3))).argmax(axis=1) == truth).mean() > 0.7


def killing(file: Path, keeps: bool) -> Store:
    """A store that kills its worker, once, when four rounds are written; its log says with how many each fit began."""

    class Killing:
        def read(self) -> bytes | None:
            found = KeptFile(file).read() if keeps else None
            with file.with_suffix(".log").open("a") as log:
                log.write(f"{self._rounds(found)}\n")
            return found

        def write(self, content: bytes) -> None:
            if keeps:
                KeptFile(file).write(content)
            mark = file.with_suffix(".killed")
            if self._rounds(content) == 4 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)

        def _rounds(self, content: bytes | None) -> int:
            booster = xgboost.Booster()
            if content is not None:
                booster.load_model(bytearray(content))
            return booster.num_boosted_rounds() if content is not None else 0

    return Killing()


@pytest.mark.parametrize(("keeps", "begins"), [(True, [0, 4]), (False, [0, 0])])
def test_a_killed_worker_does_not_lose_the_fit(
    spark: SparkSession, tmp_path: Path, keeps: bool, begins: list[int]
) -> None:
    """Spark starts the stage again, which goes on from the checkpoint, or from nothing where none was kept."""
    frame = place(spark.createDataFrame(rows_of(3), _SCHEMA), 2)
    frame = frame.withColumn(VALIDATION, F.xxhash64(c.CONTENT_ID) % 3 == 0)
    undisturbed = fit_booster(frame, 3, 17, SETTINGS, True)
    file = tmp_path / "one.ubj"
    fitted = fit_booster(frame, 3, 17, SETTINGS, True, killing(file, keeps))
    assert file.with_suffix(".killed").exists()
    assert [int(line) for line in file.with_suffix(".log").read_text().split()] == begins
    assert fitted.booster == undisturbed.booster
    assert fitted.loss == undisturbed.loss


@pytest.mark.parametrize(
    ("column", "value", "ids", "said"),
    [
        (
            c.FEATURES,
            "inf",
            ("c003",),
            "content c003: features are infinite; run build_tokens and build_embeddings anew",
        ),
        (
            c.FEATURES,
            "-inf",
            ("c071", "c002", "c030", "c031"),
            "contents c002, c030, c031 and others: features are inf",
        ),
        (c.WEIGHT, "nan", ("c001", "c002"), "contents c001, c002: weights are negative or not finite; look at"),
        (c.WEIGHT, "inf", ("c001",), "content c001: weights are"),
        (c.WEIGHT, "-0.5", ("c001",), "content c001: weights are"),
    ],
)
def test_contents_that_cannot_be_fitted_on_are_named(
    spark: SparkSession, column: str, value: str, ids: tuple[str, ...], said: str
) -> None:
    number = F.lit(value).cast("float")
    wrong = number if column == c.WEIGHT else F.concat(F.slice(column, 1, WIDTH - 1), F.array(number))
    frame = spark.createDataFrame(rows_of(2), _SCHEMA)
    frame = frame.withColumn(column, F.when(F.col(c.CONTENT_ID).isin(*ids), wrong).otherwise(F.col(column)))
    with pytest.raises(InputError) as raised:
        fit_booster(place(frame, 2), 2, 17, SETTINGS, on_disk=True)
    assert str(raised.value).startswith(said)
    assert scratch_folders(spark) == []


def test_a_weight_of_zero_counts_for_nothing(spark: SparkSession) -> None:
    rows = rows_of(2)
    weightless = [("d000", [9.0] * WIDTH, 1, 0.0), *rows]
    chances = [
        loaded(fit(spark.createDataFrame(one, _SCHEMA))).inplace_predict(matrix_of(rows)) for one in (rows, weightless)
    ]
    assert ((chances[0] > 0.5) == (chances[1] > 0.5)).all()
