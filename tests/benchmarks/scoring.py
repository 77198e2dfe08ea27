"""Scoring: ours over MLflow's spark_udf, xgboost.spark's transform and a bare booster, on the same rows and model.

    .venv/bin/python tests/benchmarks/scoring.py [--rows 1000000] [--rounds 3]

Rows of 400 features (a vector of 384 and 16 statistics) are made by a seeded generator, once, into Delta tables under
.cache/benchmarks/scoring: as the lake has them (ours) with one array<float> beside them, and as 400 columns. One
booster of 10 classes, with the settings of conf/base.yml, is fitted once by XGBoost alone and kept there. It is served

- by linnaeus.inference.score, in a bundle without linear models: `score` as score_content calls it (categories, their
  paths and maps of probabilities), and `predict`;
- by `mlflow.pyfunc.spark_udf` on the model as MLflow's XGBoost flavour logs it (UBJSON), and on the bundle's own served
  model; by `SparkXGBClassifierModel.transform`; each by 400 columns and by an array. The fastest call of each on a
  twentieth of the rows is the one that is compared;
- by the booster alone, two threads, on rows that are in memory.

Each way first writes its probabilities of all rows, which warms it up; they are compared by content. Then each is
timed in turn, in an order that is turned round each time, reading included, every column of its answers made (the noop
sink). Ratios are medians of those within a round.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mlflow
import mlflow.xgboost
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBClassifier, SparkXGBClassifierModel

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import FeatureManifest, Head, LinearModel, ModelBundle
from linnaeus.contracts.config import Config, Node, RiskAreas, Taxonomy, load_config
from linnaeus.contracts.lexical import binary_array, list_array
from linnaeus.inference.score import PREDICTION_PREFIX, ScoringPlan, predict, score
from linnaeus.runtime.spark import build_session
from linnaeus.training.booster import parameters
from tests.benchmarks.support import print_table, timed

SEED = 17
SLOTS = 2
DIMENSION, N_STATISTICS, N_CLASSES = 384, 16, 10
WIDTH = DIMENSION + N_STATISTICS
BLOCK = 1000  # rows that are drawn together
FITTED_ROWS, FIRST_FITTED = 50_000, 10_000  # the booster's own rows, in blocks that no table has
BUCKETS = 1024
FOLDER = Path(".cache/benchmarks/scoring")
Matrix = npt.NDArray[np.float32]
CLASSES = tuple(f"class {i}" for i in range(N_CLASSES))
OURS, MLFLOW, TRANSFORM = "linnaeus", "mlflow.pyfunc.spark_udf", "SparkXGBClassifierModel.transform"
BARE, ALONE, SCORE = "bare booster", "alone", "score"
ASKED = {MLFLOW: 3.0, TRANSFORM: 1.2, BARE: 0.25}
TOLERANCE = 1e-5
FEWER = 20  # ways are chosen on one row of so many
SPARKS_BATCH = 10_000  # rows of an Arrow batch by default
_ANSWER = "answer"
ROWS, COLUMNS = "rows", "columns"  # the forms of the table
ARRAYS = [f"{c.VECTOR} binary", f"{c.STATISTICS} array<float>", f"{c.TERMS} array<int>", f"{c.FEATURES} array<float>"]
NAMES = [f"f{i:03d}" for i in range(WIDTH)]


def made(block: int) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """A block's rows, the same whatever is made beside them: unit vectors and statistics around their class's."""
    shared = np.random.default_rng(SEED)
    centres, levels = shared.normal(size=(N_CLASSES, DIMENSION)), shared.normal(size=(N_CLASSES, N_STATISTICS))
    rng = np.random.default_rng([SEED, block])
    classes = rng.integers(0, N_CLASSES, BLOCK)
    vectors = 0.25 * centres[classes] + rng.standard_normal((BLOCK, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    form = np.exp(0.3 * levels[classes] + rng.standard_normal((BLOCK, N_STATISTICS)))
    return np.hstack([vectors, form]).astype(np.float32), classes


def ids(block: int) -> list[str]:
    """Content ids of a block's rows, in order."""
    return [f"{block * BLOCK + i:09d}" for i in range(BLOCK)]


