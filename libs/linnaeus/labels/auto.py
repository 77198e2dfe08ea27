"""Which model of annotators a facet's votes call for: by gold labels where there are some, and by votes held out.

Two measures, each of every method on the same cases. The likelihood of votes held out (each once, by cross-validation,
where its item has others): what the votes can support, since a model of too many numbers foresees them badly. And,
where there are gold labels, how often the method names those that it was not given, by cross-validation. Methods that
gold can't tell from the best (a standard error apart: Breiman, Friedman, Olshen and Stone (1984), Classification and
regression trees) are told apart by the likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linnaeus.labels.blocks import UNKNOWN, Batches, Block, NumberedVotes, Numbering, blocks_of
from linnaeus.labels.em import (
    LEAST,
    Arrays,
    Fit,
    Floats,
    Method,
    expected_counts,
    iterate,
    pass_over,
    posterior_of,
)

AUTO = "auto"
GOLD_FOLDS = 5
VOTE_FOLDS = 10
FEWEST_GOLD = 10  # below that, gold labels decide nothing
_SEED = 20110611
_VOTES_JUDGED = 300_000  # more tell no more, and each method is fitted fifteen times
_TYPES = (pa.string(), pa.float64(), pa.int64(), pa.int64(), pa.int64())
_SCHEMA = "name string, likelihood double, n_votes long, hits long, n_gold long"


@dataclass(frozen=True)
class Judged:
    """What a method is worth: mean log-likelihood of a held-out vote (nats), and hits among hidden gold labels."""

    name: str
    likelihood: float
    n_votes: int
    hits: int
    n_gold: int


def judge_votes(votes: NumberedVotes, methods: Sequence[Method]) -> list[Judged]:
    """Each method on a facet's votes, or the first 300,000 of them by a hash of the item; in one task."""
    shared = votes.blocks.sparkSession.sparkContext.broadcast((votes.numbering, tuple(methods)))

    def run(batches: Batches) -> Batches:
        numbering, methods = shared.value
        own, n_votes = [], 0
        for block in blocks_of(batches):
            if n_votes < _VOTES_JUDGED:
                own.append(block)
                n_votes += len(block.pairs)
        found = [astuple(one) for one in judge(own, numbering, methods)]
        arrays = [pa.array(values, kind) for values, kind in zip(zip(*found, strict=True), _TYPES, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, names=[field.name for field in fields(Judged)])

    blocks = votes.blocks.select("n_votes", "pairs", "truths").coalesce(1)
    return [Judged(*row) for row in blocks.mapInArrow(run, _SCHEMA).collect()]  # few: a row a method


def judge(blocks: Sequence[Block], numbering: Numbering, methods: Sequence[Method]) -> list[Judged]:
    """Each method on the same held-out votes and gold labels of some blocks."""
    rng = np.random.default_rng(_SEED)
    of_votes = [rng.integers(0, VOTE_FOLDS, len(block.pairs)) for block in blocks]
    of_gold = [np.where(block.truths == UNKNOWN, -1, rng.integers(0, GOLD_FOLDS, block.n_items)) for block in blocks]
    return [_judged(method, blocks, of_votes, of_gold, numbering) for method in methods]


def choose(judged: Sequence[Judged]) -> tuple[str, str]:
    """The method's name, and why it was chosen. Of equals the first, so simpler ones come first."""
    n_gold, left, why = judged[0].n_gold, list(judged), ""
    if n_gold >= FEWEST_GOLD:
        best = max(one.hits for one in judged) / n_gold
        least = best - float(np.sqrt(best * (1 - best) / n_gold))
        left = [one for one in judged if one.hits / n_gold >= least]
        why = f"names {{hits:.3f}} of {n_gold} hidden gold labels (the best {best:.3f}), and of {len(left)} as good "
    chosen = max(left, key=lambda one: one.likelihood)
    shares = why.format(hits=chosen.hits / max(1, n_gold))
    return chosen.name, f"{shares}foresees {chosen.n_votes} votes best ({chosen.likelihood:.3f} nats a vote)"


def _judged(
    method: Method,
    blocks: Sequence[Block],
    of_votes: Sequence[npt.NDArray[np.int64]],
    of_gold: Sequence[npt.NDArray[np.int64]],
    numbering: Numbering,
) -> Judged:
    each = [_likelihoods(method, blocks, of_votes, fold, numbering) for fold in range(VOTE_FOLDS)]
    likelihoods = np.concatenate(each)
    hits = sum(_hits(method, blocks, of_gold, fold, numbering) for fold in range(GOLD_FOLDS))
    n_gold = int(sum((fold >= 0).sum() for fold in of_gold))
    mean = float(likelihoods.mean()) if len(likelihoods) else 0.0
    return Judged(method.name, mean, len(likelihoods), hits, n_gold)


def _likelihoods(
    method: Method, blocks: Sequence[Block], folds: Sequence[npt.NDArray[np.int64]], fold: int, numbering: Numbering
) -> Floats:
    """The logarithm of each vote's probability that is in the fold, by what the others say."""
    parted = [_without(block, of == fold) for block, of in zip(blocks, folds, strict=True)]
    seen = [block for block, _ in parted]
    found = _fit(seen, numbering, method)
    posteriors = [posterior_of(block, numbering, method, found.estimates) for block in seen]
    counts = sum(expected_counts(block, numbering, one) for block, one in zip(seen, posteriors, strict=True))
    answers = method.answers(np.asarray(counts), numbering, found.estimates)
    chances = [
        (posterior[block.items[held]] * answers[block.pairs[held]]).sum(axis=1)
        for block, (_, held), posterior in zip(blocks, parted, posteriors, strict=True)
    ]
    return np.asarray(np.log(np.maximum(np.concatenate(chances), LEAST)))


def _hits(
    method: Method, blocks: Sequence[Block], folds: Sequence[npt.NDArray[np.int64]], fold: int, numbering: Numbering
) -> int:
    """Gold labels of a fold that the method names without them."""
    if not any((of == fold).any() for of in folds):
        return 0
    hidden = [
        Block(block.firsts, block.items, block.pairs, np.where(of == fold, UNKNOWN, block.truths).astype(np.int32))
        for block, of in zip(blocks, folds, strict=True)
    ]
    found = _fit(hidden, numbering, method)
    hits = 0
    for block, known, of in zip(hidden, blocks, folds, strict=True):
        best = posterior_of(block, numbering, method, found.estimates).argmax(axis=1)
        hits += int((best == known.truths)[of == fold].sum())
    return hits


def _fit(blocks: Sequence[Block], numbering: Numbering, method: Method) -> Fit:
    def run(estimates: Arrays | None) -> Arrays:
        return pass_over(blocks, numbering, method, estimates)

    return iterate(method, numbering, run)


def _without(block: Block, held: npt.NDArray[np.bool_]) -> tuple[Block, npt.NDArray[np.bool_]]:
    """The block without the votes to be held out, and those that are: an item keeps all of its votes or some."""
    left = np.add.reduceat(~held, block.firsts, dtype=np.int64)
    held = held & (left[block.items] > 0)
    n_votes = np.add.reduceat(~held, block.firsts, dtype=np.int64)
    return Block.of(n_votes.astype(np.int32), block.pairs[~held], block.truths), held
