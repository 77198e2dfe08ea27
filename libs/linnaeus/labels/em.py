"""Expectation and maximisation over blocks of votes: one pass an iteration, and nothing but sums leave the executors.

What a method estimates, and the sums that it estimates it from, are named arrays; those of a pass over some blocks are
added up. Method: Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame

from linnaeus.contracts import columns as c
from linnaeus.contracts.lexical import list_array
from linnaeus.labels.blocks import UNKNOWN, Batches, Block, NumberedVotes, Numbering, blocks_of

Floats = npt.NDArray[np.float64]
Arrays = dict[str, Floats]
ToRows = Callable[[pa.Array, Floats, Block, Numbering], pa.RecordBatch]

LEAST = 1e-10  # no probability of an annotator's answer, nor of a label, is less
_ENDED = "ended"  # of a fit: iterations, objective, whether it converged
# Up to so many votes a fit is one task; beyond, each iteration is a job.
_VOTES_A_TASK = 2_000_000


class Method(Protocol):
    """A model of annotators: two steps, and when to stop."""

    @property
    def name(self) -> str:
        """As labels.method calls it."""

    @property
    def max_iterations(self) -> int:
        """After which it stops."""

    @property
    def tolerance(self) -> float:
        """Gain of the objective below which it stops; none where this is not above 0."""

    def start(self, numbering: Numbering) -> Arrays | None:
        """First estimates; None: they come from the shares of votes."""

    def posterior(self, block: Block, numbering: Numbering, estimates: Arrays) -> Floats:
        """E-step: the probability of each label (columns) for each item of the block (rows), gold aside."""

    def sums(self, block: Block, numbering: Numbering, posterior: Floats, estimates: Arrays | None) -> Arrays:
        """What the M-step needs of a block."""

    def estimate(self, sums: Arrays, numbering: Numbering) -> Arrays:
        """M-step: estimates from the sums over all blocks."""

    def objective(self, sums: Arrays, estimates: Arrays) -> float:
        """What grows from iteration to iteration, a vote."""

    def answers(self, counts: Floats, numbering: Numbering, estimates: Arrays | None) -> Floats:
        """The probability of each pair's answer by the true label, as it would be said of a vote not seen.

        `counts` are expected items of each true label behind each pair; shares of them are taken with half an answer
        more of each kind: Krichevsky and Trofimov (1981), The performance of universal encoding.
        """


@dataclass(frozen=True, eq=False)
class Fit:
    """The estimates that the posteriors follow from (None: from the votes alone), and how it ended."""

    estimates: Arrays | None
    iterations: int
    objective: float
    converged: bool


def fit(votes: NumberedVotes, method: Method) -> Fit:
    """Fit a method to a facet's votes."""
    numbering = votes.numbering
    if votes.n_votes <= _VOTES_A_TASK:
        return _fit_in_a_task(votes.blocks, numbering, method)
    return iterate(method, numbering, lambda estimates: _pass(votes.blocks, numbering, method, estimates))


def iterate(method: Method, numbering: Numbering, run: Callable[[Arrays | None], Arrays]) -> Fit:
    """Both steps in turn until the objective grows by less than the tolerance; `run` is a pass over all votes."""
    estimates, last = method.start(numbering), -np.inf
    if estimates is None:
        estimates = method.estimate(run(None), numbering)
    for iteration in range(1, method.max_iterations + 1):
        sums = run(estimates)
        following = method.estimate(sums, numbering)
        objective = method.objective(sums, following)
        converged = bool(objective - last < method.tolerance)
        if converged or iteration == method.max_iterations:
            return Fit(estimates, iteration, float(objective), converged)
        estimates, last = following, objective
    return Fit(None, 0, last, False)


def pass_over(blocks: Iterable[Block], numbering: Numbering, method: Method, estimates: Arrays | None) -> Arrays:
    """Both steps' sums over blocks."""
    total: Arrays = {}
    for block in blocks:
        posterior = posterior_of(block, numbering, method, estimates)
        found = method.sums(block, numbering, posterior, estimates)
        total = {name: total[name] + value if total else value for name, value in found.items()}
    return total


def posterior_of(block: Block, numbering: Numbering, method: Method, estimates: Arrays | None) -> Floats:
    """The probability of each label for each item: one for a gold label."""
    posterior = method.posterior(block, numbering, estimates) if estimates else vote_shares(block, numbering)
    known = np.flatnonzero(block.truths != UNKNOWN)
    posterior[known] = 0.0
    posterior[known, block.truths[known]] = 1.0
    return posterior


def vote_shares(block: Block, numbering: Numbering, weights: Floats | None = None) -> Floats:
    """Each label's share of the votes (of their weights) on each item; plain shares where no vote weighs anything."""
    n_labels = len(numbering.labels)
    cell = block.items * n_labels + numbering.pair_label[block.pairs]
    size = block.n_items * n_labels
    counts = np.bincount(cell, weights, size).reshape(block.n_items, n_labels)
    totals = counts.sum(axis=1, keepdims=True)
    if weights is not None and (totals == 0).any():
        return np.where(totals > 0, counts / np.where(totals > 0, totals, 1.0), vote_shares(block, numbering))
    return np.asarray(counts / totals)