def write(session: SparkSession, n: int, forms: Iterable[str]) -> Path:
    """The rows in the forms that ways of scoring read, and where; a table that is there is kept."""
    place = FOLDER.resolve() / str(n)
    for form in forms:
        if not (place / form / "_delta_log").is_dir():
            make, columns = (_as_arrays, ARRAYS) if form == ROWS else (_as_columns, [f"{name} float" for name in NAMES])
            blocks = session.range(n // BLOCK, numPartitions=max(SLOTS, n // 60_000))
            rows = blocks.mapInArrow(make, f"{c.CONTENT_ID} string, {', '.join(columns)}")
            rows.write.format("delta").save(str(place / form))
    return place


def _as_arrays(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for block in (int(one) for batch in batches for one in np.asarray(batch.column(0))):
        rows, _ = made(block)
        no_terms = list_array(np.zeros((BLOCK, 0), np.float32), kind=pa.int32())
        arrays = [
            pa.array(ids(block)),
            binary_array(rows[:, :DIMENSION]),
            list_array(rows[:, DIMENSION:]),
            no_terms,
            list_array(rows),
        ]
        names = [c.CONTENT_ID, c.VECTOR, c.STATISTICS, c.TERMS, c.FEATURES]
        yield pa.RecordBatch.from_arrays(arrays, names=names)


def _as_columns(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for block in (int(one) for batch in batches for one in np.asarray(batch.column(0))):
        rows, _ = made(block)
        arrays = [pa.array(ids(block)), *[pa.array(column) for column in rows.T]]
        yield pa.RecordBatch.from_arrays(arrays, names=[c.CONTENT_ID, *NAMES])


def fitted(config: Config, folder: Path) -> bytes:
    """The booster (UBJSON): XGBoost's own fit with the training's settings, once."""
    settings = config.training.booster
    asked = parameters(settings, SEED) | {"n_jobs": SLOTS, "objective": "multi:softprob"}
    key = hashlib.sha256(json.dumps([asked, FITTED_ROWS, WIDTH, N_CLASSES]).encode()).hexdigest()[:8]
    place = folder / f"booster-{key}.ubj"
    if not place.is_file():
        blocks = [made(FIRST_FITTED + i) for i in range(FITTED_ROWS // BLOCK)]
        rows, classes = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        model = xgboost.XGBClassifier(**asked).fit(rows, classes)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes(model.get_booster().save_raw("ubj")))
    return place.read_bytes()


def bundle_of(booster: bytes) -> ModelBundle:
    """The booster as a model of ours, its linear models of no width: it sees the 400 features alone."""
    linear = LinearModel(
        np.ones(BUCKETS, np.float32),
        np.zeros((0, BUCKETS), np.float32),
        np.zeros((0, DIMENSION + 1), np.float32),
        np.zeros((0, BUCKETS), np.float32),
    )
    statistics_of = tuple(f"s{i:02d}" for i in range(N_STATISTICS))
    manifest = FeatureManifest("benchmark", "benchmark", DIMENSION, statistics_of, BUCKETS, bigrams=False)
    return ModelBundle("category", manifest, {c.CATEGORY: Head(CLASSES, booster, linear)})


@dataclass(frozen=True, eq=False)
class Way:
    """A way of scoring in Spark: the form of the rows it reads, its answers, and probabilities (array) from those."""

    name: str
    family: str
    form: str
    answers: Callable[[DataFrame], DataFrame]
    probabilities: Column


def ways(session: SparkSession, booster: bytes, folder: Path) -> list[Way]:
    """All ways but the bare booster, ours first."""
    bundle = bundle_of(booster)
    scoring = load_config("local").scoring
    tree = Taxonomy(nodes=tuple(Node(id=name, name=name) for name in CLASSES))
    thresholds = (scoring.accept_threshold, scoring.medium_threshold, scoring.high_threshold)
    plan = ScoringPlan.build(bundle, None, tree, RiskAreas(areas=()), thresholds, scoring.least_probability)
    told = F.array(*[F.coalesce(F.col(c.CATEGORY_PROBABILITIES)[name], F.lit(0.0)) for name in CLASSES])
    own = PREDICTION_PREFIX + c.CATEGORY
    return [
        Way(SCORE, OURS, ROWS, lambda rows: score(rows, plan), told),
        Way("predict", OURS, ROWS, lambda rows: predict(rows, bundle, (c.CONTENT_ID,)), F.col(own)),
        *_by_mlflow(session, booster, bundle, folder),
        *_by_xgboost(booster),
    ]


def _by_mlflow(session: SparkSession, booster: bytes, bundle: ModelBundle, folder: Path) -> list[Way]:
    flavour = xgboost.Booster()
    flavour.load_model(bytearray(booster))
    tensor = ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, WIDTH))]))
    mlflow.xgboost.save_model(flavour, str(folder / "columns"), model_format="ubj")
    mlflow.xgboost.save_model(flavour, str(folder / "array"), model_format="ubj", signature=tensor)
    files = folder / "bundle"
    files.mkdir()
    for name, content in bundle.to_files().items():
        (files / name).write_bytes(content)
    served_by, artifacts = str(Path(__file__).parents[2] / "jobs" / "served_model.py"), {"bundle": str(files)}
    mlflow.pyfunc.save_model(str(folder / "served"), python_model=served_by, artifacts=artifacts)
    udfs = {
        name: mlflow.pyfunc.spark_udf(session, str(folder / name), env_manager="local", result_type="array<float>")
        for name in ("columns", "array", "served")
    }
    served = F.struct(F.slice(c.FEATURES, 1, DIMENSION).alias(c.EMBEDDING), F.col(c.STATISTICS), F.col(c.TERMS))
    calls = (
        ("XGBoost flavour, a struct of 400 columns", COLUMNS, udfs["columns"](F.struct(*NAMES))),
        ("XGBoost flavour, 400 columns", COLUMNS, udfs["columns"](*NAMES)),
        ("XGBoost flavour, an array", ROWS, udfs["array"](F.struct(c.FEATURES))),
        ("our served model, arrays", ROWS, udfs["served"](served)),
    )
    return [Way(name, MLFLOW, form, _with_answer(answer), F.col(_ANSWER)) for name, form, answer in calls]


