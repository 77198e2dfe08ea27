"""Shares of a creator's content by node, how sure they are, and the node that is sure enough."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Creators, Taxonomy
from linnaeus.creators.evidence import CATEGORY, SCORED, effective_size, exact_sum
from linnaeus.creators.modality import NAME

NO_SCORED_CONTENT, FEW_CONTENTS, NO_NODE = "no_scored_content", "few_contents", "no_node_large_enough"
_PATH, _NODES, _TOTAL, _BEST, _WEIGHT, _SIZE = "path", "nodes", "nodes_total", "best", "scored_weight", "scored_size"


def wilson(share: Column, n: Column, confidence: float) -> tuple[Column, Column]:
    """Lower and upper end of the interval of a share of n contents, n > 0.

    Wilson (1927), Probable inference, the law of succession, and statistical inference. With n the effective size it
    holds for weighted contents as well (Franco et al., 2019, Comparative study of confidence intervals for proportions
    in complex sample surveys). Probabilities vary less than votes: the interval is rather too wide.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    spread = F.greatest(F.lit(0.0), share * (1 - share)) / n
    half = z * F.sqrt(spread + z * z / 4 / (n * n))
    centre, scale = share + z * z / 2 / n, 1 + z * z / n
    return F.greatest(F.lit(0.0), (centre - half) / scale), F.least(F.lit(1.0), (centre + half) / scale)


def with_paths(pooled: DataFrame, taxonomy: Taxonomy) -> DataFrame:
    """Rows of `pool` with the `path` of their node from the root. One that the taxonomy does not have is a root."""
    known = [(node, list(taxonomy.path(node))) for node in taxonomy.ids]
    paths = pooled.sparkSession.createDataFrame(known, f"node string, {_PATH} array<string>")
    is_node = (F.col(c.FACET) == CATEGORY) & (F.col(NAME) == F.col("node"))
    found = pooled.join(F.broadcast(paths), is_node, "left").drop("node")
    return found.withColumn(_PATH, F.coalesce(_PATH, F.array(NAME)))


def category_sums() -> list[Column]:
    """What `category_columns` needs of a creator's rows (see `with_paths`), aggregated."""
    is_node = (F.col(c.FACET) == CATEGORY) & (F.col("mass") > 0)
    is_scored = F.col(c.FACET) == SCORED
    return [
        F.array_sort(F.collect_list(F.when(is_node, F.struct(NAME, "mass", _PATH)))).alias(_NODES),
        exact_sum(F.when(is_node, F.col("mass"))).alias(_TOTAL),
        F.max(F.when(is_node, F.struct("mass", NAME, _PATH))).alias(_BEST),
        F.max(F.when(is_scored, F.col("weight"))).alias(_WEIGHT),
        F.max(F.when(is_scored, effective_size(F.col("weight"), F.col("weight2")))).alias(_SIZE),
    ]


def category_columns(settings: Creators) -> dict[str, Column]:
    """The columns of gold.creator_profiles that tell of categories, from `category_sums`.

    A node's share is Σ w·p at the node over that of all nodes (see `pool`); what a content's probabilities give to no
    node is unallocated, and counts as evidence that is not there: the interval is of n_effective · (1 - unallocated)
    contents. `category_accepted` is the deepest node from the root to the category with an interval, of the share of
    all below it, above `accept_share`.
    """
    size = F.coalesce(F.col(_SIZE), F.lit(0.0))
    category = F.col(_BEST)[NAME]
    accepted = F.when(size >= settings.least_contents, F.try_element_at(_sure(settings), F.lit(-1)))
    reason = (
        F.when(category.isNull(), NO_SCORED_CONTENT)
        .when(size < settings.least_contents, FEW_CONTENTS)
        .when(accepted.isNull(), NO_NODE)
    )
    return {
        c.CATEGORY: category,
        c.CATEGORY_SHARES: _by_node(lambda share: share),
        c.CATEGORY_LOWER: _by_node(lambda share: _interval(share, settings)[0]),
        c.CATEGORY_UPPER: _by_node(lambda share: _interval(share, settings)[1]),
        c.CATEGORY_UNALLOCATED: (1 - _allocated()).cast("float"),
        c.N_EFFECTIVE: size.cast("float"),
        c.CATEGORY_ACCEPTED: accepted,
        c.ABSTAINED: reason,
    }


def _allocated() -> Column:
    """The part of the contents' probability that nodes have; null where no content has a category."""
    found = F.least(F.lit(1.0), F.coalesce(F.col(_TOTAL), F.lit(0.0)) / F.col(_WEIGHT))
    return F.when(F.col(_WEIGHT) > 0, found)


def _interval(share: Column, settings: Creators) -> tuple[Column, Column]:
    return wilson(share, F.greatest(F.lit(1e-9), F.col(_SIZE) * _allocated()), settings.interval)


def _by_node(value: Callable[[Column], Column]) -> Column:
    """A map from node to a function of its share."""
    entries = F.transform(_NODES, lambda node: F.struct(node[NAME], value(node["mass"] / F.col(_TOTAL)).cast("float")))
    return F.when(F.size(_NODES) > 0, F.map_from_entries(entries))


def _sure(settings: Creators) -> Column:
    """The nodes from the root to the category that have enough, they and all below them together."""

    def is_sure(above: Column) -> Column:
        below = F.filter(_NODES, lambda node: F.array_contains(node[_PATH], above))
        mass = F.aggregate(below, F.lit(0.0), lambda sum_, node: sum_ + node["mass"])
        return _interval(F.least(F.lit(1.0), mass / F.col(_TOTAL)), settings)[0] > settings.accept_share

    return F.filter(F.col(_BEST)[_PATH], is_sure)
