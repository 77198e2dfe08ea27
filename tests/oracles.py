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

# A content's features: embedding (None where it has no text), statistics, and bucket numbers of its terms.
FeatureRow = tuple[list[float] | None, list[float], list[int]]


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
        terms = [] if i % 5 == 0 else rng.integers(0, manifest.buckets, rng.integers(1, 9)).tolist()
        form = rng.normal(size=manifest.n_statistics).astype(np.float32)
        rows.append((None if i % 4 == 0 else vector.tolist(), form.tolist(), terms))
    return rows


def random_bundle(
    family: Family,
    heads: Mapping[str, tuple[str, ...]],
    manifest: FeatureManifest,
    calibrations: Mapping[str, Calibration] | None = None,
    seed: int = 0,
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
        booster = _random_booster(rng, width, manifest.dimension, len(classes), seed)
        made[name] = Head(classes, booster, linear, (calibrations or {}).get(name))
    return ModelBundle(family, manifest, made)


def _random_booster(rng: np.random.Generator, width: int, dimension: int, n_classes: int, seed: int) -> bytes:
    inputs = rng.normal(size=(300, width))
    inputs[::4, :dimension] = np.nan
    targets = np.nan_to_num(inputs @ rng.normal(size=(width, n_classes))).argmax(axis=1)
    targets[::4] = rng.integers(0, n_classes, len(targets[::4]))
    objective: dict[str, Any] = {"objective": "binary:logistic"}
    if n_classes > 2:
        objective = {"objective": "multi:softprob", "num_class": n_classes}
    settings = objective | {"max_depth": 3, "seed": seed, "nthread": 1}
    return bytes(xgboost.train(settings, xgboost.DMatrix(inputs, targets), num_boost_round=8).save_raw("ubj"))


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
            weighted = np.bincount(terms, minlength=manifest.buckets).astype(float) * head.linear.idf
            norm = np.linalg.norm(weighted)
            unit = weighted / norm if norm > 0 else weighted
            by_terms = head.linear.term_coefficients.astype(float) @ unit
            similar = head.linear.centroids.astype(float) @ unit
            vector = [0.0] * manifest.dimension if embedding is None else embedding
            by_vector = head.linear.vector_coefficients.astype(float) @ np.array([*vector, 1.0])
            shown = [float("nan")] * manifest.dimension if embedding is None else embedding
            inputs.append([*shown, *statistics, *by_terms, *by_vector, *similar])
        if not head.parts:
            found[name] = _chances(head.booster, inputs, head.calibration)
            continue
        found[name] = np.ones((len(rows), len(head.classes)))
        for part in head.parts:
            chances = _chances(part.booster, inputs, None)
            for group, places in enumerate(part.groups):
                for place in places:
                    found[name][:, place] *= chances[:, group]
    return found


def _chances(content: bytes, inputs: list[list[float]], calibration: Calibration | None) -> npt.NDArray[np.float64]:
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    raw = booster.predict(xgboost.DMatrix(np.array(inputs, dtype=np.float32))).astype(float)
    if raw.ndim > 1:
        return np.asarray(raw)
    if calibration is not None:
        logits = [_through(calibration.knots, float(one)) for one in np.log(raw / (1 - raw))]
        raw = 1 / (1 + np.exp(-(calibration.slope * np.array(logits) + calibration.intercept)))
    return np.stack([1 - raw, raw], axis=1)
