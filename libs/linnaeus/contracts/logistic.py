"""The multinomial logistic regression on words, as it is kept and applied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax

from linnaeus.contracts.lexical import Floats, Offsets, Terms, known_counts, linear_scores, places_of, unit_tf_idf


@dataclass(frozen=True, eq=False)
class LogisticModel:
    """A logistic regression on TF-IDF over a vocabulary of hashed terms, those that training texts had.

    Shapes: terms (n,) the vocabulary's numbers, increasing; idf (n,); coefficients (n_scores, n + 1), the constant
    last. n_scores is one for two classes (the second's score over the first's), else one a class. A term counts by its
    number modulo `space`. One that is not in the vocabulary does not count: the others make a row of norm one, or its
    scores would be the smaller the more is new in a text.
    """

    terms: Terms
    idf: Floats
    coefficients: Floats
    space: int

    def places(self, terms: Terms) -> Terms:
        """Where in the vocabulary each term is; -1 where it has none."""
        return places_of(terms % self.space, self.terms)

    def unit(self, terms: Terms, offsets: Offsets) -> sparse.csr_matrix:
        """Unit TF-IDF (rows, n) of rows of terms; zero where a row has none that is known."""
        return unit_tf_idf(known_counts(terms % self.space, offsets, self.terms), self.idf)

    def chances(self, terms: Terms, offsets: Offsets) -> Floats:
        """Probabilities (rows, classes) of rows of terms."""
        scores = linear_scores(self.unit(terms, offsets), self.coefficients[:, :-1]) + self.coefficients[:, -1]
        if scores.shape[1] == 1:
            yes = expit(scores)
            return np.hstack([1 - yes, yes])
        return np.asarray(softmax(scores, axis=1))
