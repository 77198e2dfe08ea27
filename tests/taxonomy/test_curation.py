"""Files of decisions: read, checked whole, and applied."""

from __future__ import annotations

import itertools
import random
import re

import numpy as np
import pytest

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.changes import BIRTH, DEATH, MERGE, MOVE, RENAME, SPLIT, Change
from linnaeus.taxonomy.curating import Curated, History, apply
from linnaeus.taxonomy.curation import Accept, Add, Merge, Move, Rename, Retire, read_curation
from linnaeus.taxonomy.tree import CURATED, Node, Tree
from tests.docs.pages import PAGES, Block, blocks

TREE = Tree.of(
    [
        Node("sport", "Sport", size=100, origin=CURATED, centroid=(1.0, 0.0)),
        Node("football", "ball, goal", "sport", size=60, centroid=(0.8, 0.6), creator_share=0.5),
        Node("soccer", "goal, match", "sport", size=20, centroid=(0.6, 0.8)),
        Node("cup", "cup", "soccer", size=5, centroid=(0.0, 1.0)),
        Node("found", "film, music", size=50, centroid=(0.0, -1.0)),
        Node("film", "film", "found", size=30),
        Node("music", "music", "found", size=20, creator_share=0.25),
        Node("jazz", "jazz", "music", size=5),
        Node("bebop", "bebop", "jazz", size=5),
    ]
)
HISTORY = History(
    {**dict.fromkeys(TREE.nodes, 4), "t-merged": 2, "t-split": 2, "t-dead": 1},
    [
        (2, Change.of(DEATH, ["t-dead"], [])),
        (3, Change.of(MERGE, ["t-merged", "football"], ["football"])),
        (4, Change.of(SPLIT, ["t-split"], ["film", "music"])),
    ],
)


def curate(text: str) -> Curated:
    return apply(read_curation(f"steps:\n{text}", "cure.yml"), TREE, HISTORY)


IN_THE_PAGES = [block for page in PAGES for block in blocks(page, "yaml") if "steps:" in block.code]


@pytest.mark.parametrize("block", IN_THE_PAGES, ids=str)
def test_files_of_the_documentation_can_be_applied(block: Block) -> None:
    """To a tree that has the nodes that they speak of."""
    curation = read_curation(block.code, str(block))
    tree = Tree.of([Node(one, one) for one in {"sport", *re.findall("t-[0-9a-f]{12}", block.code)}])
    assert apply(curation, tree, History(dict.fromkeys(tree.nodes, 1))).changes


def test_a_file_is_read_into_steps() -> None:
    text = """
    by: ann
    note: because
    steps:
      - accept: film
        name: Film
        parent: null
      - rename: {id: 12, name: Tennis}
      - merge: {ids: [a, b], into: a}
      - move: {id: c, to: null}
      - retire: d
        to: e
      - retire: {id: g}
      - add: {id: chess, name: Chess, parent: sport}
    """
    read = read_curation(text, "cure.yml")
    assert (read.by, read.note) == ("ann", "because")
    accept = read.steps[0]
    assert isinstance(accept, Accept) and accept.is_moved and not Accept(id="film").is_moved
    assert read.steps[1:] == (
        Rename(id="12", name="Tennis"),
        Merge(ids=("a", "b"), into="a"),
        Move(id="c", to=None),
        Retire(id="d", to="e"),
        Retire(id="g"),
        Add(id="chess", name="Chess", parent="sport"),
    )
    assert read.place(2) == "cure.yml: step 3 (merge)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a mapping with `steps`"),
        ("steps: []", "at least one step"),
        ("steps: [", "not readable as YAML"),
        ("step: [{retire: a}]", "unknown key 'step'; the nearest known one is 'steps'"),
        ("steps: [retire]", "step 1: a step is written"),
        ("steps: [{retyre: a}]", "step 1: .*the nearest known one is 'retire'"),
        ("steps: [{retire: a}, {retire: a, accept: b}]", "step 2: .*it has retire, accept"),
        ("steps: [{retire: a, too: b}]", r"step 1 \(retire\): unknown key 'too'; the nearest known one is 'to'"),
        ("steps: [{move: {id: a}}]", r"step 1 \(move\): to is missing"),
        ("steps: [{rename: a}]", r"step 1 \(rename\): write rename: .* with id, name"),
        ("steps: [{rename: {id: a, name: b}, note: c}]", r"step 1 \(rename\): .*nothing beside it"),
        ("steps: [{merge: {ids: [], into: b}}]", r"step 1 \(merge\): ids"),
        ("steps: [{rename: {id: a, name: ''}}]", r"step 1 \(rename\): name"),
        ("by: [a]\nsteps: [{retire: a}]", "by: "),
    ],
)
def test_a_file_that_cant_be_understood_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        read_curation(text, "cure.yml")
    assert str(raised.value).startswith("cure.yml: ")
    assert "\n" not in str(raised.value)


