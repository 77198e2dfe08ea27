"""How far annotators agree: Krippendorff's alpha of a facet, Cohen's kappa of pairs, and what each annotator is worth.

Every function takes all facets at once, by rows of votes (`facet`, `item_id`, `annotator_id`, `label`, one an item,
facet and annotator), and gives rows by facet: what comes back grows with labels and annotators, not with votes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import path_of

Floats = npt.NDArray[np.float64]

OTHER = "other"
_Z = 1.959963984540054  # of a two-sided interval of 95%
_FEWEST_SHARED = 5  # items that a pair must share before its kappa means anything
_MOST_PAIRED = 50  # votes of an item that are paired: a test question that all were asked would pair all with all
_LONGEST_GAP = 1800.0  # seconds between two votes; what is longer is a break


def coincidences(votes: DataFrame) -> DataFrame:
    """`facet`, `label`, `other` and `n`: Krippendorff's coincidences, pairs of votes on the same item.

    Each item weighs as its votes; one vote alone says nothing. Method: Krippendorff (2018), Content analysis, ch. 12.
    """
    counts = votes.groupBy(c.FACET, c.ITEM_ID, c.LABEL).agg(F.count(F.lit(1)).alias(c.N))
    items = counts.groupBy(c.FACET, c.ITEM_ID).agg(
        F.collect_list(F.struct(c.LABEL, c.N)).alias("given"), F.sum(c.N).alias("total")
    )
    pairs = items.where(F.col("total") > 1).select(c.FACET, "total", "given", F.explode("given").alias("one"))
    pairs = pairs.select(c.FACET, "total", "one", F.explode("given").alias("two"))
    itself = (F.col("one.label") == F.col("two.label")).cast("long")
    weight = F.col("one.n") * (F.col("two.n") - itself) / (F.col("total") - 1)
    return pairs.groupBy(c.FACET, F.col("one.label").alias(c.LABEL), F.col("two.label").alias(OTHER)).agg(
        F.sum(weight).alias(c.N)
    )


def alpha(together: Floats, distance: Floats) -> float | None:
    """Krippendorff's alpha from coincidences and distances (labels, labels): 1 where all agree, 0 by chance.

    None where it is not defined: no item has two votes, or all votes are for one label.
    """
    by_label = together.sum(axis=1)
    n = by_label.sum()
    expected = float((np.outer(by_label, by_label) * distance).sum())
    if n < 2 or expected <= 0:
        return None
    return float(1.0 - (n - 1) * (together * distance).sum() / expected)


def nominal_distance(labels: Sequence[str]) -> Floats:
    """Zero for the same label, one for another."""
    return 1.0 - np.eye(len(labels))


def tree_distance(labels: Sequence[str], parents: Mapping[str, str | None]) -> Floats:
    """Edges between two nodes by way of what they have in common (roots meet above), over the most there are."""
    paths = [path_of(label, parents) for label in labels]
    edges = np.array([[_edges(one, two) for two in paths] for one in paths], dtype=np.float64)
    return edges / max(1.0, float(edges.max(initial=0.0)))


def _edges(one: Sequence[str], two: Sequence[str]) -> int:
    shared = sum(1 for a, b in zip(one, two, strict=False) if a == b)
    return len(one) + len(two) - 2 * shared


def ordinal_distance(together: Floats) -> Floats:
    """Krippendorff's ordinal metric for labels in the order of their grades: squared votes that lie between two."""
    by_label = together.sum(axis=1)
    until = np.cumsum(by_label) - by_label / 2
    return np.asarray((until[:, None] - until[None, :]) ** 2)


