"""Which words weigh: the terms of a content and what each adds to scores that are linear in its TF-IDF.

A model knows buckets, not words (features/vector.py hashes them), so terms of one content that fall into the same
bucket weigh together and are told together.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from linnaeus.contracts.bundle import LinearModel
from linnaeus.contracts.lexical import Floats, term_counts, unit_tf_idf
from linnaeus.inference.contributions import Doubles, a_class_each
from linnaeus.inference.predictor import FeatureBatch


@dataclass(frozen=True)
class Word:
    """A term of a content (several where they share a bucket), how often it stands there, and what it adds.

    `term_score` is its part of the naive Bayes model's score, which is a feature of the booster; `logistic` its part of
    the logistic regression's log-odds: None where there is no such model, or no training text had the term.
    """

    terms: tuple[str, ...]
    times: int
    term_score: float
    logistic: float | None


@dataclass(frozen=True)
class WordReasons:
    """What words add to one class over another: the `logistic` of all words and `constant` sum to `log_odds`.

    `log_odds` and `constant` are of the logistic regression, None where there is none. `words` are the weightiest
    first, `n_unknown` how many of them no training text had.
    """

    words: tuple[Word, ...]
    log_odds: float | None
    constant: float | None
    n_unknown: int


def term_names(tokens: Sequence[str], bigrams: bool) -> list[str]:
    """Tokens and, if asked, neighbouring pairs: in the order in which features/vector.py hashes them."""
    pairs = [f"{left} {right}" for left, right in itertools.pairwise(tokens)] if bigrams else []
    return [*tokens, *pairs]


def word_reasons(
    batch: FeatureBatch, names: Sequence[str], linear: LinearModel, buckets: int, places: tuple[int, int]
) -> WordReasons:
    """What the terms of one content add to the class at the first place over that at the second.

    `names` are the terms whose bucket numbers `batch.terms` are. Raises ValueError where there are more or fewer.
    """
    together = _by_bucket(batch, names)
    unit = unit_tf_idf(term_counts(batch.terms, batch.offsets, buckets), linear.idf)
    answer, other = places

    def over(coefficients: Floats) -> Doubles:
        each = a_class_each(coefficients.astype(np.float64))
        return np.asarray(each[answer] - each[other], dtype=np.float64)

    by_score = over(linear.term_coefficients)[unit.indices] * unit.data
    if linear.logistic.size == 0:
        words = [
            Word(*together[bucket], float(score), None) for bucket, score in zip(unit.indices, by_score, strict=True)
        ]
        return WordReasons(_ranked(words), None, None, 0)
    coefficients = over(linear.logistic)
    is_known, weights = _of_known(unit, linear)
    by_logistic = coefficients[unit.indices] * weights
    words = [
        Word(*together[bucket], float(score), float(logistic) if known else None)
        for bucket, score, logistic, known in zip(unit.indices, by_score, by_logistic, is_known, strict=True)
    ]
    constant = float(coefficients[-1])
    return WordReasons(_ranked(words), float(by_logistic.sum()) + constant, constant, int((~is_known).sum()))


def _by_bucket(batch: FeatureBatch, names: Sequence[str]) -> dict[int, tuple[tuple[str, ...], int]]:
    """By bucket its distinct terms in the order of the text, and how often any of them stands there."""
    together: dict[int, list[str]] = {}
    for bucket, name in zip(batch.terms.tolist(), names, strict=True):
        together.setdefault(bucket, []).append(name)
    return {bucket: (tuple(dict.fromkeys(terms)), len(terms)) for bucket, terms in together.items()}


def _of_known(unit: sparse.csr_matrix, linear: LinearModel) -> tuple[npt.NDArray[np.bool_], Doubles]:
    """Which terms of a row training had, and their weights of norm one, the others' being zero (see
    `LinearModel.chances`)."""
    is_known = np.any(linear.logistic[:, unit.indices] != 0, axis=0)
    weights = np.where(is_known, unit.data, 0.0)
    norm = np.sqrt((weights**2).sum())
    return is_known, weights / norm if norm > 0 else weights


def _ranked(words: Sequence[Word]) -> tuple[Word, ...]:
    """By what they add to the logistic regression, then by the other score; equals by the terms themselves."""
    return tuple(sorted(words, key=lambda one: (-abs(one.logistic or 0.0), -abs(one.term_score), one.terms)))
