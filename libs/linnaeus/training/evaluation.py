"""Figures on held-out contents, overall and by slice, each with an interval from a bootstrap over creators.

Spark sums what each replicate needs where the rows are; a slice's sums meet on one worker, which turns them into
figures. What reaches the driver is a few numbers a slice, however many contents there are.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DoubleType, LongType, StringType, StructField, StructType
from scipy import sparse

from linnaeus.contracts import columns as c
from linnaeus.contracts.columns import OVERALL
from linnaeus.contracts.config import Evaluation as Settings
from linnaeus.contracts.config import path_of
from linnaeus.training import figures
from linnaeus.training.bootstrap import interval, weights
from linnaeus.training.distinct import Keys, count, least

NODE = "node"
SLICES = "slices"
CREATOR = "__creator"
PREDICTED = "predicted"
Batches = Iterable[pa.RecordBatch]
Floats = npt.NDArray[np.float64]
# Probabilities are counted in levels that are narrow where risk is: at p the width is p · (1 - p) / 356.
_LEVELS, _WIDEST = 8192, 11.5
_BUFFERS = ("levels", "first", "second", "creators")
_SUMS = StructType(
    [StructField(c.SLICE, StringType())]
    + [StructField(name, BinaryType()) for name in _BUFFERS]
    + [StructField(c.N, LongType())]
)
_NOTHING = np.zeros(0)
_N_CREATORS = "__n_creators"  # among a slice's metrics until they are figures
_CURVE_FROM = 10 * figures.BINS  # contents of a slice, ten a bin, from which on it has a reliability curve
_FOUND = StructType(
    [
        StructField(c.SLICE, StringType()),
        StructField(c.METRIC, StringType()),
        StructField("values", ArrayType(DoubleType())),
        StructField(c.N, LongType()),
    ]
)


@dataclass(frozen=True, eq=False)
class Figure:
    """A metric of a slice on n contents: `values` (1 + replicates,), the first of which is the data's own.

    `creators` is how many made those contents, where it was counted.
    """

    slice: str
    metric: str
    values: Floats
    n: int
    creators: int | None = None

    @property
    def value(self) -> float:
        """The figure itself."""
        return float(self.values[0])

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95% interval, or None where too few replicates define it."""
        return interval(self.values)


def judged(scored: DataFrame, slices: Mapping[str, Column]) -> DataFrame:
    """Rows with `__creator`, the 64-bit key of their creator, and `slices`, the names of all slices they are in.

    `slices` gives the value of each dimension (null: in no slice of it); the name of a slice is `dimension=value`.
    """
    named = [
        F.when(value.isNotNull(), F.concat(F.lit(f"{name}="), value.cast("string"))) for name, value in slices.items()
    ]
    every = F.array_compact(F.array(F.lit(OVERALL), *named))
    return scored.withColumn(CREATOR, F.xxhash64(c.CREATOR_ID)).withColumn(SLICES, every)