def by_pair(block: Block, numbering: Numbering, weights: Floats | None = None) -> Floats:
    """Sums over the votes of each pair."""
    return np.bincount(block.pairs, weights, numbering.n_pairs).astype(np.float64)


def expected_counts(block: Block, numbering: Numbering, posterior: Floats) -> Floats:
    """Expected items of each true label (columns) behind each pair (rows)."""
    return np.stack([by_pair(block, numbering, column[block.items]) for column in posterior.T], axis=1)


def answers_of_all(counts: Floats, numbering: Numbering) -> Floats:
    """Answers as if all annotators were one."""
    n_labels = len(numbering.labels)
    pooled = np.full((n_labels, n_labels), 0.5)
    np.add.at(pooled, numbering.pair_label, counts)
    return np.asarray((pooled / pooled.sum(axis=0))[numbering.pair_label])


def normalised(logarithms: Floats) -> Floats:
    """Rows of logarithms as shares."""
    scaled = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def posteriors(votes: NumberedVotes, method: Method, found: Fit) -> DataFrame:
    """`item_id`, `posterior` (array<double>, by the labels' order) and `n_votes`, once an item."""
    schema = f"{c.ITEM_ID} string, {c.POSTERIOR} array<double>, {c.N_VOTES} long"
    return over_posteriors(votes, method, found, _rows, schema)


def over_posteriors(votes: NumberedVotes, method: Method, found: Fit, rows: ToRows, schema: str) -> DataFrame:
    """What `rows` makes of each block: of its items' ids, their posteriors (items, labels) and its votes."""
    shared = votes.blocks.sparkSession.sparkContext.broadcast((votes.numbering, method, found.estimates))

    def run(batches: Batches) -> Batches:
        numbering, method, estimates = shared.value
        for batch in batches:
            for place, block in enumerate(blocks_of([batch])):
                posterior = posterior_of(block, numbering, method, estimates)
                yield rows(batch.column("item_ids")[place].values, posterior, block, numbering)

    return votes.blocks.select("item_ids", "n_votes", "pairs", "truths").mapInArrow(run, schema)


def _rows(ids: pa.Array, posterior: Floats, block: Block, numbering: Numbering) -> pa.RecordBatch:
    lists = list_array(posterior, kind=pa.float64())
    return pa.RecordBatch.from_arrays([ids, lists, votes_on(block)], names=[c.ITEM_ID, c.POSTERIOR, c.N_VOTES])


def votes_on(block: Block) -> pa.Array:
    """The number of votes on each item."""
    return pa.array(np.bincount(block.items, minlength=block.n_items).astype(np.int64))


def _pass(blocks: DataFrame, numbering: Numbering, method: Method, estimates: Arrays | None) -> Arrays:
    """One job; a row of sums a partition comes back."""
    shared = blocks.sparkSession.sparkContext.broadcast((numbering, method, estimates))

    def run(batches: Batches) -> Batches:
        numbering, method, estimates = shared.value
        sums = pass_over(blocks_of(batches), numbering, method, estimates)
        if sums:
            yield _as_row(sums)

    sums_of_parts = blocks.select("n_votes", "pairs", "truths").mapInArrow(run, "arrays binary")
    found = sums_of_parts.collect()  # few: a row a partition
    shared.destroy()
    parts = [from_bytes(row["arrays"]) for row in found]
    return {name: np.sum([part[name] for part in parts], axis=0) for name in parts[0]}


def _fit_in_a_task(blocks: DataFrame, numbering: Numbering, method: Method) -> Fit:
    def run(batches: Batches) -> Batches:
        own = list(blocks_of(batches))
        found = iterate(method, numbering, lambda estimates: pass_over(own, numbering, method, estimates))
        yield _as_row(as_arrays(found))

    row = blocks.select("n_votes", "pairs", "truths").coalesce(1).mapInArrow(run, "arrays binary").first()
    assert row is not None
    return from_arrays(from_bytes(row["arrays"]))


def as_arrays(found: Fit) -> Arrays:
    """A fit as named arrays."""
    ended = np.array([found.iterations, found.objective, found.converged], dtype=np.float64)
    return {_ENDED: ended} | (found.estimates or {})


def from_arrays(arrays: Arrays) -> Fit:
    """The fit of `as_arrays`."""
    iterations, objective, converged = arrays[_ENDED]
    estimates = {name: value for name, value in arrays.items() if name != _ENDED}
    return Fit(estimates or None, int(iterations), float(objective), bool(converged))


def to_bytes(arrays: Arrays) -> bytes:
    """Arrays in NumPy's own format."""
    stream = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(stream, **named)
    return stream.getvalue()


def from_bytes(content: bytes) -> Arrays:
    """The arrays of `to_bytes`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return dict(found)


def _as_row(arrays: Arrays) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([to_bytes(arrays)], pa.binary())], names=["arrays"])
