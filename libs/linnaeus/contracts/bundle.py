"""A trained model as one versioned whole: boosters (UBJSON), linear models (arrays), calibration, and what it expects.

No pickles: a bundle is a JSON file beside `.ubj` and `.npz` files of plain numbers.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from linnaeus.contracts.errors import ConfigurationError

Floats = npt.NDArray[np.float32]
Family = Literal["category", "risk"]
_DOCUMENT = "bundle.json"
_FORMAT = 1


@dataclass(frozen=True)
class FeatureGroup:
    """A run of columns of the feature vector."""

    name: str
    offset: int
    width: int


@dataclass(frozen=True)
class FeatureManifest:
    """What a model's features are: the groups in order, the embedder, the tokenizer, and how terms are hashed."""

    embedder: str
    tokenizer: str
    dimension: int
    n_statistics: int
    buckets: int
    bigrams: bool

    def groups(self, n_scores: int) -> tuple[FeatureGroup, ...]:
        """The groups of a head whose linear models give `n_scores` scores in all."""
        widths = (("embedding", self.dimension), ("statistics", self.n_statistics), ("linear", n_scores))
        offset, groups = 0, []
        for name, width in widths:
            groups.append(FeatureGroup(name, offset, width))
            offset += width
        return tuple(groups)


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Two linear models whose scores are features: one on TF-IDF of hashed terms, one on the embedding.

    Shapes: idf (buckets,), term_coefficients (n_scores, buckets), vector_coefficients (n_scores, dimension + 1), the
    constant last. n_scores is one for two classes (the second's score over the first's), else one a class.
    """

    idf: Floats
    term_coefficients: Floats
    vector_coefficients: Floats

    @property
    def n_features(self) -> int:
        """Scores a row, of both models."""
        return int(self.term_coefficients.shape[0] + self.vector_coefficients.shape[0])


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: sigmoid(slope · logit(p) + intercept)."""

    slope: float
    intercept: float


@dataclass(frozen=True, eq=False)
class Head:
    """One model of a bundle: for `category` the node ids are its classes, for a risk area `no` and `yes`."""

    classes: tuple[str, ...]
    booster: bytes
    linear: LinearModel
    calibration: Calibration | None = None


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """All that scoring needs of a family's model. `heads` has the key `category`, or one key a risk area."""

    family: Family
    manifest: FeatureManifest
    heads: Mapping[str, Head]

    def with_calibration(self, calibrations: Mapping[str, Calibration | None]) -> ModelBundle:
        """The same models with other calibrations."""
        heads = {
            name: dataclasses.replace(head, calibration=calibrations.get(name)) for name, head in self.heads.items()
        }
        return dataclasses.replace(self, heads=heads)

    def to_files(self) -> dict[str, bytes]:
        """File names and contents; `from_files` reads them back."""
        document: dict[str, Any] = {
            "format": _FORMAT,
            "family": self.family,
            "manifest": dataclasses.asdict(self.manifest),
            "heads": {
                name: {
                    "classes": list(head.classes),
                    "calibration": dataclasses.asdict(head.calibration) if head.calibration else None,
                    "groups": [dataclasses.asdict(group) for group in self.manifest.groups(head.linear.n_features)],
                }
                for name, head in self.heads.items()
            },
        }
        files = {_DOCUMENT: json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True).encode()}
        for name, head in self.heads.items():
            files[f"{name}.ubj"] = head.booster
            files[f"{name}.npz"] = _arrays_to_bytes(head.linear)
        return files

    @staticmethod
    def from_files(files: Mapping[str, bytes]) -> ModelBundle:
        """Read a bundle. Raises ConfigurationError for one of another format."""
        document = json.loads(files[_DOCUMENT])
        if document.get("format") != _FORMAT:
            raise ConfigurationError(f"the model bundle has format {document.get('format')}; this code reads {_FORMAT}")
        heads = {}
        for name, said in document["heads"].items():
            calibration = Calibration(**said["calibration"]) if said["calibration"] else None
            heads[name] = Head(
                tuple(said["classes"]), files[f"{name}.ubj"], _arrays_from_bytes(files[f"{name}.npz"]), calibration
            )
        return ModelBundle(document["family"], FeatureManifest(**document["manifest"]), heads)


def _arrays_to_bytes(linear: LinearModel) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **vars(linear))
    return buffer.getvalue()


def _arrays_from_bytes(content: bytes) -> LinearModel:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return LinearModel(**{field.name: arrays[field.name] for field in dataclasses.fields(LinearModel)})
