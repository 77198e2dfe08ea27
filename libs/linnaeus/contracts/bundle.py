"""A trained model as one versioned whole: boosters (UBJSON), linear models (arrays), calibration, and what it expects.

No pickles: a bundle is a JSON file beside `.ubj` and `.npz` files of plain numbers.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import expit, softmax

from linnaeus.contracts.config import fingerprint
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.lexical import linear_scores, vector_scores
from linnaeus.contracts.schemas import STATISTICS

Floats = npt.NDArray[np.float32]
Family = Literal["category", "risk"]
Groups = tuple[tuple[int, ...], ...]  # of places of classes
_DOCUMENT = "bundle.json"
_FORMAT = 4
# The first did not name its statistics, and had no similarities to classes; neither it nor the second had thresholds;
# none of them had local parts, knots of calibrations, or a logistic regression.
_READABLE = (1, 2, 3, 4)
_CERTAIN = 1e-7  # probabilities nearer to 0 or 1 count as so near: their logits stay finite
# The groups of a feature vector, in order; the last three are those of a head's linear models.
EMBEDDING_GROUP, STATISTICS_GROUP = "embedding", "statistics"
TERM_SCORES, VECTOR_SCORES, SIMILARITIES = "term_scores", "vector_scores", "class_similarities"


@dataclass(frozen=True)
class FeatureGroup:
    """A run of columns of the feature vector."""

    name: str
    offset: int
    width: int


@dataclass(frozen=True)
class FeatureManifest:
    """What a model's features are: the embedder, the tokenizer, the statistics by name, and how terms are hashed."""

    embedder: str
    tokenizer: str
    dimension: int
    statistics: tuple[str, ...]
    buckets: int
    bigrams: bool

    @property
    def n_statistics(self) -> int:
        """Width of the statistics."""
        return len(self.statistics)

    @property
    def version(self) -> str:
        """A fingerprint of all that decides the vector: rows are stamped with it, and scored anew where it changes."""
        names = [EMBEDDING_GROUP, STATISTICS_GROUP, TERM_SCORES, VECTOR_SCORES, SIMILARITIES]
        return fingerprint([dataclasses.asdict(self), names])

    def shared_groups(self) -> tuple[FeatureGroup, ...]:
        """The groups that are the same for every head: what is known of a content before any class is."""
        return _laid_out((EMBEDDING_GROUP, self.dimension), (STATISTICS_GROUP, self.n_statistics))

    def groups(self, linear: LinearModel) -> tuple[FeatureGroup, ...]:
        """The groups of a head with these linear models, in the order of its feature vector."""
        shared = ((group.name, group.width) for group in self.shared_groups())
        return _laid_out(
            *shared,
            (TERM_SCORES, len(linear.term_coefficients)),
            (VECTOR_SCORES, len(linear.vector_coefficients)),
            (SIMILARITIES, len(linear.centroids)),
        )


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Linear models whose scores are features: on TF-IDF of hashed terms, on the embedding, and the classes' centroids.

    Shapes: idf (buckets,), term_coefficients (n_scores, buckets), vector_coefficients (n_scores, dimension + 1), the
    constant last; centroids (n_classes, buckets), each of norm one (none in a model of the first format). n_scores is
    one for two classes (the second's score over the first's), else one a class. `logistic` (n_scores, buckets + 1),
    the constant last, is no feature but a model of its own that is mixed with the booster; (0, 0) where there is none.
    """

    idf: Floats
    term_coefficients: Floats
    vector_coefficients: Floats
    centroids: Floats
    logistic: Floats = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

    def scores(self, unit: sparse.csr_matrix, vectors: Floats) -> Floats:
        """Scores (rows, n_features) of unit TF-IDF rows (rows, buckets) and vectors (rows, dimension), NaN as zero.

        In the order of the feature groups. Training and scoring call this alone: they must agree to the last bit.
        """
        by_terms = linear_scores(unit, self.term_coefficients)
        by_vector = vector_scores(vectors, self.vector_coefficients)
        return np.hstack([by_terms, by_vector, linear_scores(unit, self.centroids)])

    def chances(self, unit: sparse.csr_matrix) -> Floats:
        """Probabilities (rows, classes) by the logistic regression, of unit TF-IDF rows (rows, buckets).

        Terms that no training row had do not count, as words that are in no vocabulary do not: of the others each row
        is of norm one again. With them its scores would be the smaller the more is new in a text.
        """
        norms = np.sqrt(unit.multiply(unit) @ self._is_known)[:, None]
        scores = linear_scores(unit, self.logistic[:, :-1]) / np.where(norms > 0, norms, 1.0) + self.logistic[:, -1]
        if scores.shape[1] == 1:
            yes = expit(scores)
            return np.hstack([1 - yes, yes])
        return np.asarray(softmax(scores, axis=1))

    @property
    def _is_known(self) -> npt.NDArray[np.float64]:
        """By bucket, 1 where training rows had its term: the coefficients of the others have stayed at zero."""
        return np.any(self.logistic[:, :-1] != 0, axis=0).astype(np.float64)

    @property
    def n_features(self) -> int:
        """Scores a row, of all."""
        return len(self.term_coefficients) + len(self.vector_coefficients) + len(self.centroids)


@dataclass(frozen=True)
class Calibration:
    """From a booster's probability p to a calibrated one: sigmoid(slope · f(logit(p)) + intercept).

    f is the line through `knots`, pairs of logits that both increase, and beyond the first and the last runs parallel
    to the identity; without knots it is the identity. So with a positive slope the ranking stays as it is.
    """

    slope: float
    intercept: float
    knots: tuple[tuple[float, float], ...] = ()

    def apply(self, probability: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities (n,) of probabilities (n,). Training and scoring call this alone."""
        inner = np.clip(probability.astype(np.float64), _CERTAIN, 1 - _CERTAIN)
        margin = np.log(inner / (1 - inner))
        if self.knots:
            given, made = np.array(self.knots).T
            beyond = np.minimum(margin - given[0], 0.0) + np.maximum(margin - given[-1], 0.0)
            margin = np.interp(margin, given, made) + beyond
        return np.asarray(1 / (1 + np.exp(-(self.slope * margin + self.intercept))))


