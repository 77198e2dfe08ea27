"""One label an item of a facet, by a model of its annotators."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.labels.blocks import NumberedVotes
from linnaeus.labels.dawid_skene import DawidSkene
from linnaeus.labels.em import POSTERIOR, Fit, Method, posteriors
from linnaeus.labels.mace import Mace
from linnaeus.labels.majority import Majority
from linnaeus.labels.one_coin import OneCoin
from linnaeus.labels.wawa import Wawa

METHODS: dict[str, Method] = {
    one.name: one
    for one in (Majority(), Wawa(), OneCoin(), DawidSkene(), Mace())  # the simplest first
}


def labels_of(votes: NumberedVotes, facet: str, method: Method, found: Fit) -> DataFrame:
    """`item_id`, `facet`, `label`, `probability` and `n_votes`: the likeliest label of each item, the first by name of
    those that are equally likely."""
    names = F.array(*[F.lit(name) for name in votes.numbering.labels])
    place = F.expr(f"cast(array_position({POSTERIOR}, array_max({POSTERIOR})) AS int)")
    return posteriors(votes, method, found).select(
        c.ITEM_ID,
        F.lit(facet).alias(c.FACET),
        F.element_at(names, place).alias(c.LABEL),
        F.array_max(POSTERIOR).alias(c.PROBABILITY),
        c.N_VOTES,
    )