def _with_answer(answer: Column) -> Callable[[DataFrame], DataFrame]:
    return lambda rows: rows.select(c.CONTENT_ID, answer.alias(_ANSWER))


def _by_xgboost(booster: bytes) -> list[Way]:
    model = xgboost.XGBClassifier(n_jobs=1)  # of a task, as its own fit sets it
    model.load_model(bytearray(booster))

    def transform(rows: DataFrame, **columns: object) -> DataFrame:
        spark_model = SparkXGBClassifier(**columns)._copyValues(SparkXGBClassifierModel(model))  # as a fit ends
        return spark_model.transform(rows).drop(c.FEATURES, *NAMES, c.VECTOR, c.STATISTICS, c.TERMS)

    found = vector_to_array(F.col("probability"))
    of_columns, of_array = {"features_col": NAMES}, {"features_col": c.FEATURES}
    return [
        Way("400 columns", TRANSFORM, COLUMNS, lambda rows: transform(rows, **of_columns), found),
        Way("an array", TRANSFORM, ROWS, lambda rows: transform(rows, **of_array), found),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help=f"a multiple of {BLOCK}")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.rows % BLOCK or not 0 < options.rows <= FIRST_FITTED * BLOCK:
        parser.error(f"--rows must be a multiple of {BLOCK:,}, {FIRST_FITTED * BLOCK:,} at most")
    # Both of the JVM's compilers, as conf/local.yml advises for large tables.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    config = load_config("local", [f"spark.master=local[{SLOTS}]", "spark.extra={}"])
    booster = fitted(config, FOLDER)
    session = build_session(config, "benchmark")
    with tempfile.TemporaryDirectory() as folder:
        found = ways(session, booster, Path(folder))
        few = max(options.rows // FEWER, BLOCK)
        chosen = choose(Runner(session, write(session, few, (ROWS, COLUMNS)), config.scoring.rows_a_batch), found, few)
        place = write(session, options.rows, {way.form for way in chosen})
        runner, bare = Runner(session, place, config.scoring.rows_a_batch), Bare(booster, options.rows)
        compare(runner, chosen, bare, options.rows, Path(folder) / "answers")
        race(runner, chosen, bare, options)
    session.stop()


@dataclass(frozen=True, eq=False)
class Runner:
    """Runs ways of scoring over the tables; ours in the batches that score_content sets, others in Spark's own."""

    session: SparkSession
    tables: Path
    rows_a_batch: int

    def answers(self, way: Way) -> DataFrame:
        """The answers of a way on all rows."""
        batch = self.rows_a_batch if way.family == OURS else SPARKS_BATCH
        self.session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(batch))
        return way.answers(self.session.read.format("delta").load(str(self.tables / way.form)))

    def seconds(self, way: Way) -> float:
        """How long all of its answers take."""
        with timed() as clock:
            self.answers(way).write.format("noop").mode("overwrite").save()
        print(f"{way.family}, {way.name}: {clock.seconds:.1f} s", file=sys.stderr, flush=True)
        return clock.seconds


