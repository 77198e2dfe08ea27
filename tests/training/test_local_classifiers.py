"""Where classes part in a tree, by hand and against a slow oracle; and that products of conditionals are chances."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import Groups
from linnaeus.contracts.config import path_of
from linnaeus.inference.predictor import composed
from linnaeus.training.examples import CLASS
from linnaeus.training.local_classifiers import branchings, flat, rows_of

Parents = dict[str, str | None]
TREE: Parents = {"news": None, "sport": None, "local": "news", "world": "news", "asia": "world", "europe": "world"}


def test_a_tree_by_hand() -> None:
    """`world` is itself a label, and `sport` has nothing below it."""
    classes = ("asia", "europe", "local", "sport", "world")
    found = branchings(classes, TREE)
    assert list(found.items()) == [
        (None, ((0, 1, 2, 4), (3,))),
        ("news", ((0, 1, 4), (2,))),
        ("world", ((0,), (1,), (4,))),
    ]


def test_where_nothing_parts_there_is_no_classifier() -> None:
    """All is below `news`, and of `world` there is Asia alone."""
    assert branchings(("asia", "local"), TREE) == {"news": ((0,), (1,))}
    assert branchings(("asia", "europe"), TREE) == {"world": ((0,), (1,))}
    assert branchings(("asia",), TREE) == branchings((), TREE) == {}


def test_a_flat_tree_has_one_classifier() -> None:
    classes = ("a", "b", "c")
    assert branchings(classes, {"a": None, "b": None}) == flat(classes) == {None: ((0,), (1,), (2,))}
    assert branchings(classes, {"top": None} | dict.fromkeys(classes, "top")) == {"top": ((0,), (1,), (2,))}


def test_products_by_hand() -> None:
    """A half is news, of which 0.2 stop there; of the rest three in four are world."""
    classes = ("local", "news", "sport", "world")
    conditionals = {None: [[0.5, 0.5]], "news": [[0.2, 0.2, 0.6]]}
    found = branchings(classes, TREE)
    assert found == {None: ((0, 1, 3), (2,)), "news": ((0,), (1,), (3,))}
    chances = composed(4, [(groups, np.array(conditionals[node], np.float32)) for node, groups in found.items()])
    np.testing.assert_allclose(chances, [[0.1, 0.1, 0.5, 0.3]], atol=1e-7)


def slow_branchings(classes: tuple[str, ...], parents: Parents) -> dict[str | None, Groups]:
    """Each node by itself: which of its children every class below it is under."""
    found: dict[str | None, Groups] = {}
    for node in (None, *parents, *classes):
        groups: dict[str, list[int]] = {}
        for place, name in enumerate(classes):
            path = [None, *path_of(name, parents), "stop"]
            if node in path:
                groups.setdefault(str(path[path.index(node) + 1]), []).append(place)
        if len(groups) > 1:
            found[node] = tuple(map(tuple, groups.values()))
    return found


def random_tree(rng: np.random.Generator) -> tuple[tuple[str, ...], Parents]:
    """A forest in which any node may be a class, and some classes that are no nodes."""
    n = int(rng.integers(1, 25))
    # A node's parent stands before it: there is no cycle. Names are in no order.
    names = [f"n{one}" for one in rng.permutation(n)]
    parents: Parents = {
        name: None if rng.random() < 0.2 else names[rng.integers(0, at)] if at else None
        for at, name in enumerate(names)
    }
    chosen = [name for name in (*names, "gone") if rng.random() < 0.6]
    return tuple(sorted(chosen)), parents


@pytest.mark.parametrize("seed", range(60))
def test_random_trees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes, parents = random_tree(rng)
    found = branchings(classes, parents)
    assert found == slow_branchings(classes, parents)
    order = list(found)
    for node in found:
        above = (None, *path_of(node, parents)[:-1]) if node is not None else ()
        assert all(order.index(one) < order.index(node) for one in above if one in found)
    if len(classes) > 1:
        chances = {node: rng.dirichlet(np.ones(len(groups)), 5) for node, groups in found.items()}
        assert_composed(classes, parents, found, chances)


def assert_composed(
    classes: tuple[str, ...],
    parents: Parents,
    found: dict[str | None, Groups],
    chances: dict[str | None, npt.NDArray[np.float64]],
) -> None:
    """Composed chances are those of a walk down each class's path, and sum to one."""
    made = composed(len(classes), [(groups, chances[node].astype(np.float32)) for node, groups in found.items()])
    assert made.dtype == np.float32
    np.testing.assert_allclose(made.sum(axis=1), 1.0, atol=1e-5)
    for row in range(5):
        for place, name in enumerate(classes):
            expected = 1.0
            for node in (None, *path_of(name, parents)):
                if node in found:
                    group = next(at for at, group in enumerate(found[node]) if place in group)
                    expected *= chances[node][row, group]
            assert made[row, place] == pytest.approx(expected, abs=1e-6)


def test_nothing_to_multiply_is_refused() -> None:
    with pytest.raises(ValueError, match="no local classifier"):
        composed(2, [])


def test_rows_of_groups(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(f"c{i}", i) for i in range(6)], f"{c.CONTENT_ID} string, {CLASS} int")
    found = rows_of(rows, ((4, 1), (2,)))
    assert found.columns == rows.columns and dict(found.dtypes)[CLASS] == "int"
    assert {row[c.CONTENT_ID]: row[CLASS] for row in found.collect()} == {"c1": 0, "c2": 1, "c4": 0}
    same = rows_of(rows, flat("abcdef")[None])
    assert sorted(same.collect()) == sorted(rows.collect())
