"""What lexical features are worth beside the embedding: the booster on each candidate, by cross-validation.

    .venv/bin/python tests/benchmarks/lexical_features.py [--sets podcasts,bbc] [--folds 3] [--set SECTION.KEY=VALUE]

Real labels (of the shared data, where it lies beside the checkout, and of the sample); exact duplicates removed. The
folds are creators', inside those that the split trains on: nothing here has seen a held-out creator. Whatever is fitted
is fitted on a fold's training rows; what is fitted on labels gives those rows scores of models without their inner
fold. Tokens, statistics, hashed terms and the arithmetic of the linear models are the library's; vectors are
onnxruntime's. Features are kept in .cache/benchmarks.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

# Folds are judged side by side, so each has one thread: on trees as small as these, two gain nothing.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import chi2
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from xgboost import XGBClassifier

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Config, fingerprint, load_config, resolve
from linnaeus.contracts.lexical import linear_scores, term_counts, unit_tf_idf, vector_scores
from linnaeus.features.reading import read_texts
from linnaeus.features.statistics import as_array, statistics
from linnaeus.features.tokens import tokenize, tokenizer_version
from linnaeus.features.vector import hashed_terms
from linnaeus.runtime.embedder import identity
from linnaeus.runtime.spark import build_session
from linnaeus.training.booster import parameters
from linnaeus.training.linear import centred, centroids, complement_weights
from linnaeus.training.ridge import solve
from tests.benchmarks import reference
from tests.benchmarks.support import json_lines, print_table, timed, uniform
from tests.benchmarks.texts import SHARED

Matrix = npt.NDArray[np.float32]
Made = TypeVar("Made")
THREADS = 2
INNER_FOLDS = 4
# Name: folder, facet, the most texts that are taken (by a hash of their ids).
SETS = {
    "podcasts": ("topics/podcasts", "category", 5000),
    "videos": ("topics/videos", "category", 4000),
    "hate": ("risk/hate", "risk.hate", 8000),
    "offensive": ("risk/hate", "risk.offensive", 8000),
    "toxic": ("risk/toxic", "risk.toxic", 5000),
    "bbc": (None, "category", 5000),
    "sms": (None, "risk.spam", 6000),
}


@dataclass(frozen=True, eq=False)
class Data:
    """Labelled texts with their features; `fold` and `inner` are of creators. `names` are those of the classes."""

    texts: list[str]
    creators: tuple[str, ...]
    names: list[str]
    classes: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]
    inner: npt.NDArray[np.int64]
    vectors: Matrix
    statistics: Matrix
    counts: sparse.csr_matrix

    @property
    def n_classes(self) -> int:
        """Classes."""
        return int(self.classes.max()) + 1


@dataclass(frozen=True, eq=False)
class Part:
    """What a representation is fitted on (`train`) and judged on (`test`): places in `data`."""

    data: Data
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    config: Config

    @property
    def unit(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """TF-IDF rows of norm one, their document frequencies those of the training rows."""
        counts = self.data.counts
        train = counts[self.train]
        documents = np.bincount(train.indices, minlength=train.shape[1])
        idf = (np.log((1 + train.shape[0]) / (1 + documents)) + 1).astype(np.float32)
        return unit_tf_idf(train, idf), unit_tf_idf(counts[self.test], idf)

    def sums(self, rows: sparse.csr_matrix) -> npt.NDArray[np.float64]:
        """Sums of training rows: (inner folds, classes, columns)."""
        n = self.data.n_classes
        key = self.data.inner[self.train] * n + self.data.classes[self.train]
        place = sparse.csr_matrix((np.ones(len(key)), (key, np.arange(len(key)))), shape=(INNER_FOLDS * n, len(key)))
        return np.asarray((place @ rows).todense()).reshape(INNER_FOLDS, n, -1)

    def out_of_fold(self, score: Callable[[int | None], tuple[Matrix, Matrix]]) -> tuple[Matrix, Matrix]:
        """Scores of training rows by models without their inner fold, and of test rows by the full model.

        `score(fold)` gives the scores of all training and test rows by the model without a fold (None: with all).
        """
        inner = self.data.inner[self.train]
        _, tested = score(None)
        trained = np.zeros((len(inner), tested.shape[1]), dtype=np.float32)
        for fold in range(INNER_FOLDS):
            trained[inner == fold] = score(fold)[0][inner == fold]
        return trained, tested


Pair = tuple[Matrix, Matrix]


def embedding(part: Part) -> Pair:
    """The vectors alone."""
    return part.data.vectors[part.train], part.data.vectors[part.test]


def shown(part: Part) -> Pair:
    """Text statistics."""
    return part.data.statistics[part.train], part.data.statistics[part.test]


def svd(part: Part) -> Pair:
    """128 components of TF-IDF: Deerwester et al. (1990), latent semantic analysis."""
    train, test = part.unit
    fitted = TruncatedSVD(min(128, train.shape[0] - 1), random_state=0).fit(train)
    return fitted.transform(train).astype(np.float32), fitted.transform(test).astype(np.float32)


def selected(part: Part) -> Pair:
    """The 512 terms of largest chi-squared with the classes, weighted by TF-IDF."""
    train, test = part.unit
    scores, _ = chi2(train, part.data.classes[part.train])
    best = np.sort(np.argsort(-np.nan_to_num(scores), kind="stable")[:512])
    return train[:, best].toarray().astype(np.float32), test[:, best].toarray().astype(np.float32)


def class_similarities(part: Part) -> Pair:
    """Cosines to each class's c-TF-IDF (Grootendorst, 2022, BERTopic), out of fold: sums of counts, less the fold's."""
    counts = part.data.counts
    train, test = part.unit
    sums = part.sums(counts[part.train])

    def score(fold: int | None) -> Pair:
        by_class = sums.sum(axis=0) - (0 if fold is None else sums[fold])
        totals = by_class.sum(axis=0)
        weights = by_class / np.maximum(by_class.sum(axis=1, keepdims=True), 1)
        weights = weights * np.log1p(by_class.sum() / len(by_class) / np.maximum(totals, 1))
        weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
        return linear_scores(train, weights), linear_scores(test, weights)

    return part.out_of_fold(score)


def naive_bayes(part: Part) -> Pair:
    """Complement naive Bayes, as training/linear.py fits it."""
    smoothing = part.config.training.linear.smoothing
    return _of_sums(part, lambda left: centred(complement_weights(left, smoothing)))


def centroid_similarities(part: Part) -> Pair:
    """Cosines to each class's centroid of TF-IDF, as training/linear.py fits them: the sums are those of the former."""
    return _of_sums(part, centroids)


