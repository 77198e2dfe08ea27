"""Curated nodes compared: a general one takes nothing by itself, what is near two joins neither, names learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.taxonomy.discovery.comparing import NONE, Absolute, Compared, compared
from linnaeus.taxonomy.discovery.vectors import Directions, cosines, directions, products, scale

WIDTH = 4
FLAT = np.array([NONE, NONE], np.int32)


def of(*rows: tuple[float, ...]) -> Directions:
    return directions(np.array(rows, dtype=float))[0]


def joined(how: Absolute | Compared, rows: Directions) -> list[int]:
    return how.joined(products(rows, how.directions).astype(float)).tolist()


def test_a_node_with_a_general_name_does_not_swallow_what_is_nearer_to_all() -> None:
    # All contents share the first number, as does the general node: its cosine with each is the greatest.
    sport, cooking = (2.0, 1.0, 0.0, 0.0), (2.0, 0.0, 1.0, 0.0)
    sample = of(*[sport] * 10, *[cooking] * 10)
    nodes = of((1.0, 0.1, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))  # "Society", and "Cooking"
    assert (cosines(sample, nodes).argmax(axis=1) == 0).all()
    assert joined(compared(sample, nodes, FLAT, 0.25), sample) == [0] * 10 + [1] * 10


def test_what_two_nodes_are_equally_near_to_joins_neither_and_what_is_near_none_too() -> None:
    sample = of(*[(1, 0, 0, 0)] * 8, *[(0, 1, 0, 0)] * 8, *[(0, 0, 1, 0)] * 8, (1, 1, 0, 0), (1, 0.8, 0, 0))
    nodes = of((1, 0, 0, 0), (0, 1, 0, 0))
    found = joined(compared(sample, nodes, FLAT, 0.25), sample)
    assert found == [0] * 8 + [1] * 8 + [NONE] * 8 + [NONE, 0]
    # By how much it must be ahead is asked for: the last has a cosine of 0.78 and 0.62.
    assert joined(compared(sample, nodes, FLAT, 0.5), sample)[-2:] == [NONE, NONE]


def test_one_node_takes_what_is_nearer_to_it_than_contents_are() -> None:
    sample = of(*[(1, 0.2, 0, 0)] * 5, *[(0, 0.2, 1, 0)] * 15)
    one = compared(sample, of((1, 0, 0, 0)), np.array([NONE], np.int32), 0.25)
    assert joined(one, sample) == [0] * 5 + [NONE] * 15


def test_contents_that_are_all_the_same_join_nothing_and_no_sample_is_no_error() -> None:
    nodes = of((1, 0, 0, 0), (0, 1, 0, 0))
    same = of(*[(1, 1, 0, 0)] * 5)
    assert joined(compared(same, nodes, FLAT, 0.0), same) == [NONE] * 5
    empty = np.zeros((0, WIDTH), np.int16)
    assert joined(compared(empty, nodes, FLAT, 0.25), empty) == []


def test_what_siblings_share_joins_the_node_above_them() -> None:
    # Football and tennis lie below sport; politics does not.
    football, tennis, politics = (1, 1, 0, 0), (1, 0, 1, 0), (0, 0, 0, 1)
    sample = of(*[football] * 6, *[tennis] * 6, *[politics] * 8, (1, 1, 1, 0))
    nodes = of((1, 0, 0, 0), (0.2, 1, 0, 0), (0.2, 0, 1, 0), politics)
    above = np.array([NONE, 0, 0, NONE], np.int32)
    how = compared(sample, nodes, above, 0.25)
    assert joined(how, sample) == [1] * 6 + [2] * 6 + [3] * 8 + [0]
    # A topic hangs below the deepest node that most of its contents are of, or are below.
    votes = np.array([[0, 6, 0, 0], [1, 3, 3, 1], [0, 2, 2, 4], [0, 0, 0, 0]])
    assert how.parents(votes, np.array([6, 8, 9, 5])).tolist() == [1, 0, NONE, NONE]


def test_a_topic_hangs_below_the_node_of_most_of_its_contents_or_below_none() -> None:
    how = Compared(of((1, 0, 0, 0), (0, 1, 0, 0)), np.zeros(2), 1.0, FLAT)
    votes = np.array([[6, 0], [5, 5], [3, 1], [0, 9]])
    assert how.parents(votes, np.array([10, 10, 10, 9])).tolist() == [0, NONE, NONE, 1]


def test_a_name_learns_from_what_joins_it_and_stays_bound_to_what_it_says() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(16)[:2]
    vectors = np.repeat(centres, 40, axis=0) + 0.15 * rng.normal(size=(80, 16))
    sample, truth = directions(vectors)[0], np.repeat([0, 1], 40)
    names = directions(centres + 1.2 * np.eye(16)[[2, 3]])[0]  # each half beside what its contents are
    found = compared(sample, names, FLAT, 0.25)
    own, said = (cosines(found.directions, directions(one)[0]).diagonal() for one in (centres, np.eye(16)[[2, 3]]))
    assert (own > 0.9).all()
    assert (said > 0.1).all()
    places = np.array(joined(found, sample))
    assert (places[places != NONE] == truth[places != NONE]).all()
    assert (places != NONE).mean() > 0.9


@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([0.0, 0.25, 1.0]))
def test_nodes_are_compared_as_a_slow_reading_says(seed: int, m: int, margin: float) -> None:
    rng = np.random.default_rng(seed)
    sample, nodes = (directions(rng.normal(size=(size, WIDTH)))[0] for size in (40, m))
    above = np.array([rng.integers(-1, place) if place else NONE for place in range(m)], np.int32)
    how = compared(sample, nodes, above, margin)
    kin = {place: _above(place, above) for place in range(m)}
    similar = sample.astype(int) @ how.directions.astype(int).T
    means = np.rint(similar.mean(axis=0))
    least = max(1.0, margin * np.rint(np.sqrt(((similar - means) ** 2).mean())))
    assert (how.means == means).all()
    for row, place in zip(similar - means, joined(how, sample), strict=True):
        best = int(row.argmax())
        sure = [
            one
            for one in kin[best]
            if row[best] - max([0.0, *(row[k] for k in range(m) if one not in kin[k] and k not in kin[one])]) >= least
        ]
        assert place == (sure[0] if sure else NONE)


def _above(place: int, above: np.ndarray) -> list[int]:
    return [place] if above[place] == NONE else [place, *_above(int(above[place]), above)]


@given(st.integers(0, 10**6))
def test_the_order_of_nodes_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample, nodes = (directions(rng.normal(size=(size, WIDTH)))[0] for size in (60, 4))
    order = rng.permutation(4)
    flat = np.full(4, NONE, np.int32)
    first, other = compared(sample, nodes, flat, 0.25), compared(sample, nodes[order], flat, 0.25)
    assert (other.directions == first.directions[order]).all()
    assert [NONE if one == NONE else order[one] for one in joined(other, sample)] == joined(first, sample)


def test_a_cosine_that_is_set_counts_whatever_the_other_nodes() -> None:
    how = Absolute(of((1, 0, 0, 0), (0, 1, 0, 0)), join_from=0.8, below_from=0.5)
    rows = of((1, 0, 0, 0), (1, 1, 0, 0), (1, 1, 2, 0), (0, 3, 1, 0))
    similar = products(rows, how.directions).astype(float)
    assert how.joined(similar).tolist() == [0, NONE, NONE, 1]
    assert how.near(similar).tolist() == [0, 0, NONE, 1]
    assert how.parents(np.array([[3, 2], [2, 2], [0, 0]]), np.array([5, 4, 0])).tolist() == [0, NONE, NONE]


@pytest.mark.parametrize("how", ["absolute", "compared"])
def test_products_are_compared_and_not_cosines(how: str) -> None:
    nodes = of((1, 0, 0, 0), (0, 1, 0, 0))
    one = (
        Absolute(nodes, 0.5, 0.5) if how == "absolute" else Compared(nodes, np.zeros(2), 0.5 * scale(WIDTH) ** 2, FLAT)
    )
    assert joined(one, of((1, 0, 0, 0), (0, 0, 1, 0))) == [0, NONE]
