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

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.fingerprints import fingerprint
from linnaeus.contracts.lexical import linear_scores, vector_scores
from linnaeus.contracts.logistic import LogisticModel

Floats = npt.NDArray[np.float32]
Family = Literal["category", "risk"]
Groups = tuple[tuple[int, ...], ...]  # of places of classes
Arrays = Mapping[str, npt.NDArray[Any]]
_DOCUMENT = "bundle.json"
_ON_BUCKETS = "logistic"  # among the arrays of linear models, up to the fourth format
_FORMAT = 5
# The first did not name its statistics, and had no similarities to classes; neither it nor the second had thresholds;
# none of the first three had local parts, knots of calibrations, or a logistic regression; the fourth's had buckets for
# terms.
_READABLE = (1, 2, 3, 4, 5)
# The statistics of the first format, by their number; here, as a served model has neither schemas nor Spark.
_FIRST_STATISTICS = (
    "n_characters",
    "n_words",
    "word_length",
    "type_token_ratio",
    "capital_share",
    "digit_share",
    "punctuation_share",
    "n_links",
    "longest_number",
    "repeated_share",
    "emoji_share",
    "currency_share",
)
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
    one for two classes (the second's score over the first's), else one a class.
    """

    idf: Floats
    term_coefficients: Floats
    vector_coefficients: Floats
    centroids: Floats

    def scores(self, unit: sparse.csr_matrix, vectors: Floats) -> Floats:
        """Scores (rows, n_features) of unit TF-IDF rows (rows, buckets) and vectors (rows, dimension), NaN as zero.

        In the order of the feature groups. Training and scoring call this alone: they must agree to the last bit.
        """
        by_terms = linear_scores(unit, self.term_coefficients)
        by_vector = vector_scores(vectors, self.vector_coefficients)
        return np.hstack([by_terms, by_vector, linear_scores(unit, self.centroids)])

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
    accepted; of a risk where the levels `medium` and `high` begin. `logistic`, where there is one, is no feature but a
    model of its own that is mixed with the booster, and `logistic_share` its share in that mixture: in the logarithms
    of probabilities, which then are made to sum to one.
    """

    classes: tuple[str, ...]
    booster: bytes
    linear: LinearModel
    calibration: Calibration | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[LocalPart, ...] = ()
    logistic: LogisticModel | None = None
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
            files[f"{name}.npz"] = _arrays_to_bytes(vars(head.linear))
            if head.logistic is not None:
                files[_of_logistic(name)] = _arrays_to_bytes(vars(head.logistic))
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
            arrays = _arrays_from_bytes(files[f"{name}.npz"])
            heads[name] = Head(
                tuple(said["classes"]),
                b"" if parts else files[f"{name}.ubj"],
                _linear(arrays),
                _calibration(said["calibration"]),
                said.get("thresholds", {}),
                parts,
                _logistic(arrays, files.get(_of_logistic(name))),
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
    statistics = tuple(said["statistics"] if "statistics" in said else _FIRST_STATISTICS[: said["n_statistics"]])
    return FeatureManifest(**(known | {"statistics": statistics}))


def _calibration(said: Mapping[str, Any] | None) -> Calibration | None:
    if not said:
        return None
    return Calibration(said["slope"], said["intercept"], tuple(tuple(knot) for knot in said.get("knots", ())))


def _of_logistic(head: str) -> str:
    """The file of a head's logistic regression; no head's name holds a full stop."""
    return f"{head}.logistic.npz"


def _linear(arrays: Arrays) -> LinearModel:
    """A head's linear models. Those of the first format had no centroids."""
    without = np.zeros((0, len(arrays["idf"])), dtype=np.float32)
    return LinearModel(**({"centroids": without} | {name: arrays[name] for name in arrays if name != _ON_BUCKETS}))


def _logistic(arrays: Arrays, own: bytes | None) -> LogisticModel | None:
    """A head's logistic regression.

    That of the fourth format is among the linear models: coefficients (n_scores, buckets + 1), with their IDF. The
    buckets that training texts had are its vocabulary: the coefficients of the others have stayed at zero.
    """
    if own is not None:
        read = dict(_arrays_from_bytes(own))
        return LogisticModel(space=int(read.pop("space")), **read)
    if (given := arrays.get(_ON_BUCKETS)) is None or given.size == 0:
        return None
    known = np.flatnonzero(np.any(given[:, :-1] != 0, axis=0)).astype(np.int32)
    buckets = given.shape[1] - 1
    return LogisticModel(known, arrays["idf"][known], given[:, np.append(known, buckets)], buckets)


def _arrays_to_bytes(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _arrays_from_bytes(content: bytes) -> Arrays:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
