"""Which calibration of a risk's probability is best, by cross-validation inside the training creators.

    .venv/bin/python tests/benchmarks/calibration.py [--sets hate,sms] [--draws 3]

The features are those of lexical_features.py (kept in .cache/benchmarks), the booster is XGBoost's own by the settings
of the project. Of each fold's other creators those of the calibration part, drawn as the split draws them and twice
more, stop the booster and calibrate it; the fold's contents judge. What is chosen is chosen by that. The last table is
the same on the creators that are held out, trained on all the others: printed beside, and chosen by nothing.

ECE is the expected calibration error of 15 bins of equal mass, its mean over folds and draws; as are log loss, Brier's
score and PR-AUC (average precision).
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss
from xgboost import XGBClassifier

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts.config import Config, load_config
from linnaeus.training.booster import parameters
from linnaeus.training.calibration import LEVELS, METHODS, fit_calibration
from linnaeus.training.figures import of_calibration
from tests.benchmarks.lexical_features import SETS, THREADS, WAYS, Data, Part, load, loaded, together
from tests.benchmarks.support import print_table, uniform
from tests.benchmarks.texts import SHARED

Floats = npt.NDArray[np.float64]
Calibrate = Callable[[Floats], Floats]
RISKS = ("hate", "offensive", "toxic", "sms")
FOLDS = 3
FIGURES = ("ECE", "log loss", "Brier", "PR-AUC")


@dataclass(frozen=True, eq=False)
class Scored:
    """Probabilities of a booster and what is true: of contents that calibrate, and of those that judge."""

    chances: Floats
    truth: npt.NDArray[np.int64]
    judged: Floats
    answers: npt.NDArray[np.int64]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(RISKS))
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    config = load_config("local", ["spark.master=local[2]", *options.set])
    names = [name for name in options.sets.split(",") if SETS[name][0] is None or SHARED.is_dir()]
    sets = loaded(names, lambda name: _with_held_out(*(load(config, name, FOLDS, one) for one in (False, True))))
    for title, folds in (("inside the training creators", tuple(range(FOLDS))), ("held out", (FOLDS,))):
        tasks = [(name, fold, draw) for name in names for fold in folds for draw in range(options.draws)]
        with ThreadPoolExecutor(THREADS) as pool:
            scored = list(pool.map(lambda task: score(config, sets[task[0]], *task[1:]), tasks))
        by_set = {name: [one for task, one in zip(tasks, scored, strict=True) if task[0] == name] for name in names}
        print_table(f"Calibration of risks, {title}: {' / '.join(FIGURES)}", *_table(by_set))


def _table(by_set: dict[str, list[Scored]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows: a row a calibration, a column a set, and their mean."""
    judges = [f"{name} ({np.mean([len(one.judged) for one in found]):,.0f})" for name, found in by_set.items()]
    rows = []
    for way in WAYS_TO_CALIBRATE:
        means = np.array([np.mean([figures(way, one) for one in found], axis=0) for found in by_set.values()])
        rows.append((way, *[" / ".join(f"{value:.4f}" for value in one) for one in (*means, means.mean(axis=0))]))
    return ("calibration", *judges, "mean"), rows


def score(config: Config, data: Data, fold: int, draw: int) -> Scored:
    """A booster without a fold's creators; `draw` says by which name the creators that calibrate are drawn."""
    split, purpose = config.training.split, "calibration" if draw == 0 else f"calibration {draw}"
    is_calibration = np.array([uniform(one, split.seed, purpose) < split.calibration_share for one in data.creators])
    is_inside = (data.fold != fold) & (data.fold != FOLDS)
    train, calibration = np.flatnonzero(is_inside & ~is_calibration), np.flatnonzero(is_inside & is_calibration)
    part = Part(data, train, np.concatenate([calibration, np.flatnonzero(data.fold == fold)]), config)
    pairs = [make(part) for make in WAYS["the same + centroid similarities (ours)"]]
    fitted_on, others = (np.hstack(features) for features in zip(*pairs, strict=True))
    n, truth = len(calibration), data.classes[part.test]
    stops_early = n >= config.training.min_validation
    model = XGBClassifier(
        **parameters(config.training.booster, split.seed),
        n_jobs=1,
        early_stopping_rounds=config.training.booster.patience if stops_early else None,
    )
    model.fit(
        fitted_on,
        data.classes[train],
        eval_set=[(others[:n], truth[:n])] if stops_early else None,
        verbose=False,
    )
    chances = model.predict_proba(others)[:, 1].astype(np.float64)
    return Scored(chances[:n], truth[:n], chances[n:], truth[n:])


