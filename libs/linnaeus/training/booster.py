"""Distributed XGBoost over the assembled feature vector.

The workers are the tasks of one barrier stage, as those of `xgboost.spark`, and sum their histograms by the same
collective operations. What differs is how rows reach them: as Arrow batches of plain numbers, where `xgboost.spark`
takes a pandas object a row (see tests/benchmarks/models.md). The rounds are a loop here, so that a stage that Spark
starts again after a lost worker goes on from its last checkpoint. And rows that don't fit in memory can be kept in
files, from where XGBoost reads them a batch at a time (its external memory): the same booster, byte for byte.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xgboost
from pyspark import BarrierTaskContext
from pyspark.sql import DataFrame
from pyspark.sql.types import BinaryType, DoubleType, StringType, StructField, StructType
from xgboost import collective

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Booster
from linnaeus.contracts.errors import InputError
from linnaeus.contracts.lexical import Floats, vector_matrix
from linnaeus.training.examples import CLASS
from linnaeus.training.refusal import NAMED, refuse
from linnaeus.training.workers import Batches, fitted_by, together

VALIDATION = "is_validation"
SCRATCH = "booster-"  # how folders of workers begin that keep their rows in files
_FITTED = StructType(
    [StructField("booster", BinaryType()), StructField("loss", DoubleType()), StructField("refusal", StringType())]
)
_FITTED_ARROW = (pa.binary(), pa.float64(), pa.string())
_LOSSES = "losses"  # an attribute of a checkpoint: the validation losses of its rounds


class Store(Protocol):
    """What keeps bytes, replaced as a whole: a process that dies while it writes leaves those before."""

    def read(self) -> bytes | None:
        """What was written last, or None."""

    def write(self, content: bytes) -> None:
        """Replace it."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A booster as UBJSON, and its log loss on the rows that judged it, where there were any."""

    booster: bytes
    loss: float | None


def place(train: DataFrame, workers: int) -> DataFrame:
    """Rows on workers by their id and sorted there: the same rows give the same booster, however they came.

    A content stands once for each of its classes.
    """
    return train.repartition(workers, c.CONTENT_ID).sortWithinPartitions(c.CONTENT_ID, CLASS)


def parameters(settings: Booster, seed: int) -> dict[str, Any]:
    """The settings under the names of XGBoost's scikit-learn interface."""
    own = settings.model_dump(exclude={"patience", "checkpoint_rounds"})
    return {"n_estimators": own.pop("rounds"), **own, "tree_method": "hist", "random_state": seed}


