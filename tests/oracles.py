"""Slow, obvious truths that the tests compare the suite's code with."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

from linnaeus.contracts.bundle import (
    Calibration,
    Family,
    FeatureManifest,
    Groups,
    Head,
    LinearModel,
    LocalPart,
    ModelBundle,
)
from linnaeus.contracts.lexical import term_space
from linnaeus.contracts.logistic import LogisticModel

# A content's features: embedding (None where it has no text), statistics, and numbers of its hashed terms.
FeatureRow = tuple[list[float] | None, list[float], list[int]]
A_BUCKET = 3  # terms that share a bucket, of those that random rows are made of


def newest_by_key(rows: Sequence[tuple[Any, ...]], key: tuple[int, ...], time: int) -> list[tuple[Any, ...]]:
    """The row with the newest time of each key; of ties the one whose other values are greatest, from the left."""

    def rank(row: tuple[Any, ...]) -> list[tuple[bool, Any]]:
        others = [value for place, value in enumerate(row) if place not in (*key, time)]
        return [(value is not None, value) for value in (row[time], *others)]  # None lies below all

    best: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows:
        its_key = tuple(row[place] for place in key)
        # Two Nones are equal and never compared further, since the flags before them differ or the lists end.
        if its_key not in best or rank(row) > rank(best[its_key]):
            best[its_key] = row
    return list(best.values())


def vector_bytes(numbers: Sequence[float] | npt.NDArray[np.float32] | None) -> bytes | None:
    """Numbers as little-endian float32."""
    return None if numbers is None else np.asarray(numbers, dtype="<f4").tobytes()


def numbers_of(stored: bytes | None) -> list[float] | None:
    """The numbers of a stored vector."""
    return None if stored is None else np.frombuffer(stored, "<f4").tolist()


def random_rows(n: int, manifest: FeatureManifest, seed: int) -> list[FeatureRow]:
    """Features of n contents: every fourth without a vector, every fifth without terms."""
    rng = np.random.default_rng(seed)
    rows: list[FeatureRow] = []
    for i in range(n):
        vector = rng.normal(size=manifest.dimension).astype(np.float32)
        terms = [] if i % 5 == 0 else rng.integers(0, A_BUCKET * manifest.buckets, rng.integers(1, 9)).tolist()
        form = rng.normal(size=manifest.n_statistics).astype(np.float32)
        rows.append((None if i % 4 == 0 else vector.tolist(), form.tolist(), terms))
    return rows


def random_bundle(
    family: Family,
    heads: Mapping[str, tuple[str, ...]],
    manifest: FeatureManifest,
    calibrations: Mapping[str, Calibration] | None = None,
    seed: int = 0,
    rounds: int = 8,
) -> ModelBundle:
    """A small model whose answers depend on every group of features; `heads` holds the classes of each."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, classes in heads.items():
        n_scores = 1 if len(classes) == 2 else len(classes)
        shapes = (
            (manifest.buckets,),
            (n_scores, manifest.buckets),
            (n_scores, manifest.dimension + 1),
            (len(classes), manifest.buckets),
        )
        linear = LinearModel(*(np.abs(rng.normal(size=shape)).astype(np.float32) + 0.1 for shape in shapes))
        width = manifest.dimension + manifest.n_statistics + linear.n_features
        booster = _random_booster(rng, width, manifest.dimension, len(classes), seed, rounds)
        made[name] = Head(classes, booster, linear, (calibrations or {}).get(name))
    return ModelBundle(family, manifest, made)


def _random_booster(
    rng: np.random.Generator, width: int, dimension: int, n_classes: int, seed: int, rounds: int = 8
) -> bytes:
    inputs = rng.normal(size=(300, width))
    inputs[::4, :dimension] = np.nan
    targets = np.nan_to_num(inputs @ rng.normal(size=(width, n_classes))).argmax(axis=1)
    targets[::4] = rng.integers(0, n_classes, len(targets[::4]))
    objective: dict[str, Any] = {"objective": "binary:logistic"}
    if n_classes > 2:
        objective = {"objective": "multi:softprob", "num_class": n_classes}
    settings = objective | {"max_depth": 3, "seed": seed, "nthread": 1}
    return bytes(xgboost.train(settings, xgboost.DMatrix(inputs, targets), num_boost_round=rounds).save_raw("ubj"))


def with_local_parts(bundle: ModelBundle, name: str, groups: Mapping[str | None, Groups], seed: int = 0) -> ModelBundle:
    """The bundle with random local classifiers in the place of a head's booster."""
    rng = np.random.default_rng(seed)
    manifest = bundle.manifest
    width = manifest.dimension + manifest.n_statistics + bundle.heads[name].linear.n_features
    parts = tuple(
        LocalPart(node, of_node, _random_booster(rng, width, manifest.dimension, len(of_node), seed))
        for node, of_node in groups.items()
    )
    return bundle.with_head(name, booster=b"", parts=parts)