@dataclass(frozen=True, eq=False)
class LocalPart:
    """A booster (UBJSON) that tells apart the branches of one node (None: of the whole, above all roots).

    `groups` are the places of the head's classes in each branch.
    """

    node: str | None
    groups: Groups
    booster: bytes


@dataclass(frozen=True, eq=False)
class Head:
    """One model of a bundle: for `category` the node ids are its classes, for a risk area `no` and `yes`.

    `parts` are local classifiers in the place of the one `booster`, which then is empty: the probability of a class is
    the product of those of its groups. `thresholds` are probabilities: of `category` by node, from where it is
    accepted; of a risk where the levels `medium` and `high` begin. `logistic_share` is that of the logistic regression
    in the mixture with the booster: in the logarithms of probabilities, which then are made to sum to one.
    """

    classes: tuple[str, ...]
    booster: bytes
    linear: LinearModel
    calibration: Calibration | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[LocalPart, ...] = ()
    logistic_share: float = 0.0


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """All that scoring needs of a family's model. `heads` has the key `category`, or one key a risk area."""

    family: Family
    manifest: FeatureManifest
    heads: Mapping[str, Head]

    def with_head(self, name: str, **changes: Any) -> ModelBundle:
        """The same models, but for what changes of one head."""
        heads = dict(self.heads) | {name: dataclasses.replace(self.heads[name], **changes)}
        return dataclasses.replace(self, heads=heads)

    def to_files(self) -> dict[str, bytes]:
        """File names and contents; `from_files` reads them back."""
        document: dict[str, Any] = {
            "format": _FORMAT,
            "family": self.family,
            "manifest": dataclasses.asdict(self.manifest) | {"version": self.manifest.version},
            "heads": {
                name: {
                    "classes": list(head.classes),
                    "calibration": dataclasses.asdict(head.calibration) if head.calibration else None,
                    "thresholds": dict(head.thresholds),
                    "groups": [dataclasses.asdict(group) for group in self.manifest.groups(head.linear)],
                    "logistic_share": head.logistic_share,
                    "parts": [{"node": part.node, "groups": part.groups} for part in head.parts],
                }
                for name, head in self.heads.items()
            },
        }
        files = {_DOCUMENT: json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True).encode()}
        for name, head in self.heads.items():
            # By their places, not their nodes, whose ids may hold any character; no head's name holds a full stop.
            files |= {f"{name}.{place}.ubj": part.booster for place, part in enumerate(head.parts)}
            if not head.parts:
                files[f"{name}.ubj"] = head.booster
            files[f"{name}.npz"] = _arrays_to_bytes(head.linear)
        return files

    @staticmethod
    def from_files(files: Mapping[str, bytes]) -> ModelBundle:
        """Read a bundle. Raises ConfigurationError for one of another format."""
        document = json.loads(files[_DOCUMENT])
        if document.get("format") not in _READABLE:
            readable = ", ".join(map(str, _READABLE))
            raise ConfigurationError(
                f"the model bundle has format {document.get('format')}; this code reads {readable}"
            )
        heads = {}
        for name, said in document["heads"].items():
            parts = tuple(
                LocalPart(part["node"], tuple(map(tuple, part["groups"])), files[f"{name}.{place}.ubj"])
                for place, part in enumerate(said.get("parts", []))
            )
            heads[name] = Head(
                tuple(said["classes"]),
                b"" if parts else files[f"{name}.ubj"],
                _arrays_from_bytes(files[f"{name}.npz"]),
                _calibration(said["calibration"]),
                said.get("thresholds", {}),
                parts,
                said.get("logistic_share", 0.0),
            )
        return ModelBundle(document["family"], _manifest(document["manifest"]), heads)


def _laid_out(*widths: tuple[str, int]) -> tuple[FeatureGroup, ...]:
    """Groups one after the other."""
    offsets = itertools.accumulate((width for _, width in widths), initial=0)
    return tuple(FeatureGroup(name, offset, width) for (name, width), offset in zip(widths, offsets, strict=False))


def _manifest(said: Mapping[str, Any]) -> FeatureManifest:
    """A bundle's manifest. One of the first format says how many statistics it has: they are those of that time."""
    known = {name: value for name, value in said.items() if name not in ("version", "n_statistics")}
    statistics = tuple(said["statistics"] if "statistics" in said else STATISTICS.names[: said["n_statistics"]])
    return FeatureManifest(**(known | {"statistics": statistics}))


def _calibration(said: Mapping[str, Any] | None) -> Calibration | None:
    if not said:
        return None
    return Calibration(said["slope"], said["intercept"], tuple(tuple(knot) for knot in said.get("knots", ())))


def _arrays_to_bytes(linear: LinearModel) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **vars(linear))
    return buffer.getvalue()


def _arrays_from_bytes(content: bytes) -> LinearModel:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        read = {name: arrays[name] for name in arrays.files}
    without = np.zeros((0, len(read["idf"])), dtype=np.float32)
    return LinearModel(**({"centroids": without} | read))
