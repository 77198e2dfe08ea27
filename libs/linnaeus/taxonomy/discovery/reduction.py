"""Fewer numbers a vector before topics are looked for: principal components, or a random projection.

A projection is a matrix of directions itself, so that what is projected is as exact as what is not.
"""

from __future__ import annotations

import numpy as np

from linnaeus.taxonomy.discovery.vectors import Directions, directions


def principal_components(sample: Directions, width: int) -> Directions:
    """The projection (width, dimension) on the directions in which a sample (n, dimension) varies most.

    About the origin and not the mean, as what is compared are angles. Each component's sign is that of its largest
    number.
    """
    whole = sample.astype(np.float64)
    _, vectors = np.linalg.eigh(whole.T @ whole)  # the sums are of whole numbers below 2^53: exact in any order
    chosen = vectors[:, ::-1].T[:width]
    largest = chosen[np.arange(len(chosen)), np.abs(chosen).argmax(axis=1)]
    return directions(chosen * np.sign(largest)[:, None])[0]


def random_projection(dimension: int, width: int, seed: int) -> Directions:
    """A projection (width, dimension) of normal numbers, a function of the seed (Johnson and Lindenstrauss, 1984)."""
    return directions(np.random.default_rng(seed).normal(size=(width, dimension)))[0]