class Bare:
    """The booster alone: all threads, rows that are in memory."""

    def __init__(self, booster: bytes, n: int) -> None:
        self.rows = np.concatenate([made(block)[0] for block in range(n // BLOCK)])
        self._booster = xgboost.Booster()
        self._booster.load_model(bytearray(booster))
        self._booster.set_param({"nthread": SLOTS})

    def probabilities(self) -> Matrix:
        """Of all rows (rows, classes)."""
        return np.asarray(self._booster.inplace_predict(self.rows))

    def seconds(self) -> float:
        """How long they take."""
        with timed() as clock:
            self.probabilities()
        print(f"bare booster: {clock.seconds:.1f} s", file=sys.stderr, flush=True)
        return clock.seconds


def choose(runner: Runner, found: list[Way], n: int) -> list[Way]:
    """Ours, and of each other family the way that is the fastest on n rows, the best of three runs."""
    seconds = {way: min(runner.seconds(way) for _ in range(3)) for way in found}
    ours = seconds[found[0]]
    rows = [(way.family, way.name, f"{n / seconds[way]:,.0f}", f"{seconds[way] / ours:.2f}") for way in found]
    header = ("family", "call", "rows a second", f"{found[0].name} to it")
    print_table(f"Calls, on {n:,} rows, the best of three", header, rows)
    fastest = [min((way for way in found if way.family == one), key=seconds.__getitem__) for one in (MLFLOW, TRANSFORM)]
    return [*(way for way in found if way.family == OURS), *fastest]


def compare(runner: Runner, chosen: list[Way], bare: Bare, n: int, folder: Path) -> None:
    """Write everybody's probabilities of all rows, and print how far they lie from the bare booster's at most."""
    folder.mkdir()
    alone = pa.table({c.CONTENT_ID: pa.array([f"{i:09d}" for i in range(n)]), ALONE: list_array(bare.probabilities())})
    pq.write_table(alone, folder / "bare.parquet")
    joined = runner.session.read.parquet(str(folder / "bare.parquet"))
    for i, way in enumerate(chosen):
        answers = runner.answers(way).select(c.CONTENT_ID, way.probabilities.cast("array<double>").alias(f"p{i}"))
        answers.write.parquet(str(folder / f"{i}.parquet"))
        joined = joined.join(runner.session.read.parquet(str(folder / f"{i}.parquet")), c.CONTENT_ID, "full")
    apart = [F.max(_apart(F.col(ALONE), F.col(f"p{i}"), way)).alias(f"apart{i}") for i, way in enumerate(chosen)]
    same = [F.count(F.when(F.col(f"p{i}").isNotNull() & F.col(ALONE).isNotNull(), 1)) for i in range(len(chosen))]
    answer = joined.agg(F.count(F.lit(1)), *same, *apart).first()
    assert answer is not None
    rows = []
    for i, way in enumerate(chosen):
        if {answer[0], answer[1 + i]} != {n}:
            raise SystemExit(f"{way.family}, {way.name}: {answer[1 + i]:,} rows of {n:,}")
        largest = answer[1 + len(chosen) + i]
        if not largest <= TOLERANCE:
            raise SystemExit(f"{way.family}, {way.name}: {largest:.2g} from the bare booster")
        rows.append((way.family, way.name, f"{largest:.1e}"))
    header = ("family", "call", "largest difference from the bare booster")
    print_table(f"Probabilities of all {n:,} rows, by content", header, rows)


def _apart(alone: Column, answer: Column, way: Way) -> Column:
    """The largest difference in a row. What `score` leaves out is below `least_probability`: that is not compared."""
    is_told = (lambda p: p > 0) if way.name == SCORE else (lambda p: F.lit(True))
    return F.array_max(F.zip_with(alone, answer, lambda a, p: F.when(is_told(p), F.abs(a - p)).otherwise(0.0)))


def race(runner: Runner, chosen: list[Way], bare: Bare, options: argparse.Namespace) -> None:
    """All in turn, and the table of figures."""
    seconds: dict[str, list[float]] = {}
    runs = {f"{way.family}, {way.name}": partial(runner.seconds, way) for way in chosen} | {BARE: bare.seconds}
    for i in range(options.rounds):
        for name in list(runs) if i % 2 == 0 else list(runs)[::-1]:
            seconds.setdefault(name, []).append(runs[name]())
    ours = seconds[next(iter(runs))]
    rows = []
    for name in runs:
        rates = [options.rows / one for one in seconds[name]]
        ratio = statistics.median(other / own for own, other in zip(ours, seconds[name], strict=True))
        asked = next((f"{least:g}" for family, least in ASKED.items() if name.startswith(family)), "")
        shown = (f"{value:,.0f}" for value in (statistics.median(rates), min(rates), max(rates)))
        rows.append((name, *shown, f"**{ratio:.2f}**" if asked else f"{ratio:.2f}", asked))
    header = ("what", "rows a second, median", "min", "max", "score to it, median of rounds", "asked: at least")
    model = f"{N_CLASSES} classes, {len(bare.rows):,} x {WIDTH}, {options.rounds} rounds in turn"
    print_table(f"Scoring: {model}", header, rows)


if __name__ == "__main__":
    main()