def category_figures(
    rows: DataFrame, classes: Sequence[str], parents: Mapping[str, str | None], settings: Settings, seed: int
) -> list[Figure]:
    """Macro- and micro-F1, accuracy, hierarchical precision, recall and F1, and how well the most probable class's
    probability is calibrated.

    Of each class precision, recall and F1, in the slice `node=<class>`. `rows` are `judged` ones with `label`,
    `predicted` and `probability` (of the predicted class). `classes` holds all labels and predictions.
    """
    names, replicates = sorted(set(classes)), settings.replicates
    place = {name: i for i, name in enumerate(names)}
    sets = [set(path_of(name, parents)) for name in names]
    shared = np.array([[len(a & b) for b in sets] for a in sets], dtype=float)
    depth = np.array([len(one) for one in sets], dtype=float)

    def sums(batch: pd.DataFrame, drawn: Floats) -> Floats:
        true, predicted = (batch[name].map(place).to_numpy() for name in (c.LABEL, PREDICTED))
        hits = np.where((true == predicted)[:, None], drawn, 0.0)
        by_class = [_by_place(true, one, len(names)) for one in (hits, drawn)]
        by_class.insert(1, _by_place(predicted, drawn, len(names)))
        of_nodes = np.stack([shared[true, predicted], depth[predicted], depth[true]]) @ drawn
        return np.vstack([*by_class, of_nodes])

    def run(batches: Batches) -> Batches:
        total: dict[str, tuple[Floats, int]] = {}
        seen: dict[str, Keys] = {}
        for frame, drawn in _drawn(batches, replicates, seed):
            for name, inside in _slices(frame):
                summed, n = total.get(name, (0.0, 0))
                total[name] = summed + sums(frame[inside], drawn[inside]), n + int(inside.sum())
                _see(seen, name, frame[inside])
            for label, inside in frame.groupby(c.LABEL):
                _see(seen, f"{NODE}={label}", inside)
        of_slices = {name: (_NOTHING, one, _NOTHING, n) for name, (one, n) in total.items()}
        of_nodes = dict.fromkeys(sorted(seen.keys() - total.keys()), (_NOTHING, _NOTHING, _NOTHING, 0))
        yield _partial(of_slices | of_nodes, seen)

    def of_slice(partial: pd.DataFrame) -> pd.DataFrame:
        if partial[c.SLICE].iloc[0].startswith(f"{NODE}="):
            return _rows_of(partial, {})  # its figures come with those of all contents
        parts: list[Floats] = [_by_replicate(one, replicates) for one in partial["first"]]
        summed = reduce(operator.add, parts)
        k = len(names)
        of_classes = (summed[:k], summed[k : 2 * k], summed[2 * k : 3 * k])
        found = _rows_of(partial, figures.of_classes(*of_classes) | figures.of_ancestors(*summed[3 * k :]))
        if partial[c.SLICE].iloc[0] != OVERALL:
            return found
        return pd.concat([found, _rows_by_node(names, figures.of_each_class(*of_classes), of_classes[2])])

    kept = [CREATOR, SLICES, c.LABEL, PREDICTED]
    found = _collected(rows.select(*kept).mapInArrow(run, _SUMS), of_slice)
    is_right = (F.col(c.LABEL) == F.col(PREDICTED)).alias("is_positive")
    sure = _ranked(rows.select(CREATOR, SLICES, c.PROBABILITY, is_right), settings, seed, is_ranking=False)
    return sorted([*found, *sure], key=lambda one: (one.slice, one.metric))


def risk_figures(rows: DataFrame, settings: Settings, seed: int) -> list[Figure]:
    """PR-AUC, ROC-AUC, recall at a precision and at a capacity of review, calibration error and curve, prevalence.

    `rows` are `judged` ones with `probability` and `is_positive`. See figures.py for each.
    """
    return _ranked(rows.select(CREATOR, SLICES, c.PROBABILITY, "is_positive"), settings, seed, is_ranking=True)


def _ranked(rows: DataFrame, settings: Settings, seed: int, is_ranking: bool) -> list[Figure]:
    """Figures of calibration, and where it is a ranking those of its order."""
    replicates = settings.replicates
    precision, capacity = settings.precision, settings.capacity

    def run(batches: Batches) -> Batches:
        total: dict[str, list[tuple[npt.NDArray[np.int64], Floats, Floats]]] = {}
        n: dict[str, int] = {}
        seen: dict[str, Keys] = {}
        for frame, drawn in _drawn(batches, replicates, seed):
            levels = _level(frame[c.PROBABILITY].to_numpy(dtype=float))
            is_yes = frame["is_positive"].to_numpy(dtype=bool)[:, None]
            for name, inside in _slices(frame):
                found = _by_level(levels[inside], drawn[inside], is_yes[inside])
                total[name] = [_added([*total.get(name, []), found])]
                n[name] = n.get(name, 0) + int(inside.sum())
                _see(seen, name, frame[inside])
        yield _partial({name: (*one[0], n[name]) for name, one in total.items()}, seen)

    def of_slice(partial: pd.DataFrame) -> pd.DataFrame:
        parts = [
            (np.frombuffer(a, np.int64), _by_replicate(b, replicates), _by_replicate(d, replicates))
            for a, b, d in zip(partial["levels"], partial["first"], partial["second"], strict=True)
        ]
        levels, yes, no = _added(parts)
        found = figures.of_ranking(yes, no, precision, capacity) if is_ranking else {}
        found |= figures.of_calibration(_middle(levels), yes, no)
        has_curve = partial[c.N].sum() >= _CURVE_FROM
        return _rows_of(partial, {m: one for m, one in found.items() if has_curve or not figures.is_of_curve(m)})

    return _collected(rows.mapInArrow(run, _SUMS), of_slice)


def _drawn(batches: Batches, replicates: int, seed: int) -> Iterator[tuple[pd.DataFrame, Floats]]:
    """Batches as frames, with how often each row is drawn in each replicate: (rows, 1 + replicates)."""
    for batch in batches:
        frame = batch.to_pandas()
        if len(frame) > 0:
            yield frame, weights(frame[CREATOR].to_numpy(dtype=np.int64), replicates, seed)