def pair_kappas(votes: DataFrame) -> DataFrame:
    """`facet`, `annotator_id`, `other`, `n` (items both judged, at least 5) and `kappa`, each pair once.

    Of an item with more than 50 votes 50 are paired, by a hash. Null where both always say the same one label.
    Method: Cohen (1960), A coefficient of agreement for nominal scales.
    """
    place = F.row_number().over(
        Window.partitionBy(c.FACET, c.ITEM_ID).orderBy(F.xxhash64(c.ITEM_ID, c.ANNOTATOR_ID), c.ANNOTATOR_ID)
    )
    kept = votes.select(c.FACET, c.ITEM_ID, c.ANNOTATOR_ID, c.LABEL, place.alias(c.PLACE))
    kept = kept.where(F.col(c.PLACE) <= _MOST_PAIRED).drop(c.PLACE)
    others = kept.select(c.FACET, c.ITEM_ID, F.col(c.ANNOTATOR_ID).alias(OTHER), F.col(c.LABEL).alias("answer"))
    pairs = kept.join(others, [c.FACET, c.ITEM_ID]).where(F.col(c.ANNOTATOR_ID) < F.col(OTHER))
    by_answers = pairs.groupBy(c.FACET, c.ANNOTATOR_ID, OTHER, c.LABEL, "answer").agg(F.count(F.lit(1)).alias(c.N))
    of_pair = by_answers.groupBy(c.FACET, c.ANNOTATOR_ID, OTHER).agg(
        F.sum(c.N).alias(c.N),
        F.sum(F.when(F.col(c.LABEL) == F.col("answer"), F.col(c.N)).otherwise(0)).alias("same"),
        F.collect_list(F.struct(c.LABEL, "answer", c.N)).alias("cells"),
    )
    observed = F.col("same") / F.col(c.N)
    chance = _by_chance(F.col("cells")) / (F.col(c.N) * F.col(c.N))
    kappa = F.when(chance < 1, (observed - chance) / (F.lit(1.0) - chance))
    shared_enough = of_pair.where(F.col(c.N) >= _FEWEST_SHARED)
    return shared_enough.select(c.FACET, c.ANNOTATOR_ID, OTHER, c.N, kappa.alias(c.KAPPA))


def _by_chance(cells: Column) -> Column:
    """Sum over labels of how often one gave it times how often the other did."""

    def with_same(one: Column) -> Column:
        given = F.filter(cells, lambda two: two["answer"] == one[c.LABEL])
        return F.aggregate(given, F.lit(0.0), lambda total, two: total + one[c.N] * two[c.N])

    return F.aggregate(cells, F.lit(0.0), lambda total, one: total + with_same(one))


def annotators(votes: DataFrame, labels: DataFrame, parents: Mapping[str, str | None]) -> DataFrame:
    """Rows of silver.annotators of votes (with `voted_at`) against labels (`facet`, `item_id`, `label`).

    A vote for a node below the label agrees with it. The interval is Wilson's (1927, Probable inference), of 95%.
    """
    truth = labels.select(c.ITEM_ID, c.FACET, F.col(c.LABEL).alias("truth"))
    judged = votes.join(truth, [c.ITEM_ID, c.FACET])
    cells = judged.groupBy(c.ANNOTATOR_ID, c.FACET, "truth", c.LABEL).agg(F.count(F.lit(1)).alias(c.N))
    key = [c.ANNOTATOR_ID, c.FACET]
    right = F.when(_agrees(parents), F.col(c.N)).otherwise(0)
    found = cells.groupBy(*key).agg(
        F.sum(c.N).alias(c.N_VOTES),
        F.sum(right).alias("right"),
        F.array_sort(F.collect_list(F.struct("truth", c.LABEL, c.N))).alias(c.CONFUSION),
    )
    share, lower, upper = _wilson(F.col("right"), F.col(c.N_VOTES))
    return (
        found.join(_spammer_scores(cells), key, "left")
        .join(_mean_kappas(votes), key, "left")
        .join(_speeds(votes), key, "left")
        .select(
            *key,
            share.alias(c.ACCURACY),
            c.N_VOTES,
            lower.alias(c.ACCURACY_LOWER),
            upper.alias(c.ACCURACY_UPPER),
            c.KAPPA,
            F.coalesce(c.N_SHARED, F.lit(0).cast("long")).alias(c.N_SHARED),
            c.SPAMMER_SCORE,
            c.SECONDS_A_VOTE,
            c.CONFUSION,
        )
    )


