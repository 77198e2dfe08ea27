"""Why a model answered as it did for one content: what its parts add to the log-odds of the answer over another class.

Of a risk these are yes over no. Of a category it is the most probable class over the runner-up: in this difference the
softmax's sum and that of the mixture cancel, so that what boosters, logistic regression and words add is additive, as
the probability of one class among many is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from linnaeus.contracts.bundle import Groups, Head, ModelBundle
from linnaeus.contracts.lexical import term_counts, unit_tf_idf
from linnaeus.inference.contributions import (
    BoosterReasons,
    Columns,
    Doubles,
    a_class_each,
    booster_reasons,
    shap_values,
)
from linnaeus.inference.predictor import Array, FeatureBatch
from linnaeus.inference.words import WordReasons, word_reasons


@dataclass(frozen=True)
class HeadReasons:
    """Why a head finds `answer` more probable than `other`, in log-odds before calibration.

    `log_odds` = (1 - `logistic_share`) · `booster_log_odds` + `logistic_share` · `words.log_odds`. Of a flat head
    `booster_log_odds` is that of its one booster; of local classifiers that of their product, and `boosters` are those
    on the answer's path: each tells its own branch from the other class's, or, where these are one, from the next
    probable.
    """

    answer: str
    other: str
    log_odds: float
    booster_log_odds: float
    logistic_share: float
    boosters: tuple[BoosterReasons, ...]
    words: WordReasons


def explain_head(
    bundle: ModelBundle, name: str, batch: FeatureBatch, terms: Sequence[str], answer: str, other: str
) -> HeadReasons:
    """Reasons of one head for one content: a batch of one row, and its terms (see `words.term_names`).

    Raises ValueError where the batch has another number of rows, or one of the two is no class of the head.
    """
    head = bundle.heads[name]
    if batch.size != 1:
        raise ValueError(f"one content is explained at a time, not {batch.size}")
    places = (head.classes.index(answer), head.classes.index(other))
    features = head_features(bundle, head, batch)
    columns = Columns.of(bundle.manifest, head.linear, head.classes)
    parts = [(part.node, part.groups, part.booster) for part in head.parts]
    flat = (None, tuple((place,) for place in range(len(head.classes))), head.booster)
    found = [(node, groups, a_class_each(shap_values(one, features))) for node, groups, one in parts or [flat]]
    boosters = tuple(
        booster_reasons(values, features, branches, columns, head.classes, node, groups)
        for node, groups, values in found
        if (branches := _branches(groups, values, places)) is not None
    )
    logs = _log_chances(len(head.classes), [(groups, values.sum(axis=1)) for _, groups, values in found])
    words = word_reasons(batch, terms, head, bundle.manifest.buckets, places)
    booster, share = float(logs[places[0]] - logs[places[1]]), head.logistic_share
    log_odds = (1 - share) * booster + share * (words.log_odds or 0.0)
    return HeadReasons(answer, other, log_odds, booster, share, boosters, words)


def largest_difference(stored: Mapping[str, float], found: Mapping[str, float]) -> float:
    """By how much the probabilities that were stored differ from those found now, at most; 1 where one is not found."""
    return max((abs(value - found[name]) if name in found else 1.0 for name, value in stored.items()), default=0.0)


def head_features(bundle: ModelBundle, head: Head, batch: FeatureBatch) -> Array:
    """The feature vectors (rows, width) that a head's boosters read."""
    counts = term_counts(batch.terms, batch.offsets, bundle.manifest.buckets)
    scores = head.linear.scores(unit_tf_idf(counts, head.linear.idf), batch.embeddings)
    return np.concatenate([batch.embeddings, batch.statistics, scores], axis=1)


def _branches(groups: Groups, values: Doubles, places: tuple[int, int]) -> tuple[int, int] | None:
    """Places of the answer's branch and of the one it is told from; None where the booster does not see the answer."""
    of_class = {place: branch for branch, group in enumerate(groups) for place in group}
    answer, other = (of_class.get(place) for place in places)
    if answer is None:
        return None
    if other is None or other == answer:
        by_margin = np.argsort(-values.sum(axis=1), kind="stable")
        other = int(next(branch for branch in by_margin if branch != answer))
    return answer, other


def _log_chances(n_classes: int, found: Sequence[tuple[Groups, Doubles]]) -> Doubles:
    """Logarithms of the classes' probabilities (n_classes,): products of those of their branches, by margins."""
    logs = np.zeros(n_classes)
    for groups, margins in found:
        for group, log in zip(groups, log_softmax(margins), strict=True):
            logs[list(group)] += log
    return logs