def _of_sums(part: Part, fit: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float32]]) -> Pair:
    """Scores, out of fold, of a model that is fitted on sums of unit rows by class."""
    train, test = part.unit
    sums = part.sums(train)

    def score(fold: int | None) -> Pair:
        coefficients = fit(sums.sum(axis=0) - (0 if fold is None else sums[fold]))
        return linear_scores(train, coefficients), linear_scores(test, coefficients)

    return part.out_of_fold(score)


def ridge(part: Part) -> Pair:
    """Ridge regression on the vectors, as training/ridge.py fits it."""
    train, test = embedding(part)
    rows = np.hstack([train, np.ones((len(train), 1), np.float32)]).astype(np.float64)
    targets = np.eye(part.data.n_classes)[part.data.classes[part.train]]

    def score(fold: int | None) -> Pair:
        kept = part.data.inner[part.train] != (-1 if fold is None else fold)
        moments = rows[kept].T @ np.hstack([rows[kept], targets[kept]])
        weights = solve(moments, rows.shape[1], part.config.training.linear.ridge_penalty)
        return vector_scores(train, weights), vector_scores(test, weights)

    return part.out_of_fold(score)


def logistic(part: Part) -> Pair:
    """Logistic regression on TF-IDF: a pass over the rows an iteration and fold."""
    train, test = part.unit
    classes = part.data.classes[part.train]

    def score(fold: int | None) -> Pair:
        kept = part.data.inner[part.train] != (-1 if fold is None else fold)
        model = LogisticRegression(C=10.0, max_iter=200).fit(train[kept], classes[kept])
        scores = [np.asarray(model.decision_function(rows), np.float32) for rows in (train, test)]
        return tuple(one[:, None] if one.ndim == 1 else one for one in scores)  # type: ignore[return-value]

    return part.out_of_fold(score)