def _agrees(parents: Mapping[str, str | None]) -> Column:
    """Whether the vote is the label, or a node below it."""
    same = F.col(c.LABEL) == F.col("truth")
    above = {node: path_of(node, parents)[:-1] for node in parents}
    pairs = [F.lit(f"{node}\n{one}") for node, nodes in sorted(above.items()) for one in nodes]
    if not pairs:
        return same
    return same | F.array_contains(F.array(*pairs), F.concat_ws("\n", F.col(c.LABEL), F.col("truth")))


def _wilson(right: Column, n: Column) -> tuple[Column, Column, Column]:
    """A share and the ends of its interval."""
    share = right / n
    middle = share + F.lit(_Z**2 / 2) / n
    half = F.lit(_Z) * F.sqrt(share * (F.lit(1.0) - share) / n + F.lit(_Z**2 / 4) / (n * n))
    whole = F.lit(1.0) + F.lit(_Z**2) / n
    return share, F.greatest(F.lit(0.0), (middle - half) / whole), F.least(F.lit(1.0), (middle + half) / whole)


def _spammer_scores(cells: DataFrame) -> DataFrame:
    """By annotator and facet: 0 for one whose answers do not depend on the label, 1 for one who is always right.

    The squared differences of the rows of the annotator's confusion matrix, as shares; null where all votes were on
    one label's items. Method: Raykar and Yu (2012), Eliminating spammers and ranking annotators, equation 8.
    """
    key = [c.ANNOTATOR_ID, c.FACET]
    share = F.col(c.N) / F.sum(c.N).over(Window.partitionBy(*key, "truth"))
    by_answer = cells.withColumn("share", share).groupBy(*key, c.LABEL)
    sums = by_answer.agg(F.sum("share").alias("sum"), F.sum(F.col("share") * F.col("share")).alias("squares"))
    total = sums.groupBy(*key).agg(
        F.sum("squares").alias("squares"), F.sum(F.col("sum") * F.col("sum")).alias("of_sums"), F.sum("sum").alias("k")
    )
    k = F.round("k")  # each true label's shares sum to one
    score = (k * F.col("squares") - F.col("of_sums")) / (k * (k - 1))
    bounded = F.when(k > 1, F.greatest(F.lit(0.0), F.least(F.lit(1.0), score)))
    return total.select(*key, bounded.alias(c.SPAMMER_SCORE))


def _mean_kappas(votes: DataFrame) -> DataFrame:
    """By annotator and facet: the mean kappa with others, by items shared, and how many those are."""
    pairs = pair_kappas(votes).where(F.col(c.KAPPA).isNotNull())
    mirrored = pairs.select(
        c.FACET, F.col(OTHER).alias(c.ANNOTATOR_ID), F.col(c.ANNOTATOR_ID).alias(OTHER), c.N, c.KAPPA
    )
    both = pairs.unionByName(mirrored)
    weighted = F.sum(F.col(c.KAPPA) * F.col(c.N)) / F.sum(c.N)
    return both.groupBy(c.ANNOTATOR_ID, c.FACET).agg(weighted.alias(c.KAPPA), F.sum(c.N).alias(c.N_SHARED))


def _speeds(votes: DataFrame) -> DataFrame:
    """By annotator and facet: the median seconds from a vote to the next, breaks (over half an hour) left out."""
    timed = votes.where(F.col(c.VOTED_AT).isNotNull())
    before = F.lag(c.VOTED_AT).over(Window.partitionBy(c.ANNOTATOR_ID, c.FACET).orderBy(c.VOTED_AT, c.ITEM_ID))
    seconds = (F.unix_micros(c.VOTED_AT) - F.unix_micros(before)) / F.lit(1e6)
    gaps = timed.select(c.ANNOTATOR_ID, c.FACET, seconds.alias("gap")).where(F.col("gap") <= _LONGEST_GAP)
    return gaps.groupBy(c.ANNOTATOR_ID, c.FACET).agg(F.percentile_approx("gap", 0.5, 10000).alias(c.SECONDS_A_VOTE))
