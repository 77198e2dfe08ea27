"""Lineage of ids: what is planted is recorded exactly, and labels, order and spread change nothing."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linnaeus.taxonomy.changes import BIRTH, DEATH, MERGE, MOVE, RENAME, SPLIT, Change
from linnaeus.taxonomy.lineage import KEY_CONTENTS, Lineage, key_of, new_id, trace
from linnaeus.taxonomy.tree import CURATED, Node, Tree

NOTHING = Tree.of([])
DIMENSION = 16


def vector(*names: str) -> tuple[float, ...]:
    """A direction of its own for each set of names; that of two lies between theirs."""
    total = np.zeros(DIMENSION)
    for name in names:
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        total += np.random.default_rng(seed).normal(size=DIMENSION)
    return tuple(float(one) for one in total / np.linalg.norm(total))


class Corpus:
    """Topics by contents: a topic is a list of content ids (`a0`, `a1`, …: those about `a`)."""

    def __init__(self, topics: Mapping[str, Sequence[str]], parents: Mapping[str, str | None] | None = None) -> None:
        self.topics = {name: list(contents) for name, contents in topics.items()}
        self.parents = dict(parents or {})
        self.above = sorted({one for one in self.parents.values() if one is not None})

    def contents(self, name: str) -> list[str]:
        below = [one for one, parent in self.parents.items() if parent == name]
        return sorted([*self.topics.get(name, []), *(c for one in below for c in self.contents(one))])

    def tree(self, labels: Mapping[str, str], names: Mapping[str, str], curated: Sequence[str] = ()) -> Tree:
        nodes = []
        for name in {*self.topics, *self.above}:
            contents = self.contents(name)
            parent = self.parents.get(name)
            nodes.append(
                Node(
                    id=labels.get(name, name),
                    name=names.get(name, name),
                    parent=None if parent is None else labels.get(parent, parent),
                    size=len(contents),
                    origin=CURATED if name in curated else "discovered",
                    centroid=vector(*[one[0] for one in contents]) if contents else None,
                )
            )
        return Tree.of(nodes)

    def keys(self, labels: Mapping[str, str]) -> dict[str, str]:
        return {labels.get(n, n): key_of(sorted(c)[:KEY_CONTENTS]) for n, c in self.topics.items() if c}


def some(letter: str, n: int, first: int = 0) -> list[str]:
    return [f"{letter}{i:03d}" for i in range(first, first + n)]


def first_version(corpus: Corpus, **how: object) -> Lineage:
    return trace(NOTHING, corpus.tree({}, {}), {}, corpus.keys({}))


def follow(
    before: Corpus,
    then: Lineage,
    now: Corpus,
    labels: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Lineage:
    """The version after `then`, which was made of `before`; `labels` are what the clustering calls the topics."""
    labels = labels or {name: f"cluster-{name}" for name in {*now.topics, *now.above}}
    was_at = {content: then.ids[name] for name, contents in before.topics.items() for content in contents}
    shared = Counter(
        (was_at[content], labels[name])
        for name, contents in now.topics.items()
        for content in contents
        if content in was_at
    )
    return trace(then.tree, now.tree(labels, names or {}), shared, now.keys(labels), then.tree.nodes)


FOUR = Corpus({"a": some("a", 100), "b": some("b", 60), "c": some("c", 40), "d": some("d", 30)})


def test_the_first_version_is_births_and_ids_go_by_contents_alone() -> None:
    first = first_version(FOUR)
    assert [change.kind for change in first.changes] == [BIRTH] * 4
    key = key_of(some("a", KEY_CONTENTS))
    assert first.ids["a"] == new_id(f"leaf\n{key}", set())
    assert first.ids["a"].startswith("t-") and len(first.ids["a"]) == 14
    relabelled = {"a": "3", "b": "0", "c": "2", "d": "1"}
    again = trace(NOTHING, FOUR.tree(relabelled, dict(zip("abcd", "abcd", strict=True))), {}, FOUR.keys(relabelled))
    assert again.tree == first.tree
    assert {name: again.ids[relabelled[name]] for name in "abcd"} == first.ids


def test_the_same_topics_again_change_nothing() -> None:
    first = first_version(FOUR)
    again = follow(FOUR, first, FOUR, names={})
    assert again.changes == ()
    assert again.tree == first.tree


def test_contents_that_are_new_do_not_tell_against_a_topic() -> None:
    first = first_version(FOUR)
    grown = Corpus({"a": some("a", 900), "b": some("b", 60), "c": some("c", 400), "d": some("d", 30)})
    assert follow(FOUR, first, grown).changes == ()


def test_a_split_a_merge_a_death_and_a_birth_are_recorded_exactly() -> None:
    first = first_version(FOUR)
    old = first.ids
    now = Corpus(
        {"a1": some("a", 60), "a2": some("a", 40, 60), "bc": some("b", 60) + some("c", 40), "e": some("e", 50)}
    )
    second = follow(FOUR, first, now)
    a1, a2, bc, e = (second.ids[f"cluster-{name}"] for name in ("a1", "a2", "bc", "e"))
    assert (a1, bc) == (old["a"], old["b"])  # the largest heir, and the id with the most contents
    assert {a2, e}.isdisjoint(old.values())
    renames = [Change.of(RENAME, (one,), (one,)) for one in (a1, bc)]
    assert set(second.changes) == {
        Change.of(SPLIT, (old["a"],), (a1, a2)),
        Change.of(MERGE, (old["b"], old["c"]), (bc,)),
        Change.of(DEATH, (old["d"],), ()),
        Change.of(BIRTH, (), (e,)),
        *renames,
    }
    assert len(second.changes) == 6


def test_the_largest_heir_keeps_the_id_even_where_the_centroid_of_another_is_nearer() -> None:
    before = Corpus({"x": some("a", 55) + some("b", 45)})
    first = first_version(before)
    nodes = [Node("one", "one", size=55, centroid=vector("z")), Node("two", "two", size=45, centroid=vector("a", "b"))]
    old = first.ids["x"]
    second = trace(first.tree, Tree.of(nodes), {(old, "one"): 55, (old, "two"): 45}, {"one": "1", "two": "2"}, [old])
    assert second.ids["one"] == old
    assert Change.of(SPLIT, (old,), second.ids.values()) in second.changes


def test_a_split_into_three_and_a_merge_of_three() -> None:
    before = Corpus({"a": some("a", 90), "b": some("b", 30), "c": some("c", 31), "d": some("d", 29)})
    first = first_version(before)
    parts = {"a1": some("a", 35), "a2": some("a", 30, 35), "a3": some("a", 25, 65)}
    now = Corpus({**parts, "bcd": some("b", 30) + some("c", 31) + some("d", 29)})
    second = follow(before, first, now, names={"a1": "a", "bcd": "c"})
    old, new = first.ids, {name: second.ids[f"cluster-{name}"] for name in now.topics}
    assert (new["a1"], new["bcd"]) == (old["a"], old["c"])
    assert set(second.changes) == {
        Change.of(SPLIT, (old["a"],), (new["a1"], new["a2"], new["a3"])),
        Change.of(MERGE, (old["b"], old["c"], old["d"]), (old["c"],)),
    }


def test_scattered_contents_are_a_death_and_a_few_that_wander_are_nothing() -> None:
    first = first_version(FOUR)
    now = Corpus(
        {
            "a": some("a", 95) + some("d", 10),
            "b": some("b", 60) + some("a", 5, 95) + some("d", 10, 10),
            "c": some("c", 40) + some("d", 10, 20),
        }
    )
    second = follow(FOUR, first, now)
    assert second.changes == (Change.of(DEATH, (first.ids["d"],), ()),)


def test_where_no_content_is_shared_centroids_alone_tell() -> None:
    first = first_version(FOUR)
    fresh = Corpus({name: some(name, 50, 500) for name in "abcx"})
    second = follow(FOUR, first, fresh)
    assert [second.ids[f"cluster-{name}"] for name in "abc"] == [first.ids[name] for name in "abc"]
    assert {change.kind for change in second.changes} == {DEATH, BIRTH}
    labels = {name: f"cluster-{name}" for name in fresh.topics}
    tree, keys = fresh.tree(labels, {}), fresh.keys(labels)
    other_embedder = trace(first.tree, tree, {}, keys, first.tree.nodes, are_centroids_comparable=False)
    assert set(other_embedder.ids.values()).isdisjoint(first.ids.values())


PARENTS = {"a": "left", "b": "left", "c": "right", "d": "right"}


def test_nodes_above_live_on_and_a_topic_that_goes_below_another_is_a_move() -> None:
    before = Corpus(FOUR.topics, PARENTS)
    first = first_version(before)
    assert len(first.changes) == 6
    now = Corpus(FOUR.topics, PARENTS | {"d": "left"})
    second = follow(before, first, now)
    ids = first.ids
    assert second.changes == (Change.of(MOVE, (ids["d"],), (ids["d"],)),)
    assert second.tree.nodes[ids["d"]].parent == ids["left"]
    assert {second.ids[f"cluster-{one}"]: one for one in ids} == {ids[one]: one for one in ids}


def test_a_whole_branch_that_is_merged_into_another() -> None:
    before = Corpus(FOUR.topics, PARENTS)
    first = first_version(before)
    now = Corpus(FOUR.topics, dict.fromkeys(FOUR.topics, "all"))
    second = follow(before, first, now, names={"all": "left"})
    ids = first.ids
    assert set(second.changes) == {
        Change.of(MERGE, (ids["left"], ids["right"]), (ids["left"],)),
        *[Change.of(MOVE, (ids[one],), (ids[one],)) for one in "cd"],
    }


def test_curated_nodes_stay_as_they_are_and_take_topics_over() -> None:
    before = Corpus({"art": some("a", 10), "b": some("b", 60), "c": some("c", 40)}, {"art": "arts"})
    labels = {"art": "art", "arts": "arts", "b": "t-b", "c": "t-c"}
    tree = before.tree(labels, {}, curated=("art", "arts"))
    found = Tree.of(
        [
            Node("art", "Another name", None, size=65, origin=CURATED, centroid=vector("a", "b")),
            Node("0", "c", "art", size=40, centroid=vector("c")),
        ]
    )
    shared = {("art", "art"): 10, ("t-b", "art"): 55, ("t-c", "0"): 40}
    second = trace(tree, found, shared, {"0": key_of(some("c", 20))}, tree.nodes)
    assert second.tree.nodes["art"] == Node("art", "art", "arts", size=65, origin=CURATED)
    assert second.tree.nodes["arts"].origin == CURATED  # it is there though nothing was found at it
    assert set(second.changes) == {
        Change.of(MERGE, ("art", "t-b"), ("art",)),
        Change.of(MOVE, ("t-c",), ("t-c",)),
    }


def test_an_id_of_any_version_is_given_to_no_other_node() -> None:
    key = key_of(some("a", KEY_CONTENTS))
    own = new_id(f"leaf\n{key}", ())
    lineage = trace(NOTHING, FOUR.tree({}, {}), {}, FOUR.keys({}), taken=[own])
    assert lineage.ids["a"] == f"{own}-2"
    assert new_id("x", [new_id("x", ()), f"{new_id('x', ())}-2"]) == f"{new_id('x', ())}-3"


def test_a_topic_at_which_nothing_is_placed_goes_by_its_words() -> None:
    found = [Tree.of([Node(label, "goal", keywords=("goal", "match"))]) for label in ("0", "7")]
    ids = {trace(NOTHING, tree, {}, {}).ids[label] for tree, label in zip(found, ("0", "7"), strict=True)}
    assert ids == {new_id("leaf\ngoal\ngoal\nmatch", ())}


@st.composite
def two_versions(draw: st.DrawFn) -> tuple[Corpus, Corpus, int]:
    """Forty contents in topics below nodes, twice, and a seed of labels."""
    contents = some("a", 20) + some("b", 20)

    def version(n_topics: int, n_above: int) -> Corpus:
        topics: dict[str, list[str]] = {f"topic {i}": [] for i in range(n_topics)}
        for content in contents:
            at = draw(st.integers(0, n_topics))  # the last: the content is not placed
            if at < n_topics:
                topics[f"topic {at}"].append(content)
        topics = {name: members for name, members in topics.items() if members}
        parents = {name: f"above {draw(st.integers(0, n_above - 1))}" for name in topics if n_above}
        return Corpus(topics, parents)

    numbers = st.integers(1, 5), st.integers(0, 2)
    before, now = (version(draw(numbers[0]), draw(numbers[1])) for _ in range(2))
    return before, now, draw(st.integers(0, 1000))


@settings(max_examples=60)
@given(two_versions())
def test_permuted_labels_change_nothing_and_every_id_is_accounted_for(case: tuple[Corpus, Corpus, int]) -> None:
    before, now, seed = case
    first = first_version(before)
    one = follow(before, first, now)
    names = sorted({*now.topics, *now.above})
    permuted = names.copy()
    random.Random(seed).shuffle(permuted)
    labels = {name: f"{place:02d}" for place, name in enumerate(permuted)}
    other = follow(before, first, now, labels=labels)
    assert other.tree == one.tree
    assert other.changes == one.changes
    assert {name: other.ids[labels[name]] for name in names} == {name: one.ids[f"cluster-{name}"] for name in names}

    gone = set(first.tree.nodes) - set(one.tree.nodes)
    born = set(one.tree.nodes) - set(first.tree.nodes)
    ended = [node for c in one.changes if c.kind in (DEATH, MERGE) for node in c.from_ids]
    begun = [node for c in one.changes if c.kind in (BIRTH, SPLIT, MERGE) for node in c.to_ids]
    assert gone <= {node for c in one.changes if c.kind in (DEATH, MERGE, SPLIT) for node in c.from_ids}
    assert born <= set(begun)
    dead = [node for c in one.changes if c.kind == DEATH for node in c.from_ids]
    assert len(dead) == len(set(dead)) and set(dead) <= gone
    assert len(one.ids.values()) == len(set(one.ids.values()))
    assert set(ended) <= set(first.tree.nodes)


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        (("oven", "dough", "Bread"), "Bread, Oven"),
        (("b.r.e.a.d.", "Ov'en"), "Bread, Oven"),  # what it is written like changes from sample to sample
        (("oven", "dough", "yeast"), "Oven, Dough"),
    ],
)
def test_a_topic_keeps_its_name_while_its_words_are_among_the_keywords(keywords: tuple[str, ...], name: str) -> None:
    before = Tree.of([Node("t-1", "Bread, Oven", keywords=("bread", "oven", "dough"), size=10)])
    found = Tree.of([Node("x", "Oven, Dough", keywords=keywords, size=10)])
    lineage = trace(before, found, {("t-1", "x"): 10}, {"x": "key"})
    assert lineage.tree.nodes["t-1"].name == name
    assert [change.kind for change in lineage.changes] == ([] if name == "Bread, Oven" else [RENAME])
