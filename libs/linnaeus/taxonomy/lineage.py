"""What becomes of ids from one discovery to the next: topics that live on keep theirs, and the rest is written down.

Leaves are compared with leaves by the contents placed at them, nodes above with nodes above by those at or below them.
Nothing depends on the labels that a clustering gave, on the order of rows, or on how they were spread.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from linnaeus.taxonomy.changes import MERGE, SPLIT, Change
from linnaeus.taxonomy.matching import Limits, Matched, Stage, match
from linnaeus.taxonomy.tree import CURATED, Node, Tree
from linnaeus.taxonomy.versions import difference

KEY_CONTENTS = 20  # contents that name a new topic
_HEX_DIGITS = 12
_DEFAULT = Limits()

Shared = Mapping[tuple[str, str], int]
_Link = tuple[str, tuple[str, ...], tuple[str, ...]]  # a kind, old ids, and temporary ones of now


@dataclass(frozen=True)
class Lineage:
    """A tree with ids that last, the id that each temporary one became, and what changed."""

    tree: Tree
    ids: Mapping[str, str]
    changes: tuple[Change, ...]


def trace(
    before: Tree,
    found: Tree,
    shared: Shared,
    keys: Mapping[str, str],
    taken: Collection[str] = (),
    limits: Limits = _DEFAULT,
    are_centroids_comparable: bool = True,
) -> Lineage:
    """Give the nodes of `found`, which have temporary ids, the ids by which they are known.

    Parameters: `shared` counts contents by (node of `before`, temporary id) at which they were and are placed, those
    in both alone; `keys` says by temporary id what tells a topic from all others, whatever it is called (see `key_of`;
    a node without one goes by its children's, a leaf, as nothing is placed at it, by its name and keywords); `taken`
    are ids of all versions until now, which no new node is given; `are_centroids_comparable` is False where vectors
    are of another embedder than before.
    Curated nodes of `before`, and nodes above one, keep id, name, parent and description, and are in the tree even
    where `found` has them not. Raises ConfigurationError where no tree comes of it (five tiers).
    """
    fixed = _fixed(before)
    ordered = _in_order(found, keys)
    ids = {node.id: node.id for node in found if node.origin == CURATED or node.id in fixed}
    links: list[_Link] = []
    direct = {pair: n for pair, n in shared.items() if n > 0 and pair[0] in before.nodes and pair[1] in found.nodes}
    curated = sorted(ids)
    for stage in _stages(before, found, direct, ordered, fixed, curated):
        matched = match(stage, limits, are_centroids_comparable)
        ids |= {stage.news[new].id: stage.olds[old].id for new, old in matched.old_of.items()}
        links += _links(stage, curated, matched, before)
    new = [temporary for temporary in ordered if temporary not in ids]
    ids |= _new_ids(new, found, _all_keys(found, keys), {*taken, *before.nodes, *ids.values()})
    tree = _tree(before, found, ids, fixed)
    explained = [_change(kind, olds, [ids[one] for one in news]) for kind, olds, news in links]
    return Lineage(tree, ids, difference(before, tree, explained))


def key_of(content_ids: Iterable[str]) -> str:
    """A key of a topic: its members with the smallest hashes, `KEY_CONTENTS` of them where it has so many."""
    return "\n".join(sorted(set(content_ids)))


def new_id(key: str, taken: Collection[str]) -> str:
    """An id of a new topic: `t-` and 12 hex digits of the SHA-256 of its key; `-2`, `-3`, … where that is taken."""
    own = f"t-{hashlib.sha256(key.encode()).hexdigest()[:_HEX_DIGITS]}"
    tried, n = own, 1
    while tried in taken:
        n += 1
        tried = f"{own}-{n}"
    return tried


def _fixed(before: Tree) -> frozenset[str]:
    """Ids of curated nodes and of those above them: discovery does not touch them."""
    return frozenset(above for node in before if node.origin == CURATED for above in before.path(node.id))


def _all_keys(found: Tree, keys: Mapping[str, str]) -> dict[str, str]:
    """A key of every node; one that has none of its own goes by its children's."""
    made: dict[str, str] = {}
    for node_id in sorted(found.nodes, key=found.level, reverse=True):
        below = found.children.get(node_id, ())
        if node_id in keys:
            made[node_id] = keys[node_id]
        elif below:
            made[node_id] = "\n".join(sorted(made[one] for one in below))
        elif found.nodes[node_id].origin == CURATED:
            made[node_id] = node_id
        else:
            made[node_id] = "\n".join([found.nodes[node_id].name, *found.nodes[node_id].keywords])
    return made


def _in_order(found: Tree, keys: Mapping[str, str]) -> tuple[str, ...]:
    """Temporary ids in an order that permuting them does not change: by key, tier, size, name, and centroid."""
    all_keys = _all_keys(found, keys)

    def what_it_is(node: Node) -> tuple[object, ...]:
        return (found.level(node.id), all_keys[node.id], -node.size, node.name, node.centroid or (), node.id)

    return tuple(node.id for node in sorted(found, key=what_it_is))


def _stages(
    before: Tree, found: Tree, direct: Shared, ordered: Sequence[str], fixed: Collection[str], curated: Sequence[str]
) -> Iterator[Stage]:
    """Leaves, with the curated nodes that may have taken them over, then the nodes above leaves."""
    free, totals = [one for one in ordered if one not in set(curated)], _totals(direct, before, found)
    for is_leaf in (True, False):
        olds = [node for node in before if node.id not in fixed and (node.id not in before.children) == is_leaf]
        news = [found.nodes[one] for one in free if (one not in found.children) == is_leaf]
        counts = direct if is_leaf else _rolled_up(direct, before, found)
        beside = curated if is_leaf else []
        old_levels = np.array([before.level(node.id) for node in olds], dtype=int)
        new_levels = np.array([found.level(node.id) for node in news], dtype=int)
        at_one_tier = old_levels[:, None] == new_levels[None, :]
        is_apart = np.ones((len(olds), len(news) + len(beside)), dtype=bool) if is_leaf else at_one_tier
        yield _stage(olds, news, beside, counts, totals, is_apart)


def _stage(
    olds: Sequence[Node],
    news: Sequence[Node],
    beside: Sequence[str],
    counts: Shared,
    totals: tuple[Mapping[str, int], Mapping[str, int]],
    is_apart: npt.NDArray[np.bool_],
) -> Stage:
    columns = [node.id for node in news] + list(beside)
    shared = np.zeros((len(olds), len(columns)))
    row_of = {node.id: at for at, node in enumerate(olds)}
    column_of = {node_id: at for at, node_id in enumerate(columns)}
    for (old, new), n in counts.items():
        if old in row_of and new in column_of:
            shared[row_of[old], column_of[new]] = n
    old_totals = np.array([totals[0].get(node.id, 0) for node in olds], dtype=float)
    new_totals = np.array([totals[1].get(node_id, 0) for node_id in columns], dtype=float)
    return Stage(olds, news, shared, old_totals, new_totals, is_apart)


def _rolled_up(direct: Shared, before: Tree, found: Tree) -> dict[tuple[str, str], int]:
    """Contents at or below both nodes, from those at both."""
    sums: dict[tuple[str, str], int] = {}
    for (old, new), n in direct.items():
        for pair in ((one, other) for one in before.path(old) for other in found.path(new)):
            sums[pair] = sums.get(pair, 0) + n
    return sums


def _totals(direct: Shared, before: Tree, found: Tree) -> tuple[dict[str, int], dict[str, int]]:
    """Contents placed then and now, at or below each old node and each new one."""
    olds: dict[str, int] = {}
    news: dict[str, int] = {}
    for (old, new), n in direct.items():
        for sums, path in ((olds, before.path(old)), (news, found.path(new))):
            for node_id in path:
                sums[node_id] = sums.get(node_id, 0) + n
    return olds, news


def _links(stage: Stage, curated: Sequence[str], matched: Matched, before: Tree) -> list[_Link]:
    """Splits and merges: old ids, and temporary ones of now."""
    columns = [node.id for node in stage.news] + list(curated)
    links: list[_Link] = [
        (SPLIT, (stage.olds[old].id,), tuple(columns[new] for new in into)) for old, into in matched.splits.items()
    ]
    for new, olds in matched.merges.items():
        takes_over = columns[new]
        # A curated node takes a topic over without being one of those that were matched.
        itself = (takes_over,) if new >= len(stage.news) and takes_over in before.nodes else ()
        links.append((MERGE, (*itself, *(stage.olds[old].id for old in olds)), (takes_over,)))
    return links


def _new_ids(new: Sequence[str], found: Tree, keys: Mapping[str, str], taken: set[str]) -> dict[str, str]:
    """Ids of nodes that were not there before, in an order that does not go by their labels."""
    made: dict[str, str] = {}
    for temporary in new:
        kind = "leaf" if temporary not in found.children else f"tier {found.level(temporary)}"
        made[temporary] = new_id(f"{kind}\n{keys[temporary]}", taken)
        taken.add(made[temporary])
    return made


def _tree(before: Tree, found: Tree, ids: Mapping[str, str], fixed: Collection[str]) -> Tree:
    nodes = {}
    names = Counter(node.name for node in found)
    for node in found:
        node_id, parent = ids[node.id], None if node.parent is None else ids[node.parent]
        name = _name(before.nodes.get(node_id), node, names)
        nodes[node_id] = replace(node, id=node_id, parent=parent, name=name)
    for node_id in fixed:
        old = before.nodes[node_id]
        now = nodes.get(node_id, replace(old, size=0, creator_share=None))
        nodes[node_id] = replace(now, name=old.name, parent=old.parent, description=old.description, origin=old.origin)
    return Tree.of(nodes.values(), "the topics found")


def _name(old: Node | None, now: Node, names: Mapping[str, int]) -> str:
    """The name that people know a topic by, for as long as all of its terms are among its keywords.

    Not where another topic has it now (`names` counts them).
    """
    if old is None or names.get(old.name, 0) > 0:
        return now.name
    terms = {_bare(one) for one in old.name.split(", ")}
    return old.name if terms <= {_bare(one) for one in now.keywords} else now.name


def _bare(term: str) -> str:
    """A term without what people write now so and now so: U.S., US and us."""
    return re.sub(r"[^\w ]", "", term.casefold())


def _change(kind: str, olds: Iterable[str], news: Iterable[str]) -> Change:
    change = Change.of(kind, olds, news)
    verb = "was split into" if kind == SPLIT else "became"
    return replace(change, detail=f"{', '.join(change.from_ids)} {verb} {', '.join(change.to_ids)}")