BASE = (embedding, shown)
WAYS: dict[str, tuple[Callable[[Part], Pair], ...]] = {
    "embedding": (embedding,),
    "embedding + statistics, and beside them:": BASE,
    "+ 128 SVD components of TF-IDF": (*BASE, svd),
    "+ TF-IDF of 512 terms by chi-squared": (*BASE, selected),
    "+ out-of-fold c-TF-IDF similarities to classes": (*BASE, class_similarities),
    "+ out-of-fold logistic regression scores on TF-IDF": (*BASE, logistic),
    "+ out-of-fold complement NB scores": (*BASE, naive_bayes),
    "+ out-of-fold complement NB and ridge scores": (*BASE, naive_bayes, ridge),
    "the same + c-TF-IDF similarities": (*BASE, naive_bayes, ridge, class_similarities),
    "the same + 128 SVD components": (*BASE, naive_bayes, ridge, svd),
    "the same + centroid similarities (ours)": (*BASE, naive_bayes, ridge, centroid_similarities),
}
BASELINE = "TF-IDF (words and pairs) by logistic regression alone"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--ways", default="", help="parts of names; all where empty")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    config = load_config("local", ["spark.master=local[2]", *options.set])
    wanted = [name for name in options.sets.split(",") if SETS[name][0] is None or SHARED.is_dir()]
    names = [name for name in (BASELINE, *WAYS) if any(part in name for part in options.ways.split(","))]
    figures: dict[tuple[str, str], list[float]] = {}
    seconds = dict.fromkeys(names, 0.0)
    sizes = {}
    sets = loaded(wanted, lambda name: load(config, name, options.folds))
    for name, data in sets.items():
        sizes[name] = f"{name} ({'macro-F1' if data.n_classes > 2 else 'PR-AUC'}, {len(data.texts):,})"
        tasks = [(config, data, way, fold) for way in names for fold in range(options.folds)]
        with ThreadPoolExecutor(THREADS) as pool:
            judged = list(pool.map(lambda task: judge(*task), tasks))
        for way in names:
            found = [one for one, task in zip(judged, tasks, strict=True) if task[2] == way]
            figures[way, name] = [figure for figure, _ in found]
            spent = sum(clock for _, clock in found)
            seconds[way] += spent
            print(f"{name}: {way}: {_cell(figures[way, name])} ({spent:.0f} s)", file=sys.stderr, flush=True)
    rows = [
        (
            way,
            *[_cell(figures[way, name]) for name in wanted],
            f"{np.mean([np.mean(figures[way, name]) for name in wanted]):.4f}",
            f"{seconds[way]:.0f}",
        )
        for way in names
    ]
    print_table(
        f"Lexical features: {options.folds}-fold cross-validation inside the training creators, mean ± sd of the folds",
        ("features", *[sizes[name] for name in wanted], "mean", "seconds"),
        rows,
    )


def judge(config: Config, data: Data, way: str, fold: int) -> tuple[float, float]:
    """The figure of a representation on one fold, and the seconds it took."""
    with timed() as clock:
        figure = _figure(config, data, way, fold)
    return figure, clock.seconds


def _figure(config: Config, data: Data, way: str, fold: int) -> float:
    part = Part(data, np.flatnonzero(data.fold != fold), np.flatnonzero(data.fold == fold), config)
    classes = data.classes[part.train]
    if way == BASELINE:
        fitted = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        train = fitted.fit_transform([data.texts[i] for i in part.train])
        model: Any = LogisticRegression(C=10.0, max_iter=1000).fit(train, classes)
        chances = model.predict_proba(fitted.transform([data.texts[i] for i in part.test]))
    else:
        pairs = [make(part) for make in WAYS[way]]
        model = _booster(config).fit(np.hstack([pair[0] for pair in pairs]), classes)
        chances = model.predict_proba(np.hstack([pair[1] for pair in pairs]))
    truth = data.classes[part.test]
    if data.n_classes > 2:
        return float(f1_score(truth, chances.argmax(axis=1), average="macro"))
    return float(average_precision_score(truth, chances[:, 1]))


def _booster(config: Config) -> XGBClassifier:
    """The parameters of training/booster.py."""
    return XGBClassifier(**parameters(config.training.booster, config.training.split.seed), n_jobs=1)


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.std(values):.4f}"


