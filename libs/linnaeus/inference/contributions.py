"""What a booster's answer is made of: SHAP values by column, summed over the groups of the feature vector.

Lundberg and Lee (2017), A unified approach to interpreting model predictions; exact over trees by Lundberg et al.
(2020), From local explanations to global understanding with explainable AI for trees, as XGBoost computes it
(`pred_contribs`). They add up: the bias and the values of all columns are the margin, the log-odds before any mixture
or calibration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xgboost
from scipy.special import softmax

from linnaeus.contracts.bundle import EMBEDDING_GROUP, STATISTICS_GROUP, FeatureManifest, Groups, LinearModel
from linnaeus.inference.predictor import Array

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NamedFeature:
    """One column of the feature vector that has a name, its value, and what it adds to the log-odds."""

    name: str
    value: float
    contribution: float


@dataclass(frozen=True)
class BoosterReasons:
    """Why a booster finds one branch more probable than another, in log-odds: `bias` and `groups` sum to `log_odds`.

    `node` is that of a local classifier (None: the whole); `answer` and `other` are the classes of the two branches,
    of a flat head one each; `chance` is that of the answer's branch by this booster alone. `features` are the columns
    with a name (statistics, scores of linear models), the weightiest first: parts of their groups.
    """

    node: str | None
    answer: tuple[str, ...]
    other: tuple[str, ...]
    chance: float
    log_odds: float
    bias: float
    groups: Mapping[str, float]
    features: tuple[NamedFeature, ...]


def shap_values(booster: bytes, features: Array) -> Doubles:
    """SHAP values (outputs, width + 1) of one row of features (1, width), the bias last, by a booster (UBJSON).

    There is one output for two classes (the second's log-odds), else one a class; each row's sum is its margin.
    """
    loaded = xgboost.Booster()
    loaded.load_model(bytearray(booster))
    loaded.set_param({"nthread": 1, "device": "cpu"})
    found = loaded.predict(xgboost.DMatrix(features), pred_contribs=True, strict_shape=True)
    return np.asarray(found[0], dtype=np.float64)


def a_class_each(scores: Doubles) -> Doubles:
    """Scores a row a class: where there are two, models give the second's over the first's alone."""
    return np.vstack([np.zeros_like(scores), scores]) if len(scores) == 1 else scores


def booster_reasons(
    values: Doubles,
    features: Array,
    places: tuple[int, int],
    columns: Columns,
    classes: Sequence[str],
    node: str | None,
    branches: Groups,
) -> BoosterReasons:
    """Read SHAP values (branches, width + 1) of features (1, width) as reasons for one branch over another.

    `places` are those of the two; `branches` hold the places of the head's classes in each.
    """
    answer, other = places
    over = values[answer] - values[other]
    named = [
        NamedFeature(name, float(features[0, place]), float(over[place]))
        for place, name in enumerate(columns.names)
        if name is not None
    ]
    return BoosterReasons(
        node,
        tuple(classes[one] for one in branches[answer]),
        tuple(classes[one] for one in branches[other]),
        float(softmax(values.sum(axis=1))[answer]),
        float(over.sum()),
        float(over[-1]),
        {name: float(over[start:end].sum()) for name, start, end in columns.groups},
        tuple(sorted(named, key=lambda one: (-abs(one.contribution), one.name))),
    )


@dataclass(frozen=True)
class Columns:
    """Columns of a head's feature vector: a name where one has a meaning by itself (numbers of an embedding have none),
    and the groups, each with its first column and the one after its last."""

    names: tuple[str | None, ...]
    groups: tuple[tuple[str, int, int], ...]

    @staticmethod
    def of(manifest: FeatureManifest, linear: LinearModel, classes: Sequence[str]) -> Columns:
        """Those of a head with these linear models and classes."""
        names: list[str | None] = []
        groups = manifest.groups(linear)
        for group in groups:
            if group.name == EMBEDDING_GROUP:
                names += [None] * group.width
            elif group.name == STATISTICS_GROUP:
                names += manifest.statistics
            else:  # of two classes there may be one score, of the second
                of_classes = classes if group.width == len(classes) else classes[-1:]
                names += [f"{group.name} of {one}" for one in of_classes[: group.width]]
        return Columns(tuple(names), tuple((one.name, one.offset, one.offset + one.width) for one in groups))
