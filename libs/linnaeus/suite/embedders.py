"""Two embedders on the same contents: whose neighbours are alike in label, and how many neighbours both find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.features.text import text
from linnaeus.features.vector import with_embedding
from linnaeus.runtime.report import Grid, Section
from linnaeus.suite import pictures
from linnaeus.suite.context import Context
from linnaeus.suite.counts import fetched
from linnaeus.suite.pictures import Picture
from linnaeus.suite.rich_html import Shown
from linnaeus.suite.rows import Rows
from linnaeus.suite.table_access import nearest

Floats = npt.NDArray[np.float32]
_BEGINS = 90  # characters of a text
_FIRST, _SECOND, _SHARED = "first", "second", "shared"
_AT_ONCE = 512  # rows of cosines that are held at a time


def stamps(context: Context) -> dict[str, int]:
    """Embedders whose vectors are stored, by stamp, and of how many texts."""
    counted = context.read(tables.TEXT_EMBEDDINGS).groupBy(c.EMBEDDER).count().orderBy(c.EMBEDDER)
    return {row[c.EMBEDDER]: row["count"] for row in counted.collect()}  # few: embedders that were ever in force


def stamp_named(context: Context, given: str) -> str:
    """The stamp that is meant by itself or by the embedder's name. Raises ConfigurationError where that is not one."""
    known = stamps(context)
    found = [one for one in known if given in (one, one.partition("@")[0])]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(f"{given!r} has vectors of several recipes, {', '.join(found)}; give a whole stamp")
    near = f"; did you mean {nearest(given, list(known))[0]!r}?" if known else ""
    raise ConfigurationError(f"there are no vectors of {given!r}{near}")


def vectors_by(context: Context, embedder: str) -> DataFrame:
    """`content_id` and `embedding` (array<float>) by an embedder whose vectors are stored, in force or not."""
    of = context.read(tables.TEXT_EMBEDDINGS).where(F.col(c.EMBEDDER) == stamp_named(context, embedder))
    width = of.select(F.length(c.VECTOR).alias(c.N)).first()
    dimension = int(width[c.N]) // 4 if width is not None else 0
    content = context.read(tables.CONTENT).select(c.CONTENT_ID, c.CONTENT_HASH)
    joined = content.join(of, c.CONTENT_HASH)
    return with_embedding(joined, dimension).select(c.CONTENT_ID, c.EMBEDDING)


@dataclass(frozen=True, eq=False, repr=False)
class EmbedderComparison(Shown):
    """Neighbours by two embedders on the same contents.

    `rows` has a row a content: `first` and `second`, the share of its `k` nearest with its own label by each (NaN for
    a content without a label), and `shared`, how many of them are the same.
    """

    names: tuple[str, str]
    k: int
    facet: str
    rows: pd.DataFrame
    near: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

    @property
    def title(self) -> str:
        """What is compared."""
        return f"{self.names[0]} and {self.names[1]} on {len(self.rows):,} contents"

    @property
    def gain(self) -> tuple[float, float, float]:
        """By how much the second's neighbours are oftener of the same label: the mean, and its 95% interval (of the
        paired differences, contents taken for independent)."""
        differences = (self.rows[_SECOND] - self.rows[_FIRST]).dropna().to_numpy()
        if len(differences) == 0:
            return (float("nan"),) * 3
        mean = float(differences.mean())
        error = (
            1.96 * float(differences.std(ddof=1)) / len(differences) ** 0.5 if len(differences) > 1 else float("inf")
        )
        return mean, mean - error, mean + error

    def sections(self) -> Sequence[Section]:
        """Means, and what they mean."""
        gain, low, high = self.gain
        means = [float(self.rows[one].mean()) for one in (_FIRST, _SECOND)]
        rows = [(name, f"{mean:.1%}") for name, mean in zip(self.names, means, strict=True)]
        rows += [("gain of the second", f"{gain:+.1%}"), ("at least", f"{low:+.1%}"), ("at most", f"{high:+.1%}")]
        rows.append((f"of {self.k} neighbours both find", f"{float(self.rows[_SHARED].mean()):.1f}"))
        said = f"Of a content's {self.k} nearest others, how many have its own label of {self.facet}?"
        return [Section("Neighbours", (said,), (Grid(("", "value"), rows, ("value",)),))]

    def picture(self) -> Picture:
        """How often neighbours have the content's own label, and how many both embedders find."""
        return pictures.neighbour_agreement(self.rows, self.names, self.k)

    def neighbours(self, content_id: str) -> Rows:
        """The nearest others of a content by each embedder, side by side. Raises ConfigurationError for one that was
        not drawn."""
        places = np.flatnonzero((self.rows[c.CONTENT_ID] == content_id).to_numpy())
        if len(places) == 0:
            raise ConfigurationError(f"content {content_id!r} was not drawn; see .rows for those that were")
        said = self.rows[c.LABEL].fillna("–").astype(str) + ": " + self.rows[c.TEXT]
        first, second = (near[places[0]] for near in self.near)
        cells = [
            (rank, said.iloc[one], said.iloc[two]) for rank, (one, two) in enumerate(zip(first, second, strict=True), 1)
        ]
        return Rows(("rank", *self.names), tuple(cells), f"Nearest to {said.iloc[places[0]]}")