def loaded(names: list[str], make: Callable[[str], Made]) -> dict[str, Made]:
    """What is made of each set, and no session left that has made features for it: both cores are the fits'."""
    sets = {name: make(name) for name in names}
    if (session := SparkSession.getActiveSession()) is not None:
        session.stop()
    return sets


def load(config: Config, name: str, folds: int, held_out: bool = False) -> Data:
    """A set's texts of training creators, or of those held out, with their features."""
    folder, facet, most = SETS[name]
    where = SHARED / folder if folder else resolve(config.sample.folder)
    labels = {one[c.ITEM_ID]: one[c.LABEL] for one in json_lines(where / "gold_labels.jsonl") if one[c.FACET] == facet}
    seed = config.training.split.seed
    by_text: dict[str, tuple[str, str]] = {}
    for one in json_lines(where / "content.jsonl"):
        text = "\n".join(filter(None, (one.get(c.TITLE), one.get(c.BODY)))).strip()
        is_held_out = uniform(one[c.CREATOR_ID], seed, "held_out") < config.training.split.held_out_share
        if text and one[c.CONTENT_ID] in labels and is_held_out == held_out:
            by_text.setdefault(text, (one[c.CONTENT_ID], one[c.CREATOR_ID]))
    kept = sorted(by_text, key=lambda text: uniform(by_text[text][0], seed, "benchmark"))[:most]
    ids, creators = zip(*(by_text[text] for text in kept), strict=True)
    names = sorted({labels[one] for one in ids})
    found = _features(config, name if folder != "risk/hate" else "tweets", list(kept))
    return Data(
        list(kept),
        tuple(creators),
        names,
        np.array([names.index(labels[one]) for one in ids]),
        np.array([int(uniform(one, seed, "fold") * folds) for one in creators]),
        np.array([int(uniform(one, seed, "inner fold") * INNER_FOLDS) for one in creators]),
        found["vectors"],
        found["statistics"],
        term_counts(found["terms"], found["offsets"], config.features.hash_buckets),
    )


def together(first: Data, second: Data) -> Data:
    """Both sets' rows as one."""
    assert first.names == second.names
    return Data(
        first.texts + second.texts,
        first.creators + second.creators,
        first.names,
        *(
            np.concatenate([getattr(first, one), getattr(second, one)])
            for one in ("classes", "fold", "inner", "vectors", "statistics")
        ),
        sparse.vstack([first.counts, second.counts]).tocsr(),
    )


def _features(config: Config, name: str, texts: list[str]) -> dict[str, npt.NDArray[Any]]:
    """Vectors, statistics and hashed terms, computed once for the same texts, embedder and settings."""
    made_by = [identity(config.embedder), tokenizer_version(config.tokens), vars(config.features), texts]
    path = resolve(".cache/benchmarks") / f"{name}-{fingerprint(made_by)}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        found = _lexical(config, texts)
        found["vectors"] = reference.bare([(None, text) for text in texts], reference.Peer.of(config.embedder), THREADS)
        np.savez(path, **found)
    with np.load(path) as arrays:
        return dict(arrays)


def _lexical(config: Config, texts: list[str]) -> dict[str, npt.NDArray[Any]]:
    session = build_session(config, "benchmark")
    rows = session.createDataFrame(list(enumerate(texts)), f"place int, {c.TEXT} string").repartition(4, "place")
    made = tokenize(read_texts(rows, config.tokens), config.tokens).withColumn(c.STATISTICS, statistics(F.col(c.TEXT)))
    terms = hashed_terms(F.col(c.TOKENS), config.features.hash_buckets, config.features.bigrams)
    found = made.select("place", as_array(c.STATISTICS).alias(c.STATISTICS), terms.alias(c.TERMS)).orderBy("place")
    frame = found.toPandas()
    return {
        "statistics": np.stack(frame[c.STATISTICS].to_list()).astype(np.float32),
        "terms": np.concatenate(frame[c.TERMS].to_list()).astype(np.int32),
        "offsets": np.cumsum([0, *frame[c.TERMS].map(len)]).astype(np.int64),
    }


if __name__ == "__main__":
    main()