def test_every_step_does_what_it_says() -> None:
    done = curate(
        """
        - accept: film
          name: Film
          description: Moving pictures
        - rename: {id: football, name: Football}
        - merge: {ids: [football, soccer], into: football}
        - move: {id: jazz, to: found}
        - retire: music
        - add: {id: chess, name: Chess, parent: sport}
        """
    )
    nodes = done.tree.nodes
    assert sorted(nodes) == ["bebop", "chess", "cup", "film", "football", "found", "jazz", "sport"]
    assert (nodes["film"].name, nodes["film"].description) == ("Film", "Moving pictures")
    assert {one.id: one.parent for one in done.tree} == {
        "bebop": "jazz",
        "chess": "sport",
        "cup": "football",
        "film": "found",
        "football": "sport",
        "found": None,
        "jazz": "found",
        "sport": None,
    }
    assert sorted(one.id for one in done.tree if one.origin != CURATED) == ["bebop", "cup"]
    assert set(done.changes) == {
        Change.of(RENAME, ["film"], ["film"]),
        Change.of(RENAME, ["football"], ["football"]),
        Change.of(MERGE, ["football", "soccer"], ["football"]),
        Change.of(MOVE, ["cup"], ["cup"]),
        Change.of(MOVE, ["jazz"], ["jazz"]),
        Change.of(DEATH, ["music"], []),
        Change.of(BIRTH, [], ["chess"]),
    }
    assert done.heirs == {"soccer": "football", "music": "found"}
    assert done.notes == ("'found' is curated from now on too, as it is above 'film'",)


def test_sizes_and_centroids_follow_the_contents() -> None:
    done = curate("- merge: {ids: [soccer], into: football}\n- move: {id: cup, to: null}\n- retire: jazz")
    nodes = done.tree.nodes
    assert {one.id: one.size for one in done.tree} == {
        "sport": 95,
        "football": 75,
        "cup": 5,
        "found": 50,
        "film": 30,
        "music": 20,
        "bebop": 5,
    }
    # The 60 of football, and the 20 of soccer but for the 5 that went away.
    there = 60 * np.array([0.8, 0.6]) + 20 * np.array([0.6, 0.8]) - 5 * np.array([0.0, 1.0])
    assert nodes["football"].centroid == pytest.approx(there / np.linalg.norm(there), abs=1e-6)
    assert np.linalg.norm(nodes["sport"].centroid) == pytest.approx(1.0, abs=1e-6)
    assert nodes["cup"].centroid == (0.0, 1.0)
    # What is below a node counts for it whichever way it is below.
    assert (nodes["found"].size, nodes["found"].centroid) == (50, (0.0, -1.0))
    # Of the others nobody knows without looking at the contents.
    assert (nodes["music"].creator_share, nodes["football"].creator_share) == (0.25, None)


def test_a_node_takes_the_place_of_the_one_above_that_is_merged_into_it() -> None:
    done = curate("- merge: {ids: [soccer], into: cup}\n- retire: found\n- retire: music\n- retire: jazz")
    assert done.tree.parents == {"sport": None, "football": "sport", "cup": "sport", "film": None, "bebop": None}
    assert done.heirs == {"soccer": "cup"}  # of the others nothing is above: their contents are unplaced
    assert (done.tree.nodes["cup"].size, done.tree.nodes["film"].size) == (20, 30)