def figures(way: str, scored: Scored) -> list[float]:
    """Those of FIGURES."""
    made = WAYS_TO_CALIBRATE[way](levels_of(scored.chances, scored.truth))(scored.judged)
    levels, place = np.unique(-made, return_inverse=True)
    yes, n = np.bincount(place, weights=scored.answers)[:, None], np.bincount(place)[:, None]
    inner = np.clip(made, 1e-12, 1 - 1e-12)
    return [
        float(of_calibration(-levels, yes, n - yes)["calibration_error"][0]),
        float(log_loss(scored.answers, inner)),
        float(brier_score_loss(scored.answers, made)),
        float(average_precision_score(scored.answers, made)),
    ]


def nothing(levels: Floats) -> Calibrate:
    """The booster's own probability."""
    return lambda chances: chances


def ours(method: str) -> Callable[[Floats], Calibrate]:
    """A method of training/calibration.py."""

    def fit(levels: Floats) -> Calibrate:
        found = fit_calibration(levels, method)
        return nothing(levels) if found is None else found.apply

    return fit


def steps(levels: Floats) -> Calibrate:
    """Isotonic regression as it is, with its ties."""
    n = levels[:, 1:].sum(axis=1)
    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    return model.fit(levels[:, 0], levels[:, 1] / n, sample_weight=n).predict  # type: ignore[no-any-return]


def beta(levels: Floats) -> Calibrate:
    """Kull, Silva Filho and Flach (2017), Beta calibration; one of two slopes is zero where it would be negative."""
    answers = np.repeat([1, 0], len(levels))
    weights = np.concatenate([levels[:, 1], levels[:, 2]])
    inputs = _two_logarithms(levels[:, 0])
    kept = [0, 1]
    model = _logistic(inputs, answers, weights)
    if (model.coef_ < 0).any():
        kept = [int(model.coef_[0].argmax())]
        model = _logistic(inputs[:, kept], answers, weights)
    return lambda chances: model.predict_proba(_two_logarithms(chances)[:, kept])[:, 1]  # type: ignore[no-any-return]


def _logistic(inputs: Floats, answers: npt.NDArray[np.int64], weights: Floats) -> LogisticRegression:
    return LogisticRegression(C=1e6, max_iter=5000).fit(np.vstack([inputs, inputs]), answers, sample_weight=weights)


def _two_logarithms(chances: Floats) -> Floats:
    inner = np.clip(chances, 0.5 / LEVELS, 1 - 0.5 / LEVELS)
    return np.column_stack([np.log(inner), -np.log(1 - inner)])


WAYS_TO_CALIBRATE: dict[str, Callable[[Floats], Calibrate]] = {
    "none": nothing,
    **{method: ours(method) for method in METHODS},
    "isotonic, its steps as they are": steps,
    "beta": beta,
}


def levels_of(chances: Floats, truth: npt.NDArray[np.int64]) -> Floats:
    """As training/calibration.binned counts."""
    levels, place = np.unique(-np.round(chances * LEVELS), return_inverse=True)
    return np.column_stack([-levels / LEVELS, np.bincount(place, weights=truth), np.bincount(place, weights=1 - truth)])


def _with_held_out(inside: Data, held_out: Data) -> Data:
    """Both in one, those that are held out in a fold of their own."""
    return together(inside, dataclasses.replace(held_out, fold=np.full(len(held_out.texts), FOLDS)))


if __name__ == "__main__":
    main()
