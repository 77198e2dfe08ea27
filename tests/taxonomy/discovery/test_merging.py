"""Merging upward: by group averages, the same partition whatever the clusters' labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from linnaeus.taxonomy.discovery.merging import (
    cut,
    cut_to,
    distances,
    merged_upward,
    silhouette,
    sums_by,
    tier_counts,
    tiers,
)
from linnaeus.taxonomy.discovery.vectors import Doubles, directions


def apart_of(n: int, seed: int = 0) -> Doubles:
    rows = np.random.default_rng(seed).normal(size=(n, 5))
    return np.asarray(np.linalg.norm(rows[:, None] - rows[None], axis=2))


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == one).tolist()) for one in set(labels.tolist())}


@pytest.mark.parametrize("clusters", [1, 2, 5, 19])
def test_single_rows_merge_as_in_scipy(clusters: int) -> None:
    apart = apart_of(20)
    found = cut(merged_upward(apart, np.ones(20, np.int64), 0.0), 20, clusters)
    truth = fcluster(average(squareform(apart, checks=False)), clusters, "maxclust")
    assert partition(found) == partition(truth)


def test_sizes_weigh_as_so_many_rows_at_one_place() -> None:
    sizes, apart = np.array([3, 1, 2, 5, 1, 1]), apart_of(6, 3)
    rows = np.repeat(np.arange(6), sizes)
    weighted = cut(merged_upward(apart, sizes, 0.0), 6, 3)[rows]
    truth = fcluster(average(squareform(apart[np.ix_(rows, rows)], checks=False)), 3, "maxclust")
    assert partition(weighted) == partition(truth)


def test_sizes_weigh_as_in_wards_method_where_they_count_in_full() -> None:
    # Three places in a row, the two on the left large: by distance alone those would merge first.
    apart, sizes = np.abs(np.subtract.outer([0.0, 1.0, 2.5], [0.0, 1.0, 2.5])), np.array([50, 50, 1])
    assert merged_upward(apart, sizes, 0.0)[0] == (0, 1)
    assert merged_upward(apart, sizes, 1.0)[0] == (1, 2)


def test_labels_do_not_count() -> None:
    apart, sizes = apart_of(15, 5), np.random.default_rng(2).integers(1, 9, 15)
    order = np.random.default_rng(7).permutation(15)
    found = cut(merged_upward(apart, sizes), 15, 4)
    permuted = cut(merged_upward(apart[np.ix_(order, order)], sizes[order]), 15, 4)
    assert partition(found[order]) == partition(permuted)


def test_clusters_of_a_few_contents_are_no_topics() -> None:
    # Two large groups, and one content far from both, which by distance alone would be the second of two clusters.
    places = np.array([0.0, 1.0, 10.0, 11.0, 1000.0])
    apart, sizes = np.abs(places[:, None] - places[None]), np.array([20, 20, 20, 20, 1])
    found = cut_to(merged_upward(apart, sizes), sizes, 2, 10)
    assert found.topics.tolist() == [0, 0, 1, 1, -1]
    assert cut_to(merged_upward(apart, sizes), sizes, 9, 10).n == 4
    assert cut_to(merged_upward(apart, sizes), sizes, 9, 1).n == 5


def test_tiers_lie_within_one_another() -> None:
    few, many = tiers(apart_of(30), np.ones(30, np.int64), [3, 9])
    assert all(len(set(few[many == one].tolist())) == 1 for one in range(9))


@pytest.mark.parametrize(
    ("topics", "most", "counts"), [(1, 3, []), (3, 3, []), (5, 3, [2]), (8, 3, [2, 4]), (100, 3, [5, 22]), (100, 1, [])]
)
def test_tiers_above_are_a_geometric_row_where_it_is_worth_one(topics: int, most: int, counts: list[int]) -> None:
    assert tier_counts(topics, most) == counts


def test_words_tell_apart_what_vectors_do_not() -> None:
    from scipy import sparse

    same = np.repeat(directions(np.ones((1, 4)))[0], 3, axis=0)
    weights = sparse.csr_matrix(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    found = distances(same, weights, 0.5)
    assert found[0, 1] == pytest.approx(0.0, abs=1e-3)
    assert found[0, 2] == pytest.approx(0.5, abs=1e-3)
    assert distances(same, None, 0.5)[0, 2] == pytest.approx(0.0, abs=1e-3)


def test_the_silhouette_is_the_mean_over_rows() -> None:
    rng = np.random.default_rng(4)
    rows, centres = (directions(rng.normal(size=(n, 6)))[0] for n in (12, 3))
    truth = []
    for row in rows.astype(float):
        near = sorted(
            1 - float(row @ one) / (np.linalg.norm(row) * np.linalg.norm(one)) for one in centres.astype(float)
        )
        truth.append((near[1] - near[0]) / near[1])
    assert silhouette(rows, centres) == pytest.approx(np.mean(truth), abs=0.01)
    assert silhouette(rows, centres[:1]) == 0.0


def test_sums_leave_out_what_belongs_to_none() -> None:
    values = np.arange(6).reshape(3, 2)
    assert sums_by(np.array([1, -1, 1]), values, 2).tolist() == [[0, 0], [4, 6]]
