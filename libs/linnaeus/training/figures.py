"""The arithmetic of figures, for all replicates of a bootstrap at once: counts in, one value a replicate out.

Columns are replicates; NaN where a replicate has too little to define the figure.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
BINS = 15
# The points of a reliability curve, a bin each: how often it is true, and how sure the model was.
SHARE_TRUE, CONFIDENCE = "reliability_", "confidence_"


def of_classes(hits: Floats, predicted: Floats, true: Floats) -> dict[str, Floats]:
    """Macro-F1 over the classes that occur, micro-F1 and accuracy, of counts (classes, replicates).

    As scikit-learn defines them; a class that neither is true nor predicted in a replicate does not count there. Where
    each content has one label and one prediction, as here, micro-F1 and accuracy are the same number.
    """
    n, sizes = true.sum(axis=0), predicted + true
    f1 = np.divide(2 * hits, sizes, out=np.zeros_like(hits), where=sizes > 0)
    return {
        "macro_f1": _ratio(f1.sum(axis=0), (sizes > 0).sum(axis=0)),
        "micro_f1": _ratio(2 * hits.sum(axis=0), sizes.sum(axis=0)),
        "accuracy": _ratio(hits.sum(axis=0), n),
    }


def of_each_class(hits: Floats, predicted: Floats, true: Floats) -> dict[str, Floats]:
    """Precision, recall and F1 (classes, replicates) of each class; F1 is 0 where a class is never hit."""
    found = {"precision": _ratio(hits, predicted), "recall": _ratio(hits, true)}
    return found | {"f1": _ratio(2 * hits, predicted + true)}


def of_ancestors(shared: Floats, predicted: Floats, true: Floats) -> dict[str, Floats]:
    """Hierarchical precision, recall and F1 of sums (replicates,) over nodes and their ancestors.

    Kiritchenko, Matwin, Nock and Famili (2006), Learning and evaluation in the presence of class hierarchies.
    """
    found = {"hierarchical_precision": _ratio(shared, predicted), "hierarchical_recall": _ratio(shared, true)}
    return found | {"hierarchical_f1": _ratio(2 * shared, predicted + true)}


def of_ranking(yes: Floats, no: Floats, precision: float, capacity: float) -> dict[str, Floats]:
    """Figures of positives and negatives (levels, replicates) by descending probability.

    PR-AUC (average precision) and ROC-AUC with equal probabilities as ties; the greatest recall at a precision of at
    least `precision` (0 where none is as precise); recall where the share `capacity` of all is looked at, in which the
    last level counts by its part.
    """
    found_yes, found_no = np.cumsum(yes, axis=0), np.cumsum(no, axis=0)
    n_yes, n_no = found_yes[-1], found_no[-1]
    precisions = _ratio(found_yes, found_yes + found_no)
    recalls = _ratio(found_yes, n_yes)
    # Each negative is beaten by the positives above its level, and by half of those on it.
    beaten = ((found_yes - yes / 2) * no).sum(axis=0)
    defined = np.where((n_yes > 0) & (n_no > 0), 1.0, np.nan)
    return {
        "pr_auc": defined * _ratio(np.nansum(precisions * yes, axis=0), n_yes),
        "roc_auc": defined * _ratio(beaten, n_yes * n_no),
        "recall_at_precision": defined * np.where(precisions >= precision, recalls, 0.0).max(axis=0),
        "recall_at_capacity": defined * _recall_at_capacity(yes, no, capacity),
        "prevalence": _ratio(n_yes, n_yes + n_no),
    }


def of_calibration(probability: Floats, yes: Floats, no: Floats) -> dict[str, Floats]:
    """Expected calibration error over 15 bins of equal mass, and the reliability curve's points, each (replicates,).

    `probability` (levels,) in descending order; `yes` and `no` (levels, replicates). The error is the mean of
    |confidence - frequency|, weighted by the bins' size. Naeini, Cooper and Hauskrecht (2015), Obtaining well
    calibrated probabilities using Bayesian binning; bins of equal mass as in Nguyen and O'Connor (2015). A level is in
    the bin in which the middle of its mass lies. The curve: `confidence_<bin>`, the mean probability in a bin, and
    `reliability_<bin>`, the share that is true there; bin 01 has the least probabilities.
    """
    mass = yes + no
    total = mass.sum(axis=0)
    middle = _ratio(np.cumsum(mass, axis=0) - mass / 2, total)
    place = np.minimum((np.nan_to_num(middle) * BINS).astype(int), BINS - 1)
    expected, true, n = (_by_bin(place, one) for one in (probability[:, None] * mass, yes, mass))
    found = {"calibration_error": _ratio(np.abs(expected - true).sum(axis=0), total)}
    confidence, share = _ratio(expected, n)[::-1], _ratio(true, n)[::-1]
    for one in range(BINS):
        found |= {f"{CONFIDENCE}{one + 1:02d}": confidence[one], f"{SHARE_TRUE}{one + 1:02d}": share[one]}
    return found


def is_of_curve(metric: str) -> bool:
    """Whether a metric is a point of a reliability curve, not a figure by itself."""
    return metric.startswith((SHARE_TRUE, CONFIDENCE))


def _by_bin(place: npt.NDArray[np.int64], amounts: Floats) -> Floats:
    """Sums (BINS, replicates) of amounts (levels, replicates) by their bin, which replicates do not share."""
    width = amounts.shape[1]
    summed = np.bincount((place * width + np.arange(width)).ravel(), amounts.ravel(), BINS * width)
    return np.asarray(summed, dtype=np.float64).reshape(BINS, width)


def _recall_at_capacity(yes: Floats, no: Floats, capacity: float) -> Floats:
    mass = yes + no
    before = np.cumsum(mass, axis=0) - mass
    room = np.clip(capacity * mass.sum(axis=0) - before, 0.0, mass)
    return _ratio((np.nan_to_num(_ratio(room, mass)) * yes).sum(axis=0), yes.sum(axis=0))


def _ratio(above: Floats, below: Floats) -> Floats:
    below = np.broadcast_to(below, above.shape)
    ratio: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return ratio
