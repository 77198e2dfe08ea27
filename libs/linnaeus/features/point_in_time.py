"""Features as they were when a label was given: the as-of join.

A label says what a content was at its own time. Features computed later may know what came after it (an edited text,
say), so a model trained on them looks better than it will serve: leakage from the future (Kaufman, Rosset, Perlich and
Stitelman, 2012, Leakage in data mining).

Where a history of features comes from. `Lake.read(table, version)` is one state of a table, and a training reads all
its tables so (`training.as_of`, `training.versions`). States by version, each with its commit's time as `valid_from`,
are a history. So is Delta's change data feed where a table keeps one (`delta.enableChangeDataFeed`, read with the
option `readChangeFeed`): its rows of `_change_type` insert and update_postimage, with `_commit_timestamp` for
`valid_from`. A delete of the feed, kept as a row of nulls, ends what was known.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_KEY, _TIMES, _AT = "__key", "__times", "__at"


def as_of_join(
    labels: DataFrame, history: DataFrame, key: Mapping[str, str], label_time: str, valid_from: str
) -> DataFrame:
    """Every label once, with the newest features of its item that are not later than its time; null where none is.

    `key` maps a column of `labels` (the item) to the column of `history` that holds the same; `label_time` and
    `valid_from` are timestamps. `history` has each item and `valid_from` once, and no name of `labels` beside its key.
    A label without a time has no features. Returns the columns of `labels`, then `valid_from` and the features.

    Skew-safe: labels are neither grouped nor sorted nor multiplied. Each item's times (not its features) are gathered
    in one row, an item's history being short, so both joins find at most one row a label, and Spark may split the
    labels of an item that has very many (`spark.sql.adaptive.skewJoin`). Raises ValueError where names clash.
    """
    of_labels, of_history = list(key), list(key.values())
    features = [name for name in history.columns if name not in of_history]
    clashing = sorted(set(features) & set(labels.columns))
    if clashing:
        raise ValueError(f"labels and the history of features both have {', '.join(clashing)}")
    named = [F.col(name).alias(f"{_KEY}{place}") for place, name in enumerate(of_history)]
    keys = [f"{_KEY}{place}" for place in range(len(of_history))]
    times = history.groupBy(*named).agg(F.collect_set(valid_from).alias(_TIMES))
    known = F.filter(F.col(_TIMES), lambda time: time <= F.col(label_time))
    keyed = labels.select("*", *[F.col(name).alias(one) for name, one in zip(of_labels, keys, strict=True)])
    timed = keyed.join(times, keys, "left").withColumn(_AT, F.array_max(known)).drop(_TIMES)
    then = history.select(*named, F.col(valid_from).alias(_AT), *features)
    return timed.join(then, [*keys, _AT], "left").select(*labels.columns, *features)
