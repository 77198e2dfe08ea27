"""MACE: an annotator either knows the label, or spams by a habit of their own.

Annotator a knows with the probability s[a, 1]; else the answer is drawn from a's habit t[a, l], whatever the item.
Method: Hovy, Berg-Kirkpatrick, Vaswani and Hovy (2013), Learning whom to trust with MACE; variational steps with a Beta
prior (1/2, 1/2) on knowing and a Dirichlet prior (10) on habits, all labels alike beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma

from linnaeus.labels.blocks import Block, Numbering
from linnaeus.labels.em import LEAST, Arrays, Floats, by_pair, normalised

_KNOWING_PRIOR, _HABIT_PRIOR = 0.5, 10.0
_NOISE = 1.5  # of the first estimates, around one


@dataclass(frozen=True)
class Mace:
    """Estimates: `spamming` and `knowing` (by annotator), `habits` (by pair)."""

    max_iterations: int = 51  # 50 maximisations and what follows from the last
    tolerance: float = -np.inf
    seed: int = 0
    name: str = "mace"

    def start(self, numbering: Numbering) -> Arrays | None:
        """Near to even, by chance: all annotators alike would stay alike."""
        n_annotators, n_labels = len(numbering.annotators), len(numbering.labels)
        states = 1 + _NOISE * np.random.RandomState(self.seed).uniform(size=(n_annotators, 2))
        habits = 1 + _NOISE * np.random.RandomState(self.seed).uniform(size=(n_annotators, n_labels))
        states /= states.sum(axis=1, keepdims=True)
        habits /= habits.sum(axis=1, keepdims=True)
        of_pairs = habits[numbering.pair_annotator, numbering.pair_label]
        return {"spamming": states[:, 0], "knowing": states[:, 1], "habits": of_pairs}

    def posterior(self, block: Block, numbering: Numbering, estimates: Arrays) -> Floats:
        """E-step: products over an item's votes of spamming times habit, plus knowing for the label that was given."""
        by_chance, known = _answers(numbering, estimates)
        wrong = np.log(np.maximum(by_chance, LEAST))[block.pairs]
        gain = np.log(np.maximum(by_chance + known, LEAST))[block.pairs] - wrong
        n_labels = len(numbering.labels)
        cell = block.items * n_labels + numbering.pair_label[block.pairs]
        gains = np.asarray(np.bincount(cell, gain, block.n_items * n_labels), dtype=np.float64)
        return normalised(gains.reshape(block.n_items, n_labels))  # what is wrong for every label alike cancels out

    def sums(self, block: Block, numbering: Numbering, posterior: Floats, estimates: Arrays | None) -> Arrays:
        """Expected answers of each pair by habit, and by knowing."""
        assert estimates is not None
        by_chance, known = (part[block.pairs] for part in _answers(numbering, estimates))
        given = posterior[block.items, numbering.pair_label[block.pairs]]
        knowing = given * known / np.maximum(by_chance + known, LEAST)
        return {
            "by_habit": by_pair(block, numbering, 1 - knowing),
            "by_knowing": by_pair(block, numbering, knowing),
        }

    def estimate(self, sums: Arrays, numbering: Numbering) -> Arrays:
        """Variational M-step: exp(digamma) of counts and priors, over that of their sums."""
        chance, known = (numbering.by_annotator(sums[name]) for name in ("by_habit", "by_knowing"))
        all_answers = digamma(chance + known + 2 * _KNOWING_PRIOR)
        all_habits = digamma(chance + _HABIT_PRIOR * len(numbering.labels))[numbering.pair_annotator]
        return {
            "spamming": np.exp(digamma(chance + _KNOWING_PRIOR) - all_answers),
            "knowing": np.exp(digamma(known + _KNOWING_PRIOR) - all_answers),
            "habits": np.exp(digamma(sums["by_habit"] + _HABIT_PRIOR) - all_habits),
        }

    def objective(self, sums: Arrays, estimates: Arrays) -> float:
        """The expected share of answers given by knowing."""
        return float(sums["by_knowing"].sum() / (sums["by_knowing"].sum() + sums["by_habit"].sum()))

    def answers(self, counts: Floats, numbering: Numbering, estimates: Arrays | None) -> Floats:
        """By habit, or by knowing; the priors have smoothed them."""
        assert estimates is not None
        by_chance, known = _answers(numbering, estimates)
        found = np.repeat(by_chance[:, None], len(numbering.labels), axis=1)
        found[np.arange(numbering.n_pairs), numbering.pair_label] += known
        return found


def _answers(numbering: Numbering, estimates: Arrays) -> tuple[Floats, Floats]:
    """By pair: the probability of the answer by habit, and what knowing adds where it is the item's label."""
    annotator = numbering.pair_annotator
    return estimates["spamming"][annotator] * estimates["habits"], estimates["knowing"][annotator]
