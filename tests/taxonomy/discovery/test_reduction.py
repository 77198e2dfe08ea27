"""Projections: the same for the same rows or the same seed."""

from __future__ import annotations

import numpy as np

from linnaeus.taxonomy.discovery.reduction import principal_components, random_projection
from linnaeus.taxonomy.discovery.vectors import cosines, directions


def test_principal_components_are_those_of_the_decomposition_whatever_the_order() -> None:
    rng = np.random.default_rng(0)
    rows = directions(rng.normal(size=(300, 12)) * np.linspace(4, 0.1, 12))[0]
    found = principal_components(rows, 3)
    truth = np.linalg.svd(rows.astype(float), full_matrices=False)[2][:3]
    assert np.abs(np.abs(cosines(found, directions(truth)[0]).diagonal()) - 1).max() < 0.01
    assert (principal_components(rows[rng.permutation(300)], 3) == found).all()


def test_a_random_projection_is_a_function_of_its_seed() -> None:
    found = random_projection(40, 16, 7)
    assert found.shape == (16, 40)
    assert (found == random_projection(40, 16, 7)).all()
    assert (found != random_projection(40, 16, 8)).any()