def _slices(frame: pd.DataFrame) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """The name of each slice, and which rows are in it."""
    exploded = frame[SLICES].explode()
    for name, rows in exploded.groupby(exploded, sort=True).groups.items():
        inside = np.zeros(len(frame), dtype=bool)
        inside[frame.index.get_indexer(rows)] = True
        yield str(name), inside


def _see(seen: dict[str, Keys], name: str, rows: pd.DataFrame) -> None:
    """Count the creators of a slice's rows among those seen before."""
    keys = rows[CREATOR].to_numpy(dtype=np.int64)
    seen[name] = least(seen[name], keys) if name in seen else least(keys)


def _by_place(place: npt.NDArray[np.int64], amounts: Floats, size: int) -> Floats:
    """Sums (size, replicates) of rows' amounts (rows, replicates) by their place."""
    rows = len(place)
    return np.asarray(sparse.csr_matrix((np.ones(rows), (place, np.arange(rows))), shape=(size, rows)) @ amounts)


def _level(probability: Floats) -> npt.NDArray[np.int64]:
    """The level of each probability; levels are equal steps of log odds."""
    inner = np.clip(probability, 1e-9, 1 - 1e-9)
    log_odds = np.clip(np.log(inner / (1 - inner)), -_WIDEST, _WIDEST)
    return np.rint((log_odds + _WIDEST) / (2 * _WIDEST) * (_LEVELS - 1)).astype(np.int64)


def _middle(levels: npt.NDArray[np.int64]) -> Floats:
    """The probability that a level stands for."""
    return np.asarray(1 / (1 + np.exp(-(levels / (_LEVELS - 1) * 2 * _WIDEST - _WIDEST))))


def _by_level(
    levels: npt.NDArray[np.int64], drawn: Floats, is_yes: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    distinct, place = np.unique(levels, return_inverse=True)
    yes, no = (_by_place(place, np.where(flag, drawn, 0.0), len(distinct)) for flag in (is_yes, ~is_yes))
    return distinct, yes, no


def _by_replicate(content: bytes, replicates: int) -> Floats:
    return np.frombuffer(content).reshape(-1, 1 + replicates)


def _added(
    parts: list[tuple[npt.NDArray[np.int64], Floats, Floats]],
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Counts by level of all parts together, by descending level."""
    distinct, place = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    yes, no = (_by_place(place, np.concatenate([part[i] for part in parts]), len(distinct))[::-1] for i in (1, 2))
    return distinct[::-1], yes, no


def _partial(
    sums: Mapping[str, tuple[npt.NDArray[Any], Floats, Floats, int]], seen: Mapping[str, Keys]
) -> pa.RecordBatch:
    columns = list(zip(*((name, *one[:3], seen[name], one[3]) for name, one in sums.items()), strict=True))
    columns = columns or [()] * len(_SUMS.names)
    stored = [[np.ascontiguousarray(one).tobytes() for one in column] for column in columns[1:-1]]
    buffers = [pa.array(column, pa.binary()) for column in stored]
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[0], pa.string()), *buffers, pa.array(columns[-1], pa.int64())], names=_SUMS.names
    )


def _rows_of(partial: pd.DataFrame, found: Mapping[str, Floats]) -> pd.DataFrame:
    n, name = int(partial[c.N].sum()), partial[c.SLICE].iloc[0]
    n_creators = count(least(*(np.frombuffer(one, np.int64) for one in partial["creators"])))
    rows = [(name, metric, values.tolist(), n) for metric, values in found.items()]
    return pd.DataFrame([*rows, (name, _N_CREATORS, [float(n_creators)], n)], columns=_FOUND.names)


def _rows_by_node(names: Sequence[str], found: Mapping[str, Floats], true: Floats) -> pd.DataFrame:
    rows = [
        (f"{NODE}={name}", metric, values[place].tolist(), int(true[place, 0]))
        for metric, values in found.items()
        for place, name in enumerate(names)
    ]
    return pd.DataFrame(rows, columns=_FOUND.names)


def _collected(partials: DataFrame, of_slice: Callable[[pd.DataFrame], pd.DataFrame]) -> list[Figure]:
    rows = partials.groupBy(c.SLICE).applyInPandas(of_slice, _FOUND).collect()  # few: one a slice and metric
    creators = {row[c.SLICE]: int(row["values"][0]) for row in rows if row[c.METRIC] == _N_CREATORS}
    figures_found = (
        Figure(
            row[c.SLICE], row[c.METRIC], np.array(row["values"], dtype=float), row[c.N], creators.get(row[c.SLICE], 0)
        )
        for row in rows
        if row[c.METRIC] != _N_CREATORS
    )
    kept = [one for one in figures_found if np.isfinite(one.value)]
    return sorted(kept, key=lambda one: (one.slice, one.metric))