def test_old_ids_are_taken_for_what_they_have_become() -> None:
    done = curate("- rename: {id: t-merged, name: Football}")
    assert done.tree.nodes["football"].name == "Football"
    assert done.notes == ("cure.yml: step 1 (rename): 't-merged' has been 'football' since version 3",)


def test_what_is_so_already_changes_nothing() -> None:
    done = curate("- accept: sport\n- rename: {id: sport, name: Sport}\n- merge: {ids: [sport], into: sport}")
    assert (done.tree, done.changes) == (TREE, ())
    assert done.notes == ("cure.yml: step 3 (merge): all of it is 'sport' already",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- accept: footbal", r"step 1 \(accept\): there is no node 'footbal'; the nearest is 'football'"),
        ("- accept: film\n- move: {id: film, to: nowhere}", r"step 2 \(move\): there is no node 'nowhere'"),
        ("- accept: t-dead", "'t-dead' was retired: version 1 is the last"),
        ("- accept: t-split", "'t-split' was split after version 2; name one of film, music"),
        ("- add: {id: t-dead, name: A}", "'t-dead' was a node until version 1"),
        ("- add: {id: film, name: A}", "there is a node 'film' already"),
        ("- add: {id: a, name: A}\n- add: {id: a, name: A}", r"step 2 \(add\): there is a node 'a' already"),
        ("- add: {id: a, name: A}\n- rename: {id: a, name: B}", r"step 2 \(rename\): step 1 says something else"),
        ("- add: {id: a, name: A}\n- retire: a", "'a' is there no more by step 2"),
        ("- move: {id: sport, to: cup}", r"step 1 \(move\): node '.*' would be its own ancestor"),
        ("- move: {id: film, to: film}", r"step 1 \(move\): node 'film' would be its own ancestor"),
        ("- retire: found\n  to: bebop", r"step 1 \(retire\): node '.*' would be its own ancestor"),
        ("- move: {id: found, to: sport}", r"step 1 \(move\): node 'bebop' would be at tier 5"),
        ("- move: {id: film, to: sport}\n- move: {id: film, to: null}", r"step 2 \(move\): step 1 says something else"),
        ("- rename: {id: film, name: A}\n- rename: {id: film, name: B}", r"step 2 .* of the name of 'film'"),
        ("- retire: film\n- rename: {id: film, name: A}", r"step 2 \(rename\): 'film' is there no more by step 1"),
        ("- retire: film\n- merge: {ids: [film], into: music}", r"step 2 \(merge\): step 1 "),
        ("- merge: {ids: [film], into: music}\n- merge: {ids: [music], into: jazz}", "'music' is there no more"),
        ("- merge: {ids: [film], into: music}\n- merge: {ids: [music], into: film}", "is there no more"),
        ("- retire: film\n- move: {id: music, to: film}", "'film' is there no more by step 1"),
        ("- retire: film\n  to: film", "'film' can't take itself over"),
    ],
)
def test_a_file_that_cant_be_applied_whole_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        curate(text)
    assert str(raised.value).startswith("cure.yml: step ")
    assert "\n" not in str(raised.value)


def test_what_comes_of_steps_does_not_depend_on_their_order() -> None:
    steps = [
        "- add: {id: arts, name: Arts}",
        "- move: {id: film, to: arts}",
        "- merge: {ids: [jazz], into: music}",
        "- move: {id: music, to: arts}",
        "- retire: found",
        "- rename: {id: t-merged, name: Football}",
    ]
    orders = list(itertools.permutations(steps))
    made = [curate("\n".join(order)) for order in [steps, *random.Random(1).sample(orders, 12)]]
    assert all((one.tree, one.changes, one.heirs) == (made[0].tree, made[0].changes, made[0].heirs) for one in made)
    assert made[0].tree.path("bebop") == ("arts", "music", "bebop")
