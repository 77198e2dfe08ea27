"""One label an item of a facet, by a model of its annotators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.labels.blocks import Block, NumberedVotes, Numbering
from linnaeus.labels.dawid_skene import DawidSkene
from linnaeus.labels.em import Fit, Floats, Method, over_posteriors, vote_shares, votes_on
from linnaeus.labels.mace import Mace
from linnaeus.labels.majority import Majority
from linnaeus.labels.one_coin import OneCoin
from linnaeus.labels.rules import BackOff, Decided, Rule, entropy
from linnaeus.labels.wawa import Wawa

METHODS: dict[str, Method] = {
    one.name: one
    for one in (Majority(), Wawa(), OneCoin(), DawidSkene(), Mace())  # the simplest first
}
_SCHEMA = (
    f"{c.ITEM_ID} string, {c.LABEL} string, {c.PROBABILITY} double, {c.N_VOTES} long, {c.ENTROPY} double, "
    f"{c.UNCERTAINTY} double, {c.POSTERIOR} map<string, float>"
)
_LEAST_KEPT = 0.01  # a label that is less probable is not written to `posterior`


def labels_of(votes: NumberedVotes, facet: str, method: Method, found: Fit, rule: Rule | None = None) -> DataFrame:
    """`item_id`, `facet`, `label`, `probability`, `n_votes`, `entropy` (of the votes, in bits), `uncertainty` (the
    entropy of the labels' probabilities) and `posterior` (those from 0.01 on, by label), once an item; by default the
    likeliest label, the first by name of equals."""
    decide = (rule or BackOff()).decide

    def rows(ids: pa.Array, posterior: Floats, block: Block, numbering: Numbering) -> pa.RecordBatch:
        return _rows(ids, posterior, block, numbering, decide(posterior, numbering.labels))

    found_rows = over_posteriors(votes, method, found, rows, _SCHEMA)
    return found_rows.withColumn(c.FACET, F.lit(facet)).select(
        c.ITEM_ID, c.FACET, c.LABEL, c.PROBABILITY, c.N_VOTES, c.ENTROPY, c.UNCERTAINTY, c.POSTERIOR
    )


def _rows(ids: pa.Array, posterior: Floats, block: Block, numbering: Numbering, decided: Decided) -> pa.RecordBatch:
    names, probability = decided
    columns = [
        ids,
        pa.array(names, pa.string()),
        pa.array(probability),
        votes_on(block),
        pa.array(entropy(vote_shares(block, numbering))),
        pa.array(entropy(posterior)),
        _by_label(posterior, numbering.labels),
    ]
    names_of = [c.ITEM_ID, c.LABEL, c.PROBABILITY, c.N_VOTES, c.ENTROPY, c.UNCERTAINTY, c.POSTERIOR]
    return pa.RecordBatch.from_arrays(columns, names=names_of)


def _by_label(posterior: Floats, labels: Sequence[str]) -> pa.Array:
    """Maps from labels to their probabilities, without those below `_LEAST_KEPT`."""
    is_kept = posterior >= _LEAST_KEPT
    offsets = np.concatenate([[0], np.cumsum(is_kept.sum(axis=1))]).astype(np.int32)
    names = pa.array(labels, pa.string()).take(pa.array(np.nonzero(is_kept)[1]))
    return pa.MapArray.from_arrays(pa.array(offsets), names, pa.array(posterior[is_kept].astype(np.float32)))
