"""One classifier over all leaves of a tree, or local ones per parent: on real texts, by creators.

    .venv/bin/python tests/benchmarks/local_classifiers.py [--sets podcasts,videos,bbc] [--set SECTION.KEY=VALUE]

The sets have no trees of their own. Each is judged in two of two levels: one by hand (TREES), and one by Ward's
clustering of the training rows' class centroids, which favours local classifiers: what is hard to tell apart is told
apart last. The folds are creators', inside those that are trained on; what is chosen is chosen by them. The figures of
the creators who are held out are for the record. Rows, features, early stopping and parameters are as train_category's;
where classes part and how chances are multiplied is the library's code. Features are those of lexical_features.py, kept
in .cache/benchmarks.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Fits run side by side, so each has one thread.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import numpy.typing as npt
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import log_loss
from xgboost import XGBClassifier

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts.bundle import Groups
from linnaeus.contracts.config import Config, load_config, path_of
from linnaeus.inference.predictor import composed
from linnaeus.training.booster import parameters
from linnaeus.training.bootstrap import interval, weights
from linnaeus.training.figures import of_ancestors, of_classes, of_each_class
from linnaeus.training.local_classifiers import branchings, flat
from tests.benchmarks.lexical_features import (
    THREADS,
    Data,
    Part,
    centroid_similarities,
    embedding,
    load,
    loaded,
    naive_bayes,
    ridge,
    shown,
    together,
)
from tests.benchmarks.support import print_table, timed, uniform

Matrix = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
Parents = Mapping[str, str | None]
GROUPS = (embedding, shown, naive_bayes, ridge, centroid_similarities)  # those of contracts/bundle.py, in their order
FIGURES = ("macro-F1 of leaves", "hierarchical F1", "mean F1 of nodes", "log loss")
REPLICATES = 1000
TREES: dict[str, dict[str, tuple[str, ...]]] = {
    "podcasts": {
        "entertainment": ("arts", "comedy", "fiction", "leisure", "music", "tv_film"),
        "life": ("health_fitness", "kids_family", "religion_spirituality", "society_culture", "sports"),
        "knowledge": ("education", "history", "science", "technology"),
        "affairs": ("business", "government", "news", "true_crime"),
    },
    "videos": {
        "culture": ("art_and_music", "food", "travel"),
        "knowledge": ("history", "manufacturing", "science_and_technology"),
    },
    "bbc": {"affairs": ("business", "politics", "tech"), "leisure": ("entertainment", "sport")},
}
BY_HAND, CLUSTERED = "by hand", "clustered"


@dataclass(frozen=True, eq=False)
class Rows:
    """What is fitted on, what judges early stopping, and what is tested: features and places of classes."""

    train: tuple[Matrix, Places]
    judge: tuple[Matrix, Places]
    test: tuple[Matrix, Places]
    names: list[str]
    creators: list[str]  # of those tested


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(TREES))
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    config = load_config("local", ["spark.master=local[2]", *options.set])
    wanted = options.sets.split(",")
    sets = loaded(wanted, lambda name: [load(config, name, options.folds, held_out) for held_out in (False, True)])
    inside, outside = [], []
    for name, (trained_on, held_out) in sets.items():
        with timed() as clock:
            folds = [rows_of(config, trained_on, trained_on.fold == fold) for fold in range(options.folds)]
            inside += compare(config, name, folds)
        print(f"{name}: {clock.seconds:.0f} s", file=sys.stderr, flush=True)
        both = together(trained_on, held_out)
        is_held_out = np.arange(len(both.texts)) >= len(trained_on.texts)
        outside += compare(config, name, [rows_of(config, both, is_held_out)])
    header = ("set", "tree", "classifier", *FIGURES)
    said = f"{options.folds}-fold cross-validation by creators inside those that are trained on"
    print_table(f"{said}; differences from flat with 95% intervals by a bootstrap over creators", header, inside)
    print_table("The same on the creators who are held out", header, outside)


def compare(config: Config, name: str, splits: list[Rows]) -> list[tuple[str, ...]]:
    """Rows of a table: flat and local classifiers, judged in either tree, the mean over the splits."""
    by_hand: Parents = {leaf: parent for parent, leaves in TREES[name].items() for leaf in leaves}
    trees = {
        BY_HAND: [by_hand] * len(splits),
        CLUSTERED: [clustered(rows, config.embedder.dimension) for rows in splits],
    }
    asked = [(rows, flat(rows.names)) for rows in splits]
    asked += [(rows, branchings(rows.names, tree[at])) for tree in trees.values() for at, rows in enumerate(splits)]
    with ThreadPoolExecutor(THREADS) as pool:
        chances = list(pool.map(lambda one: fitted(config, *one), asked))
    of_flat, found = chances[: len(splits)], []
    for at, (tree, parents) in enumerate(trees.items(), 1):
        local = chances[at * len(splits) : (at + 1) * len(splits)]
        first, second = (figures(splits, parents, one) for one in (of_flat, local))
        found.append((name, tree, "flat", *[f"{first[one][0]:.4f}" for one in FIGURES]))
        found.append((name, tree, "local", *[_compared(first[one], second[one]) for one in FIGURES]))
    return found


def _compared(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> str:
    gain = second - first
    lower, upper = interval(gain) or (np.nan, np.nan)
    return f"{second[0]:.4f} ({gain[0]:+.4f}; {lower:+.4f} to {upper:+.4f})"


def fitted(config: Config, rows: Rows, parts: Mapping[str | None, Groups]) -> Matrix:
    """Probabilities (rows, classes) of the tested rows."""
    conditionals = ((groups, _part(config, rows, groups)) for groups in parts.values())
    return composed(len(rows.names), conditionals)


def _part(config: Config, rows: Rows, groups: Groups) -> Matrix:
    """One local classifier's probabilities, fitted and stopped early as train_category does."""
    place = np.full(len(rows.names), -1)
    for at, group in enumerate(groups):
        place[list(group)] = at
    (train, classes), (judge, judged) = (
        (features[place[truth] >= 0], place[truth[place[truth] >= 0]]) for features, truth in (rows.train, rows.judge)
    )
    settings = config.training.booster
    stops: dict[str, Any] = {}
    if len(judge) >= config.training.min_validation:
        metric = "logloss" if len(groups) == 2 else "mlogloss"
        stops = {"early_stopping_rounds": settings.patience, "eval_metric": metric}
    model = XGBClassifier(**parameters(settings, config.training.split.seed), **stops, n_jobs=1)
    model.fit(train, classes, eval_set=[(judge, judged)] if stops else None, verbose=False)
    return np.asarray(model.predict_proba(rows.test[0]), dtype=np.float32)