def fit_booster(
    placed: DataFrame,
    n_classes: int,
    seed: int,
    settings: Booster,
    stops_early: bool = False,
    checkpoint: Store | None = None,
    on_disk: bool = False,
) -> Fitted:
    """A booster fitted on `features` (binary or array<float>; NaN: missing) and `class_index`, with `weight`.

    `placed` has a partition a worker (see `place`). Where it stops early the rows with `is_validation` are not fitted
    but judge each round by their log loss: after `patience` rounds without a better one it ends, and keeps the rounds
    up to the best. `checkpoint` is a place that the first worker reaches from any machine: it writes the booster there
    every `checkpoint_rounds` rounds, and a fit that finds one goes on from it. Who calls removes it. `on_disk`: workers
    keep rows in files among Spark's own (`spark.local.dir`) and not in memory.

    Raises InputError, which names contents by `content_id`, where features are infinite or weights negative or not
    finite.
    """
    core = parameters(settings, seed)
    most, core["seed"] = core.pop("n_estimators"), core.pop("random_state")
    core |= {"objective": "binary:logistic", "eval_metric": "logloss"}
    if n_classes > 2:
        core |= {"objective": "multi:softprob", "eval_metric": "mlogloss", "num_class": n_classes}
    core["nthread"] = int(placed.sparkSession.conf.get("spark.task.cpus", "1") or 1)
    rounds = _Rounds(most, settings.patience if stops_early else None, settings.checkpoint_rounds)

    def run(batches: Batches) -> Batches:
        with together() as rank, _scratch(on_disk) as folder:
            found = _fit_rows(batches, core, rounds, stops_early, _Checkpoint(checkpoint, rank), folder)
        if rank == 0:
            columns = [pa.array([one], kind) for one, kind in zip(found, _FITTED_ARROW, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, names=_FITTED.names)

    wanted = [c.CONTENT_ID, c.FEATURES, CLASS, c.WEIGHT, *([VALIDATION] if stops_early else [])]
    fitted = fitted_by(placed.select(*wanted), run, _FITTED)
    if fitted["refusal"] is not None:
        raise InputError(fitted["refusal"])
    return Fitted(bytes(fitted["booster"]), fitted["loss"])


@contextmanager
def _scratch(is_wanted: bool) -> Iterator[Path | None]:
    """A folder on this machine that lasts as long as a worker's fit; None where it is not wanted.

    It lies in one of Spark's own, so that what a worker leaves that is killed goes with the executor.
    """
    if not is_wanted:
        yield None
        return
    parent = os.environ.get("SPARK_LOCAL_DIRS", tempfile.gettempdir()).split(",")[0]
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _fit_rows(
    batches: Batches,
    core: dict[str, Any],
    rounds: _Rounds,
    stops_early: bool,
    checkpoint: _Checkpoint,
    folder: Path | None,
) -> tuple[bytes | None, float | None, str | None]:
    """The booster and its loss, or why these rows are refused: an error would have Spark start the stage again.

    Matrices end with this function, before the folder in which their pages are.
    """
    try:
        train, judge = _matrices(batches, stops_early, core["nthread"], folder)
    except InputError as error:
        return None, None, str(error)
    booster, losses = _boost(core, train, judge, rounds, checkpoint)
    return bytes(booster.save_raw("ubj")), min(losses, default=None), None


def _matrices(
    batches: Batches, stops_early: bool, threads: int, folder: Path | None
) -> tuple[xgboost.DMatrix, xgboost.DMatrix | None]:
    """A worker's rows that are fitted and those that judge. One without rows takes part with none."""
    train, judge = _Rows(folder, "train"), _Rows(folder, "judge")
    unfit = _Unfit()
    for batch in batches:
        if batch.num_rows == 0:
            continue
        is_judge = np.asarray(batch.column(VALIDATION)) if stops_early else np.zeros(batch.num_rows, dtype=bool)
        features = vector_matrix(batch.column(c.FEATURES), _width(batch.column(c.FEATURES)), np.nan)
        classes, weights = np.asarray(batch.column(CLASS)), np.asarray(batch.column(c.WEIGHT))
        unfit.look(batch.column(c.CONTENT_ID), features, weights)
        for rows, inside in ((train, ~is_judge), (judge, is_judge)):
            if inside.any():
                rows.add(features, classes, weights, None if inside.all() else inside)
    # A worker without rows learns from the others how wide they are, and all of them whether one has to give up.
    told = np.array([max(train.width, judge.width), unfit.is_any])
    width, is_any_unfit = (int(one) for one in collective.allreduce(told, collective.Op.MAX))
    if is_any_unfit:
        unfit.refuse()
    fitted = train.matrix(width, threads, None)
    return fitted, judge.matrix(width, threads, fitted) if stops_early else None


def _width(column: pa.Array) -> int:
    """Numbers of the first row: all rows have as many, or `vector_matrix` refuses them."""
    first = column[0]
    return len(first) if isinstance(first, pa.ListScalar) else len(first.as_py()) // 4


@dataclass
class _Unfit:
    """Ids of a worker's contents that XGBoost would refuse, without a word of which they are."""

    infinite: list[str] = field(default_factory=list)
    weightless: list[str] = field(default_factory=list)

    @property
    def is_any(self) -> bool:
        return bool(self.infinite or self.weightless)

    def look(self, ids: pa.Array, features: Floats, weights: Floats) -> None:
        """Zero is a weight: of an answer that nobody gave."""
        is_weight = np.isfinite(weights) & (weights >= 0)
        if not is_weight.all():
            self.weightless += ids.filter(pa.array(~is_weight)).to_pylist()
        is_infinite = np.isinf(features)
        if is_infinite.any():
            self.infinite += ids.filter(pa.array(is_infinite.any(axis=1))).to_pylist()

    def refuse(self) -> NoReturn:
        """Raises InputError, the same in all workers: none waits for another that is gone."""
        told = BarrierTaskContext.get().allGather(json.dumps([self.infinite[:NAMED], self.weightless[:NAMED]]))
        infinite, weightless = ([name for one in map(json.loads, told) for name in one[place]] for place in (0, 1))
        if infinite:
            refuse(infinite, "features are infinite; run build_tokens and build_embeddings anew")
        refuse(weightless, "weights are negative or not finite; look at silver.labels, and run aggregate_labels anew")


@dataclass(eq=False)
class _Rows:
    """Rows of batches, kept as they came, the wide part in files of a folder where there is one.

    XGBoost's matrix reads them a batch at a time.
    """

    folder: Path | None
    name: str
    features: list[Floats | Path] = field(default_factory=list)
    classes: list[npt.NDArray[np.int32]] = field(default_factory=list)
    weights: list[Floats] = field(default_factory=list)
    width: int = 0

    def add(
        self, features: Floats, classes: npt.NDArray[np.int32], weights: Floats, inside: npt.NDArray[np.bool_] | None
    ) -> None:
        if inside is not None:
            features, classes, weights = features[inside], classes[inside], weights[inside]
        self.width = features.shape[1]
        if self.folder is None:
            self.features.append(features)
        else:
            file = self.folder / f"{self.name}-{len(self.features)}.npy"
            np.save(file, features)
            self.features.append(file)
            classes, weights = classes.copy(), weights.copy()  # they would hold the whole batch
        self.classes.append(classes)
        self.weights.append(weights)

    def matrix(self, width: int, threads: int, like: xgboost.DMatrix | None) -> xgboost.DMatrix:
        if not self.features:
            return xgboost.QuantileDMatrix(np.empty((0, width), np.float32), np.empty(0), ref=like, nthread=threads)
        kind = xgboost.QuantileDMatrix if self.folder is None else xgboost.ExtMemQuantileDMatrix
        return kind(_Feed(self), ref=like, nthread=threads)


class _Feed(xgboost.DataIter):  # type: ignore[misc]
    """Batches of rows, as often as XGBoost asks for them."""

    def __init__(self, rows: _Rows) -> None:
        super().__init__(cache_prefix=str(rows.folder / rows.name) if rows.folder else None)
        self._rows, self._next = rows, 0

    def next(self, input_data: Callable[..., None]) -> bool:
        if self._next == len(self._rows.features):
            return False
        rows, place = self._rows, self._next
        kept = rows.features[place]
        features = np.load(kept) if isinstance(kept, Path) else kept
        input_data(data=features, label=rows.classes[place], weight=rows.weights[place])
        self._next += 1
        return True

    def reset(self) -> None:
        self._next = 0


@dataclass(frozen=True)
class _Checkpoint:
    """What is kept of the booster between rounds, by the first worker; nothing where there is no place for it."""

    store: Store | None
    rank: int

    def read(self) -> bytes | None:
        """What the first worker finds, told to all, so that they begin at the same round."""
        if self.store is None:
            return None
        found = self.store.read() if self.rank == 0 else None
        return collective.broadcast(found or b"", 0) or None

    def write(self, booster: bytes) -> None:
        if self.store is not None and self.rank == 0:
            self.store.write(booster)


@dataclass(frozen=True)
class _Rounds:
    """How many rounds at most, after how many without a gain it ends (None: never), and how many are a stretch."""

    most: int
    patience: int | None
    stretch: int

    def has_ended(self, done: int, losses: list[float]) -> bool:
        waited = len(losses) - 1 - int(np.argmin(losses)) if losses else 0
        return done >= self.most or (self.patience is not None and waited >= self.patience)


def _boost(
    core: dict[str, Any],
    train: xgboost.DMatrix,
    judge: xgboost.DMatrix | None,
    rounds: _Rounds,
    checkpoint: _Checkpoint,
) -> tuple[xgboost.Booster, list[float]]:
    """Stretch after stretch of rounds, and the losses of them all.

    Losses are sums over all workers, so all of them end at the same round. Each stretch begins with a new learner that
    has read the booster, and with a seed of its own: what its rounds draw is the same whether it was read from memory
    or, by another process, from the checkpoint.
    """
    kept = checkpoint.read()
    while True:
        booster, losses = _learner(core, [train] if judge is None else [train, judge], kept)
        begin = booster.num_boosted_rounds()
        for place in range(begin, min(begin + rounds.stretch, rounds.most)):
            if rounds.has_ended(place, losses):
                break
            booster.update(train, place)
            if judge is not None:
                losses.append(float(booster.eval(judge).rpartition(":")[2]))
        if rounds.has_ended(booster.num_boosted_rounds(), losses):
            booster.set_attr(**{_LOSSES: None})
            is_cut = rounds.patience is not None and losses
            return booster[: int(np.argmin(losses)) + 1] if is_cut else booster, losses
        booster.set_attr(**{_LOSSES: json.dumps(losses)})
        kept = bytes(booster.save_raw("ubj"))
        checkpoint.write(kept)


def _learner(
    core: dict[str, Any], matrices: list[xgboost.DMatrix], kept: bytes | None
) -> tuple[xgboost.Booster, list[float]]:
    """A booster as it was kept, or a new one, and the losses of its rounds."""
    booster = xgboost.Booster(core, matrices)
    if kept is None:
        return booster, []
    booster.load_model(bytearray(kept))
    booster.set_param(core | {"seed": core["seed"] + booster.num_boosted_rounds()})
    return booster, json.loads(booster.attr(_LOSSES) or "[]")