def _through(knots: Sequence[tuple[float, float]], logit: float) -> float:
    """The line through the knots at a logit, beyond the ends parallel to the identity."""
    if not knots:
        return logit
    for (x, y), (x_next, y_next) in itertools.pairwise(knots):
        if x <= logit <= x_next:
            return y + (logit - x) / (x_next - x) * (y_next - y)
    x, y = knots[0] if logit < knots[0][0] else knots[-1]
    return y + logit - x


def predict_by_hand(bundle: ModelBundle, rows: Sequence[FeatureRow]) -> dict[str, npt.NDArray[np.float64]]:
    """Probabilities (rows, classes) by head: a row at a time, dense, in double precision up to the booster."""
    manifest = bundle.manifest
    found = {}
    for name, head in bundle.heads.items():
        inputs = []
        for embedding, statistics, terms in rows:
            counts = np.bincount([term % manifest.buckets for term in terms], minlength=manifest.buckets)
            weighted = counts.astype(float) * head.linear.idf
            norm = np.linalg.norm(weighted)
            unit = weighted / norm if norm > 0 else weighted
            by_terms = head.linear.term_coefficients.astype(float) @ unit
            similar = head.linear.centroids.astype(float) @ unit
            vector = [0.0] * manifest.dimension if embedding is None else embedding
            by_vector = head.linear.vector_coefficients.astype(float) @ np.array([*vector, 1.0])
            shown = [float("nan")] * manifest.dimension if embedding is None else embedding
            inputs.append([*shown, *statistics, *by_terms, *by_vector, *similar])
        chances = _composed(head, inputs)
        if head.logistic is not None:
            by_words = [chances_by_hand(head.logistic, terms) for _, _, terms in rows]
            chances = chances ** (1 - head.logistic_share) * np.array(by_words) ** head.logistic_share
            chances /= chances.sum(axis=1, keepdims=True)
        if head.calibration is not None:
            odds = np.log(chances[:, 1] / chances[:, 0])
            logits = [_through(head.calibration.knots, float(one)) for one in odds]
            yes = 1 / (1 + np.exp(-(head.calibration.slope * np.array(logits) + head.calibration.intercept)))
            chances = np.stack([1 - yes, yes], axis=1)
        found[name] = chances
    return found


def _composed(head: Head, inputs: list[list[float]]) -> npt.NDArray[np.float64]:
    """By the one booster, or the product of the local ones."""
    if not head.parts:
        return _chances(head.booster, inputs)
    found = np.ones((len(inputs), len(head.classes)))
    for part in head.parts:
        chances = _chances(part.booster, inputs)
        for group, places in enumerate(part.groups):
            for place in places:
                found[:, place] *= chances[:, group]
    return found


def chances_by_hand(model: LogisticModel, terms: Sequence[int]) -> npt.NDArray[np.float64]:
    """A text's probabilities (classes,) by the logistic regression."""
    numbers = [term % model.space for term in terms]
    weighted = np.array([numbers.count(known) for known in model.terms.tolist()], dtype=float) * model.idf
    norm = np.linalg.norm(weighted)
    unit = weighted / norm if norm > 0 else weighted
    scores = model.coefficients.astype(float) @ np.append(unit, 1.0)
    scores = np.array([0.0, scores[0]]) if len(scores) == 1 else scores
    return np.asarray(np.exp(scores) / np.exp(scores).sum())


def _chances(content: bytes, inputs: list[list[float]]) -> npt.NDArray[np.float64]:
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    raw = booster.predict(xgboost.DMatrix(np.array(inputs, dtype=np.float32))).astype(float)
    return np.asarray(raw) if raw.ndim > 1 else np.stack([1 - raw, raw], axis=1)


def with_logistic(
    bundle: ModelBundle, name: str, share: float, seed: int = 0, known: Sequence[int] | None = None
) -> ModelBundle:
    """The bundle with a random logistic regression in the mixture of a head; by default it knows half of the terms that
    random rows are made of."""
    classes, rng, buckets = bundle.heads[name].classes, np.random.default_rng(seed), bundle.manifest.buckets
    half = np.flatnonzero(rng.random(A_BUCKET * buckets) < 0.5)
    terms = np.array(half if known is None else sorted(known), dtype=np.int32)
    idf = rng.uniform(1.0, 4.0, len(terms)).astype(np.float32)
    shape = (1 if len(classes) == 2 else len(classes), len(terms) + 1)
    model = LogisticModel(terms, idf, (3 * rng.normal(size=shape)).astype(np.float32), term_space(buckets))
    return bundle.with_head(name, logistic=model, logistic_share=share)
