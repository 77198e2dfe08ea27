"""Where contents lie on a map of two dimensions: topics by how alike they are, contents around their topic.

Two axes of hundreds of dimensions show little: topics lie over one another. So the map is made in two steps. Topics get
places whose distances are as near as may be to those of their centroids (metric multidimensional scaling by SMACOF:
de Leeuw, "Applications of convex analysis to multidimensional scaling", 1977), and room that grows with their size.
Within its topic's room a content lies by the two principal axes of the centroids, so to the side of what it leans to.
Nothing is drawn by chance: the same vectors give the same map, and no axis is mirrored from one run to the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Topics = npt.NDArray[np.integer[Any]]

NO_TOPIC = -1
_MOST_TOPICS = 1000  # of which all pairs are compared: 8 MB a matrix; more keep the places that the axes give
_ITERATIONS = 100
_ROOM = 0.5  # of the circle around all topics, what their own circles cover
_GAP = 1.15  # how far apart two circles' middles are, of the sum of their radii
_TEMPERATURE = 0.05  # of the softmax over cosines that places what has no topic between the topics that are nearest


def layout(vectors: Array, topics: Topics) -> Array:
    """Places in the unit square.

    Parameters: `vectors` (n × d) are finite and of norm 1; `topics` (n) numbers each content's topic from 0,
    `NO_TOPIC` where it has none. Returns n × 2.
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    if len(vectors) == 0:
        return np.empty((0, 2))
    placed = topics != NO_TOPIC
    if not placed.any():
        return _in_unit_square((vectors - vectors.mean(axis=0)) @ _axes(vectors))
    numbers, topic = np.unique(topics[placed], return_inverse=True)
    sizes = np.bincount(topic, minlength=len(numbers)).astype(np.float64)
    centroids = _centroids(vectors[placed], topic, sizes)
    axes = _axes(centroids if len(numbers) > 2 else vectors)
    middles, radii = _rooms(centroids, axes, sizes)
    places = np.empty((len(vectors), 2))
    places[placed] = middles[topic] + _within(vectors[placed], topic, axes, sizes, radii)
    places[~placed] = _between(vectors[~placed], centroids, axes, middles, float(radii.mean()))
    return _in_unit_square(places)


def _centroids(vectors: Array, topic: Topics, sizes: Array) -> Array:
    """Directions of the topics' means (k × d)."""
    sums = np.zeros((len(sizes), vectors.shape[1]))
    np.add.at(sums, topic, vectors)
    means = sums / sizes[:, None]
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.where(norms > 0, norms, 1.0))


def _axes(vectors: Array) -> Array:
    """The two principal axes (d × 2), each with its largest component positive; zeros where there is no second."""
    centred = vectors - vectors.mean(axis=0)
    _, columns = np.linalg.eigh(centred.T @ centred)  # the least first
    axes = np.zeros((vectors.shape[1], 2))
    axes[:, : columns.shape[1]] = columns[:, ::-1][:, :2]
    largest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    return np.asarray(axes * np.where(largest < 0, -1.0, 1.0))


def _rooms(centroids: Array, axes: Array, sizes: Array) -> tuple[Array, Array]:
    """Circles that do not lie over one another: their middles (k × 2) and radii (k), area by size."""
    middles = (centroids - centroids.mean(axis=0)) @ axes
    if len(middles) <= _MOST_TOPICS:
        middles = _scaled(middles, np.sqrt(np.maximum(0.0, 2.0 - 2.0 * centroids @ centroids.T)))
    reach = float(np.linalg.norm(middles - middles.mean(axis=0), axis=1).max())
    radii = np.sqrt(_ROOM * sizes / sizes.sum()) * (reach or 1.0)
    return (_apart(middles, radii) if len(middles) <= _MOST_TOPICS else middles), radii


def _scaled(places: Array, wanted: Array) -> Array:
    """Places whose distances come near to the wanted ones (k × k): Guttman's transform, until it moves next to nothing
    or for so many turns."""
    for _ in range(_ITERATIONS):
        distances = _distances(places)
        ratio = np.divide(wanted, distances, out=np.zeros_like(wanted), where=distances > 1e-9)
        np.fill_diagonal(ratio, 0.0)
        moved = (ratio.sum(axis=1)[:, None] * places - ratio @ places) / len(places)
        step = float(np.abs(moved - places).max())
        places = moved
        if step < 1e-3 * float(np.abs(places).max()):
            break
    return places


def _apart(places: Array, radii: Array) -> Array:
    """Circles that lie over one another push each other away until none does, or for so many turns."""
    wanted = (radii[:, None] + radii[None, :]) * _GAP
    angles = np.arange(len(places)) * np.pi * (3.0 - np.sqrt(5.0))
    # Those in the very same place have no direction from each other: each goes its own way.
    places = places + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii.mean() * 1e-3
    for _ in range(_ITERATIONS):
        distances = _distances(places)
        overlap = np.maximum(0.0, wanted - distances)
        np.fill_diagonal(overlap, 0.0)
        if overlap.max(initial=0.0) < 1e-3 * radii.mean():
            break
        push = np.divide(overlap, distances, out=np.zeros_like(overlap), where=distances > 0) / 2
        places = places + (push.sum(axis=1)[:, None] * places - push @ places)
    return places


def _distances(places: Array) -> Array:
    return np.sqrt(sum((places[:, None, axis] - places[None, :, axis]) ** 2 for axis in (0, 1)))


def _within(vectors: Array, topic: Topics, axes: Array, sizes: Array, radii: Array) -> Array:
    """Steps from the topic's middle (n × 2), shorter than its radius: tanh keeps order and bounds the far ones."""
    along = vectors @ axes
    means = np.stack([np.bincount(topic, along[:, one], minlength=len(sizes)) / sizes for one in (0, 1)], axis=1)
    steps = along - means[topic]
    lengths = np.linalg.norm(steps, axis=1)
    usual = np.sqrt(np.bincount(topic, lengths**2, minlength=len(sizes)) / sizes)[topic]
    relative = np.divide(lengths, usual, out=np.zeros_like(lengths), where=usual > 1e-9)
    factor = np.divide(np.tanh(0.7 * relative), lengths, out=np.zeros_like(lengths), where=relative > 0)
    return np.asarray(steps * (factor * radii[topic])[:, None])


def _between(vectors: Array, centroids: Array, axes: Array, middles: Array, radius: float) -> Array:
    """Places of contents of no topic: the mean of the topics' places, weighted by the softmax of cosines."""
    if len(vectors) == 0:
        return np.empty((0, 2))
    cosines = vectors @ centroids.T
    weights = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / _TEMPERATURE)
    weights /= weights.sum(axis=1, keepdims=True)
    all_one, size = np.zeros(len(vectors), dtype=int), np.array([float(len(vectors))])
    return np.asarray(weights @ middles + _within(vectors, all_one, axes, size, np.array([radius])))


def _in_unit_square(places: Array) -> Array:
    """Moved and scaled, both axes alike, so that the longer side is from 0 to 1 and the other's middle at 0.5."""
    low, high = places.min(axis=0), places.max(axis=0)
    side = float((high - low).max()) or 1.0
    return np.asarray(0.5 + (places - (low + high) / 2) / side)