def rows_of(config: Config, data: Data, is_tested: npt.NDArray[np.bool_]) -> Rows:
    """The rows of a split: a share of the other creators judges, and linear models are fitted on the rest alone."""
    seed, share = config.training.split.seed, config.training.split.calibration_share
    is_judge = np.array([uniform(one, seed, "calibration") < share for one in data.creators]) & ~is_tested
    train, judge, test = (np.flatnonzero(one) for one in (~is_judge & ~is_tested, is_judge, is_tested))
    if np.bincount(data.classes[train], minlength=data.n_classes).min() < config.training.min_labels_a_class:
        raise SystemExit("a class has too few training rows in a fold; ask for fewer folds")
    part = Part(data, train, np.concatenate([judge, test]), config)
    pairs = [make(part) for make in GROUPS]
    trained, others = (np.hstack([pair[at] for pair in pairs]).astype(np.float32) for at in (0, 1))
    n = len(judge)
    return Rows(
        (trained, data.classes[train]),
        (others[:n], data.classes[judge]),
        (others[n:], data.classes[test]),
        data.names,
        [data.creators[one] for one in test],
    )


def clustered(rows: Rows, dimension: int) -> Parents:
    """Classes by clusters of their centroids of vectors, as many as the root of their number."""
    features, classes = rows.train
    centroids = np.stack([features[classes == one, :dimension].mean(axis=0) for one in range(len(rows.names))])
    n = max(2, round(len(rows.names) ** 0.5))
    found = AgglomerativeClustering(n, linkage="ward").fit_predict(centroids)
    return {name: f"cluster {one}" for name, one in zip(rows.names, found, strict=True)}


def figures(splits: list[Rows], trees: list[Parents], chances: list[Matrix]) -> dict[str, npt.NDArray[np.float64]]:
    """Each figure's mean over the splits in all replicates of a bootstrap over creators, the first the data's own."""
    found = [_figures(*one) for one in zip(splits, trees, chances, strict=True)]
    return {name: np.mean([one[name] for one in found], axis=0) for name in FIGURES}


def _figures(rows: Rows, parents: Parents, chances: Matrix) -> dict[str, npt.NDArray[np.float64]]:
    truth, predicted = rows.test[1], chances.argmax(axis=1)
    keys = [int(uniform(one, 0, "bootstrap") * 2**62) for one in rows.creators]
    drawn = weights(np.array(keys, dtype=np.int64), REPLICATES, 17)
    paths = [set(path_of(name, parents)) for name in rows.names]
    nodes = sorted(set().union(*paths))
    member = np.array([[node in path for node in nodes] for path in paths], dtype=float)
    true, said = member[truth], member[predicted]
    n_leaves = len(rows.names)
    leaf = np.eye(n_leaves)
    of_leaves = [(leaf[truth] * leaf[predicted]).T @ drawn, leaf[predicted].T @ drawn, leaf[truth].T @ drawn]
    of_nodes = [(true * said).T @ drawn, said.T @ drawn, true.T @ drawn]
    loss = -np.log(np.clip(chances[np.arange(len(truth)), truth], 1e-15, 1)).astype(float)
    assert np.isclose(loss.mean(), log_loss(truth, chances, labels=np.arange(n_leaves)), atol=1e-4)
    return {
        "macro-F1 of leaves": of_classes(*of_leaves)["macro_f1"],
        "hierarchical F1": of_ancestors(*(one.sum(axis=0) for one in of_nodes))["hierarchical_f1"],
        "mean F1 of nodes": np.nanmean(of_each_class(*of_nodes)["f1"], axis=0),
        "log loss": loss @ drawn / drawn.sum(axis=0),
    }


if __name__ == "__main__":
    main()
