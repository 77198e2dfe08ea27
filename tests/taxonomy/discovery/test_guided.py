"""What a node's direction is from: examples beside its name, else the tree in force, else its name, else its words."""

from __future__ import annotations

import numpy as np

from linnaeus.taxonomy.discovery.comparing import NONE
from linnaeus.taxonomy.discovery.guided import EXAMPLES, IN_FORCE, READ, WORDS, above_of, guides_of, words_of
from linnaeus.taxonomy.discovery.vectors import cosines, directions
from linnaeus.taxonomy.tree import Node

AXES = directions(np.eye(4))[0]
NAMES = ["a", "b", "c", "d", "e"]


def test_the_first_that_says_something_gives_the_direction_and_a_name_goes_with_examples() -> None:
    sums = np.zeros((5, 4), np.int64)
    sums[0], sums[1] = 2 * AXES[0].astype(np.int64), 2 * AXES[0].astype(np.int64)
    counts = np.array([2, 1, 0, 0, 0])
    words = np.repeat(AXES[[3]].astype(np.int64), 5, axis=0), np.array([9, 9, 9, 9, 1])
    read = {"a": AXES[1], "b": AXES[1], "c": AXES[1]}
    found = guides_of((sums, counts), {"b": [0.0, 0.0, 1.0, 0.0]}, read, words, NAMES, 2)
    assert found.ids == ("a", "b", "c", "d")  # of e nothing says anything
    assert found.sources == (EXAMPLES, IN_FORCE, READ, WORDS)
    # Two examples and a name, which counts as two: half way between them.
    half = directions(np.array([[1.0, 1.0, 0, 0]]))[0]
    expected = np.vstack([half, AXES[[2]], AXES[[1]], AXES[[3]]])
    assert np.abs(cosines(found.directions, expected).diagonal() - 1).max() < 0.01


def test_a_direction_of_another_length_or_of_zeros_is_none() -> None:
    nothing = np.zeros((1, 4), np.int64), np.zeros(1, np.int64)
    assert guides_of(nothing, {"a": [1.0, 0.0]}, {}, nothing, ["a"], 1).ids == ()
    assert guides_of(nothing, {}, {"a": np.zeros(4, np.int16)}, nothing, ["a"], 1).ids == ()


def test_the_node_above_is_the_next_that_has_a_direction() -> None:
    nodes = [Node("sport", "Sport"), Node("ball", "Ball", "sport"), Node("football", "Football", "ball")]
    assert above_of(["ball", "football", "sport"], nodes).tolist() == [2, 0, NONE]
    assert above_of(["football", "sport"], nodes).tolist() == [1, NONE]
    assert above_of([], nodes).tolist() == []


def test_words_of_a_node_are_those_that_say_something() -> None:
    assert words_of(["TV & Film", "Reviews and talk, of the series/films"]) == [
        "film",
        "films",
        "reviews",
        "series",
        "talk",
    ]
