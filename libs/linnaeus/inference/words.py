"""Which words weigh: the terms of a content and what each adds to scores that are linear in its TF-IDF.

A model knows numbers, not words (features/vector.py hashes them), so terms of one content that have the same number
weigh together and are told together. Of what several numbers add together, as one bucket of the naive Bayes model, each
is told its part, by how often it stands there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from linnaeus.contracts.bundle import Head
from linnaeus.contracts.lexical import Floats, term_counts, unit_tf_idf
from linnaeus.inference.contributions import Doubles, a_class_each
from linnaeus.inference.predictor import FeatureBatch


@dataclass(frozen=True)
class Word:
    """A term of a content (several where they share a number), how often it stands there, and what it adds.

    `term_score` is its part of the naive Bayes model's score, which is a feature of the booster; `logistic` its part of
    the logistic regression's log-odds: None where there is no such model, or its vocabulary has not the term.
    """

    terms: tuple[str, ...]
    times: int
    term_score: float
    logistic: float | None


@dataclass(frozen=True)
class WordReasons:
    """What words add to one class over another: the `logistic` of all words and `constant` sum to `log_odds`.

    `log_odds` and `constant` are of the logistic regression, None where there is none. `words` are the weightiest
    first, `n_unknown` how many of them are not in its vocabulary.
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
    batch: FeatureBatch, names: Sequence[str], head: Head, buckets: int, places: tuple[int, int]
) -> WordReasons:
    """What the terms of one content add to the class at the first place over that at the second.

    `names` are the terms whose numbers `batch.terms` are. Raises ValueError where there are more or fewer.
    """
    together = _by_number(batch, names)
    numbers = np.array(list(together), dtype=np.int32)
    times = np.array([n for _, n in together.values()], dtype=np.float64)
    unit = unit_tf_idf(term_counts(batch.terms, batch.offsets, buckets), head.linear.idf)
    by_score = _parts(unit, numbers % buckets, times, _over(head.linear.term_coefficients, places))
    if head.logistic is None:
        words = [Word(*said, float(score), None) for said, score in zip(together.values(), by_score, strict=True)]
        return WordReasons(_ranked(words), None, None, 0)
    known = head.logistic.places(numbers)
    coefficients = _over(head.logistic.coefficients, places)
    by_logistic = _parts(head.logistic.unit(batch.terms, batch.offsets), known, times, coefficients)
    words = [
        Word(*said, float(score), float(logistic) if place >= 0 else None)
        for said, score, logistic, place in zip(together.values(), by_score, by_logistic, known, strict=True)
    ]
    constant = float(coefficients[-1])
    return WordReasons(_ranked(words), float(by_logistic.sum()) + constant, constant, int((known < 0).sum()))


def _by_number(batch: FeatureBatch, names: Sequence[str]) -> dict[int, tuple[tuple[str, ...], int]]:
    """By number its distinct terms in the order of the text, and how often any of them stands there."""
    together: dict[int, list[str]] = {}
    for number, name in zip(batch.terms.tolist(), names, strict=True):
        together.setdefault(number, []).append(name)
    return {number: (tuple(dict.fromkeys(terms)), len(terms)) for number, terms in together.items()}


def _over(coefficients: Floats, places: tuple[int, int]) -> Doubles:
    """Coefficients of the class at the first place less those of the class at the second."""
    each = a_class_each(coefficients.astype(np.float64))
    return np.asarray(each[places[0]] - each[places[1]], dtype=np.float64)


def _parts(unit: sparse.csr_matrix, columns: npt.NDArray[np.int32], times: Doubles, coefficients: Doubles) -> Doubles:
    """What each of several terms adds to the score of a row (1, width), with its column, where it has one (else -1).

    Terms of one column share what it adds by how often each stands in the text.
    """
    is_in, parts = columns >= 0, np.zeros(len(columns))
    own, often = columns[is_in], times[is_in]
    together = np.bincount(own, weights=often, minlength=unit.shape[1])
    parts[is_in] = coefficients[own] * unit.toarray()[0, own] * often / together[own]
    return parts


def _ranked(words: Sequence[Word]) -> tuple[Word, ...]:
    """By what they add to the logistic regression, then by the other score; equals by the terms themselves."""
    return tuple(sorted(words, key=lambda one: (-abs(one.logistic or 0.0), -abs(one.term_score), one.terms)))
