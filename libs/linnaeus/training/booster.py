"""Distributed XGBoost over the assembled feature vector.

The workers are the tasks of one barrier stage, as those of `xgboost.spark`, and sum their histograms by the same
collective operations. What differs is how rows reach them: as Arrow batches of plain numbers, where `xgboost.spark`
takes a pandas object a row (see tests/benchmarks/models.md). And the rounds are a loop here, so that a stage that Spark
starts again after a lost worker goes on from its last checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xgboost
from pyspark.sql import DataFrame
from pyspark.sql.types import BinaryType, DoubleType, StructField, StructType
from xgboost import collective

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Booster
from linnaeus.contracts.lexical import vector_matrix
from linnaeus.training.examples import CLASS
from linnaeus.training.workers import together

VALIDATION = "is_validation"
Batches = Iterator[pa.RecordBatch]
_FITTED = StructType([StructField("booster", BinaryType()), StructField("loss", DoubleType())])
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
) -> Fitted:
    """A booster fitted on `features` (binary or array<float>) and `class_index`, with `weight`.

    `placed` has a partition a worker (see `place`). Where it stops early the rows with `is_validation` are not fitted
    but judge each round by their log loss: after `patience` rounds without a better one it ends, and keeps the rounds
    up to the best. `checkpoint` is a place that the first worker reaches from any machine: it writes the booster there
    every `checkpoint_rounds` rounds, and a fit that finds one goes on from it. Who calls removes it.
    """
    core = parameters(settings, seed)
    most, core["seed"] = core.pop("n_estimators"), core.pop("random_state")
    core |= {"objective": "binary:logistic", "eval_metric": "logloss"}
    if n_classes > 2:
        core |= {"objective": "multi:softprob", "eval_metric": "mlogloss", "num_class": n_classes}
    core["nthread"] = int(placed.sparkSession.conf.get("spark.task.cpus", "1"))
    rounds = _Rounds(most, settings.patience if stops_early else None, settings.checkpoint_rounds)

    def run(batches: Batches) -> Batches:
        with together() as rank:
            train, judge = _matrices(batches, stops_early, core["nthread"])
            booster, losses = _boost(core, train, judge, rounds, _Checkpoint(checkpoint, rank))
        if rank == 0:
            columns = [pa.array([bytes(booster.save_raw("ubj"))]), pa.array([min(losses, default=None)], pa.float64())]
            yield pa.RecordBatch.from_arrays(columns, names=_FITTED.names)

    wanted = [c.FEATURES, CLASS, c.WEIGHT, *([VALIDATION] if stops_early else [])]
    fitted = placed.select(*wanted).mapInArrow(run, _FITTED, barrier=True).collect()  # few: one row
    return Fitted(bytes(fitted[0]["booster"]), fitted[0]["loss"])


def _matrices(
    batches: Batches, stops_early: bool, threads: int
) -> tuple[xgboost.QuantileDMatrix, xgboost.QuantileDMatrix | None]:
    """A worker's rows that are fitted and those that judge. One without rows takes part with none."""
    train, judge = _Rows(), _Rows()
    for batch in batches:
        if batch.num_rows == 0:
            continue
        is_judge = np.asarray(batch.column(VALIDATION)) if stops_early else np.zeros(batch.num_rows, dtype=bool)
        features = vector_matrix(batch.column(c.FEATURES), _width(batch.column(c.FEATURES)), np.nan)
        classes, weights = np.asarray(batch.column(CLASS)), np.asarray(batch.column(c.WEIGHT))
        for rows, inside in ((train, ~is_judge), (judge, is_judge)):
            if inside.any():
                rows.add(features, classes, weights, None if inside.all() else inside)
    # A worker without rows learns from the others how wide they are.
    width = int(collective.allreduce(np.array([max(train.width, judge.width)]), collective.Op.MAX)[0])
    fitted = train.matrix(width, threads, None)
    return fitted, judge.matrix(width, threads, fitted) if stops_early else None


def _width(column: pa.Array) -> int:
    """Numbers of the first row: all rows have as many, or `vector_matrix` refuses them."""
    first = column[0]
    return len(first) if isinstance(first, pa.ListScalar) else len(first.as_py()) // 4


@dataclass(eq=False)
class _Rows:
    """Rows of batches, kept as they came: XGBoost's quantile matrix reads them a batch at a time."""

    features: list[npt.NDArray[np.float32]] = field(default_factory=list)
    classes: list[npt.NDArray[np.int32]] = field(default_factory=list)
    weights: list[npt.NDArray[np.float32]] = field(default_factory=list)

    @property
    def width(self) -> int:
        return self.features[0].shape[1] if self.features else 0

    def add(
        self,
        features: npt.NDArray[np.float32],
        classes: npt.NDArray[np.int32],
        weights: npt.NDArray[np.float32],
        inside: npt.NDArray[np.bool_] | None,
    ) -> None:
        for into, array in ((self.features, features), (self.classes, classes), (self.weights, weights)):
            into.append(array if inside is None else array[inside])  # type: ignore[arg-type, attr-defined]

    def matrix(self, width: int, threads: int, like: xgboost.QuantileDMatrix | None) -> xgboost.QuantileDMatrix:
        if not self.features:
            return xgboost.QuantileDMatrix(np.empty((0, width), np.float32), np.empty(0), ref=like, nthread=threads)
        return xgboost.QuantileDMatrix(_Feed(self), ref=like, nthread=threads)


class _Feed(xgboost.DataIter):  # type: ignore[misc]
    """Batches of rows, as often as XGBoost asks for them."""

    def __init__(self, rows: _Rows) -> None:
        super().__init__()
        self._rows, self._next = rows, 0

    def next(self, input_data: Callable[..., None]) -> bool:
        if self._next == len(self._rows.features):
            return False
        rows, place = self._rows, self._next
        input_data(data=rows.features[place], label=rows.classes[place], weight=rows.weights[place])
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
    train: xgboost.QuantileDMatrix,
    judge: xgboost.QuantileDMatrix | None,
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
    core: dict[str, Any], matrices: list[xgboost.QuantileDMatrix], kept: bytes | None
) -> tuple[xgboost.Booster, list[float]]:
    """A booster as it was kept, or a new one, and the losses of its rounds."""
    booster = xgboost.Booster(core, matrices)
    if kept is None:
        return booster, []
    booster.load_model(bytearray(kept))
    booster.set_param(core | {"seed": core["seed"] + booster.num_boosted_rounds()})
    return booster, json.loads(booster.attr(_LOSSES) or "[]")
