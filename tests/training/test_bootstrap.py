"""Weights of the bootstrap: Poisson(1), a function of creator and seed, the same wherever a row lies."""

from __future__ import annotations

import numpy as np
import pytest

from linnaeus.training.bootstrap import interval, weights


def test_weights_are_poisson_and_the_first_column_is_the_data() -> None:
    drawn = weights(np.arange(20_000), 50, seed=3)
    assert drawn.shape == (20_000, 51)
    assert (drawn[:, 0] == 1).all()
    shares = np.bincount(drawn[:, 1:].astype(int).ravel(), minlength=6)[:6] / drawn[:, 1:].size
    np.testing.assert_allclose(shares, [0.3679, 0.3679, 0.1839, 0.0613, 0.0153, 0.0031], atol=0.002)
    # Neighbouring keys and neighbouring replicates know nothing of each other.
    assert abs(np.corrcoef(drawn[:-1, 1], drawn[1:, 1])[0, 1]) < 0.03
    assert abs(np.corrcoef(drawn[:, 1], drawn[:, 2])[0, 1]) < 0.03


def test_a_creators_weights_depend_on_creator_and_seed_alone() -> None:
    keys = np.array([5, -7, 2**62, 5, -(2**63)])
    whole = weights(keys, 30, seed=1)
    np.testing.assert_array_equal(whole[0], whole[3])
    np.testing.assert_array_equal(whole[[2, 1]], weights(keys[[2, 1]], 30, seed=1))
    np.testing.assert_array_equal(whole[:, :11], weights(keys, 10, seed=1))
    assert (whole[:, 1:] != weights(keys, 30, seed=2)[:, 1:]).any(axis=1).all()
    assert weights(keys[:0], 4, seed=1).shape == (0, 5)


def test_intervals_cover_a_mean() -> None:
    """Of 300 samples of 200, the interval of the mean holds the truth in about 95%."""
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        values = rng.normal(size=200)
        drawn = weights(rng.integers(0, 2**62, 200), 200, seed=trial)
        lower, upper = interval((drawn * values[:, None]).sum(axis=0) / drawn.sum(axis=0)) or (1.0, -1.0)
        covered += lower <= 0 <= upper
    assert 0.91 <= covered / 300 <= 0.985


@pytest.mark.parametrize(("defined", "expected"), [(9, None), (10, (1.0, 1.0)), (20, (1.0, 1.0))])
def test_an_interval_needs_half_of_the_replicates(defined: int, expected: tuple[float, float] | None) -> None:
    values = np.array([1.0] + [1.0] * defined + [np.nan] * (20 - defined))
    assert interval(values) == expected


def test_no_replicates_no_interval() -> None:
    assert interval(np.array([0.5])) is None