def compare(context: Context, first: str, second: str, k: int, contents: int, facet: str) -> EmbedderComparison:
    """Compare two embedders, by stamp or name, on contents with vectors of both, drawn by their ids.

    Exact: every content with every other, in the driver's memory (`contents` squared cosines, some rows at a time).
    Raises ConfigurationError where fewer than k + 1 contents have both vectors.
    """
    pair = tuple(stamp_named(context, one) for one in (first, second))
    vectors = context.read(tables.TEXT_EMBEDDINGS)
    of = [
        vectors.where(F.col(c.EMBEDDER) == s).select(c.CONTENT_HASH, F.col(c.VECTOR).alias(n))
        for s, n in zip(pair, (_FIRST, _SECOND), strict=True)
    ]
    labels = context.read(tables.LABELS).where(F.col(c.FACET) == facet)
    labelled = labels.select(F.col(c.ITEM_ID).alias(c.CONTENT_ID), c.LABEL)
    content = context.read(tables.CONTENT).select(
        c.CONTENT_ID, c.CONTENT_HASH, F.substring(text(), 1, _BEGINS).alias(c.TEXT)
    )
    both = content.dropDuplicates([c.CONTENT_HASH]).join(of[0], c.CONTENT_HASH).join(of[1], c.CONTENT_HASH)
    # Those with a label first: what neighbours are judged by.
    rows = both.join(labelled, c.CONTENT_ID, "left").orderBy(F.col(c.LABEL).isNull(), F.xxhash64(c.CONTENT_ID))
    found = fetched(rows.select(c.CONTENT_ID, c.LABEL, c.TEXT, _FIRST, _SECOND).limit(contents))  # few: `contents`
    if len(found) <= k:
        raise ConfigurationError(
            f"only {len(found)} contents have vectors of both; run build_embeddings for each, or a smaller k"
        )
    near = tuple(_nearest(_matrix(found[one]), k) for one in (_FIRST, _SECOND))
    told = found[[c.CONTENT_ID, c.LABEL, c.TEXT]].copy()
    for name, places in zip((_FIRST, _SECOND), near, strict=True):
        told[name] = _same_label(found[c.LABEL], places)
    told[_SHARED] = [len(set(a) & set(b)) for a, b in zip(*near, strict=True)]
    names = _short_names(pair[0], pair[1])
    return EmbedderComparison(names, k, facet, told, (near[0], near[1]))


def _short_names(first: str, second: str) -> tuple[str, str]:
    """Names without files and recipe, unless they are the same."""
    a, b = first.partition("@")[0], second.partition("@")[0]
    return (a, b) if a != b else (f"{a} ({first[-4:]})", f"{b} ({second[-4:]})")


def _matrix(vectors: pd.Series) -> Floats:
    """Rows of norm one (n, dimension) of little-endian float32."""
    stacked = np.vstack([np.frombuffer(one, "<f4") for one in vectors])
    norms = np.linalg.norm(stacked, axis=1, keepdims=True)
    unit: Floats = (stacked / np.where(norms > 0, norms, 1.0)).astype(np.float32)
    return unit


def _nearest(rows: Floats, k: int) -> npt.NDArray[np.int64]:
    """Places (n, k) of each row's nearest others by cosine, the nearest first."""
    found = []
    for start in range(0, len(rows), _AT_ONCE):
        cosines = rows[start : start + _AT_ONCE] @ rows.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -np.inf
        found.append(np.argsort(-cosines, axis=1, kind="stable")[:, :k])
    return np.vstack(found)


def _same_label(labels: pd.Series, near: npt.NDArray[np.int64]) -> Sequence[float]:
    """By row the share of its labelled neighbours that have its label; NaN where there is no label to compare."""
    names = labels.to_numpy(dtype=object)
    shares = []
    for own, places in zip(names, near, strict=True):
        known = [one for one in names[places] if one is not None]
        shares.append(float(np.mean([one == own for one in known])) if own is not None and known else float("nan"))
    return shares
