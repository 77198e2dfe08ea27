"""What a person has decided, applied to the tree: checked as a whole first, and only then a tree is made of it.

Steps are decisions on one tree and not commands in a row: what comes of them does not depend on their order, and two
that say different things of one node contradict each other. A node that a person has accepted, renamed, moved, added
or merged others into is curated from then on, and so is every node above it: discovery leaves them as they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.changes import DEATH, MERGE, Change
from linnaeus.taxonomy.curation import Accept, Add, Curation, Merge, Move, Rename, Retire, Step
from linnaeus.taxonomy.measures import carried_over
from linnaeus.taxonomy.tree import CURATED, TIERS, Node, Tree
from linnaeus.taxonomy.versions import difference, resolve

_NAME, _PARENT, _DESCRIPTION, _END = "name", "parent", "description", "end"  # what can be decided of a node


@dataclass(frozen=True)
class History:
    """Ids of all versions with the newest that has them, and what `versions.resolve` needs to follow them."""

    last_seen: Mapping[str, int] = field(default_factory=dict)
    changes: Sequence[tuple[int, Change]] = ()
    restores: Mapping[int, int] = field(default_factory=dict)

    def today(self, node_id: str) -> tuple[str, ...]:
        """What an old id is now. Raises KeyError for one that never was."""
        return resolve(node_id, self.last_seen[node_id], self.changes, self.restores)


@dataclass(frozen=True)
class Curated:
    """The tree that comes of a file, what that changed, the node (if any) to which contents of each node that is gone
    go, and what else is to be said."""

    tree: Tree
    changes: tuple[Change, ...]
    heirs: Mapping[str, str]
    notes: tuple[str, ...]


def apply(curation: Curation, tree: Tree, history: History) -> Curated:
    """Raises ConfigurationError, in one line that names file and step, where the file can't be applied whole."""
    decided = _Decisions(curation, tree, history)
    for number, step in enumerate(curation.steps):
        decided.add(number, step)
    for number, step in enumerate(curation.steps):
        decided.take(number, step)
    decided.check_ends()
    parents = {node: decided.parent_now(node) for node in decided.living()}
    decided.check_paths(parents)
    curated = _with_those_above(decided, parents)
    nodes = [decided.node_now(node, parents[node], node in curated) for node in parents]
    heirs = {one: heir for one in decided.ended if (heir := decided.heir(one)) is not None}
    after = carried_over(tree, Tree.of(nodes, curation.where), heirs)
    return Curated(after, difference(tree, after, decided.explained()), heirs, tuple(decided.notes))


@dataclass
class _Decisions:
    """What the steps say of each node, with the number of the step that says it."""

    curation: Curation
    tree: Tree
    history: History
    made: dict[tuple[str, str], tuple[int, str | None]] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    curated: dict[str, int] = field(default_factory=dict)
    targets: list[tuple[str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ended(self) -> list[str]:
        """Nodes that are merged into others or retired, sorted."""
        return sorted(node for what, node in self.made if what == _END)

    def living(self) -> list[str]:
        """Ids of the tree to be, sorted."""
        return sorted({*self.tree.nodes, *self.added} - set(self.ended))

    def add(self, number: int, step: Step) -> None:
        """Take note of a node that a step adds."""
        if not isinstance(step, Add):
            return
        if step.id in self.tree.nodes or step.id in self.added:
            self._refuse(number, f"there is a node {step.id!r} already; give the new one another id")
        if (last := self.history.last_seen.get(step.id)) is not None:
            self._refuse(
                number, f"{step.id!r} was a node until version {last}; its id is not given again, take another"
            )
        self.added[step.id] = number

    def take(self, number: int, step: Step) -> None:
        """Take what a step says of nodes that are known by now."""
        if isinstance(step, Add):
            self._decide(number, _NAME, step.id, step.name)
            self._decide(number, _DESCRIPTION, step.id, step.description)
            self._place(number, step.id, step.parent)
            self.curated[step.id] = number
        elif isinstance(step, Merge):
            self._merge(number, step)
        elif isinstance(step, Retire):
            heir = None if step.to is None else self._target(number, step.to)
            self._end(number, self._today(number, step.id), heir)
        elif isinstance(step, Accept | Rename | Move):
            node = self._today(number, step.id)
            self.curated.setdefault(node, number)
            if not isinstance(step, Move) and step.name is not None:
                self._decide(number, _NAME, node, step.name)
            if isinstance(step, Accept) and step.description is not None:
                self._decide(number, _DESCRIPTION, node, step.description)
            if isinstance(step, Move) or (isinstance(step, Accept) and step.is_moved):
                self._place(number, node, step.to if isinstance(step, Move) else step.parent)

    def _merge(self, number: int, step: Merge) -> None:
        into = self._target(number, step.into)
        self.curated.setdefault(into, number)
        merged = sorted({self._today(number, one) for one in step.ids} - {into})
        if not merged:
            self.notes.append(f"{self.curation.place(number)}: all of it is {into!r} already")
        for one in merged:
            self._end(number, one, into)

    def _place(self, number: int, node: str, parent: str | None) -> None:
        self._decide(number, _PARENT, node, None if parent is None else self._target(number, parent))

    def _end(self, number: int, node: str, heir: str | None) -> None:
        if heir == node:
            self._refuse(number, f"{node!r} can't take itself over; name another node")
        self._decide(number, _END, node, heir)

    def _decide(self, number: int, what: str, node: str, value: str | None) -> None:
        step, other = self.made.setdefault((what, node), (number, value))
        if other != value:
            self._refuse(number, f"step {step + 1} says something else of the {what} of {node!r}; keep one of the two")
        # Two steps that end a node in different ways differ even where both name no heir.
        if what == _END and type(self.curation.steps[step]) is not type(self.curation.steps[number]):
            self._refuse(number, f"step {step + 1} ends {node!r} in another way; keep one of the two")

    def _target(self, number: int, node_id: str) -> str:
        node = self._today(number, node_id)
        self.targets.append((node, number))
        return node

    def _today(self, number: int, node_id: str) -> str:
        """A node by an id that it has or had. Raises ConfigurationError where that is not one node."""
        if node_id in self.tree.nodes or node_id in self.added:
            return node_id
        if node_id not in self.history.last_seen:
            known = sorted({*self.tree.nodes, *self.added})
            near = difflib.get_close_matches(node_id, known, n=1, cutoff=0.0)
            self._refuse(number, f"there is no node {node_id!r}" + (f"; the nearest is {near[0]!r}" if near else ""))
        last = self.history.last_seen[node_id]
        today = [one for one in self.history.today(node_id) if one in self.tree.nodes]
        if not today:
            self._refuse(number, f"{node_id!r} was retired: version {last} is the last that has it")
        if len(today) > 1:
            self._refuse(number, f"{node_id!r} was split after version {last}; name one of {', '.join(today)}")
        self.notes.append(f"{self.curation.place(number)}: {node_id!r} has been {today[0]!r} since version {last + 1}")
        return today[0]

    def check_ends(self) -> None:
        """Raise ConfigurationError where a step counts on a node that another one ends."""
        ends = {node: step for (what, node), (step, _) in self.made.items() if what == _END}
        used = [(node, step) for (what, node), (step, _) in self.made.items() if what != _END]
        for node, number in [*used, *self.curated.items(), *self.targets]:
            if node in ends:
                self._refuse(number, f"{node!r} is there no more by step {ends[node] + 1}; keep one of the two")

    def heir(self, node: str) -> str | None:
        """Who takes over what is at a node that ends: the node that is named, else the nearest above that lives on."""
        named = self.made[_END, node][1]
        above = self.tree.parents[node] if named is None else named
        return self.heir(above) if above is not None and (_END, above) in self.made else above

    def parent_now(self, node: str) -> str | None:
        """The node above one that lives on: what is below a node that ends goes to its heir."""
        decided = self.made.get((_PARENT, node))
        parent = self.tree.parents[node] if decided is None else decided[1]
        while parent is not None and (_END, parent) in self.made:
            heir = self.heir(parent)
            parent = self.tree.parents[parent] if heir == node else heir  # it takes the place of what it took over
        return parent

    def check_paths(self, parents: Mapping[str, str | None]) -> None:
        """Raise ConfigurationError for a cycle or a tier too many, naming the step that brings it."""
        for node in sorted(parents):
            path, above = [node], parents[node]
            while above is not None and above not in path:
                path.append(above)
                above = parents[above]
            if above is not None:
                self._refuse(self._placed_by(path), f"node {above!r} would be its own ancestor")
            if len(path) > TIERS:
                said = f"node {node!r} would be at tier {len(path)}; {TIERS} tiers are the most"
                self._refuse(self._placed_by(path), said)

    def _placed_by(self, path: Sequence[str]) -> int:
        """A step that has to do with where the nodes of a path are."""
        by_parent = [self.made[_PARENT, node][0] for node in path if (_PARENT, node) in self.made]
        by_end = [step for (what, _), (step, heir) in self.made.items() if what == _END and heir in path]
        return next(iter([*by_parent, *by_end]), 0)

    def node_now(self, node_id: str, parent: str | None, is_curated: bool) -> Node:
        """A node of the tree to be; sizes and centroids come later."""
        node = self.tree.nodes.get(node_id, Node(node_id, node_id))
        name = self.made.get((_NAME, node_id), (0, None))[1] or node.name
        description = self.made.get((_DESCRIPTION, node_id), (0, node.description))[1]
        origin = CURATED if is_curated else node.origin
        return replace(node, name=name, parent=parent, description=description, origin=origin)

    def explained(self) -> list[Change]:
        """Merges, and deaths with where the contents are."""
        found: list[Change] = []
        merged: dict[str, set[str]] = {}
        for node in self.ended:
            number, heir = self.made[_END, node]
            if isinstance(self.curation.steps[number], Merge) and heir is not None:
                merged.setdefault(heir, {heir} & set(self.tree.nodes)).add(node)
                continue
            there = self.heir(node)
            rest = f"its contents are at {there}" if there is not None else "its contents are unplaced"
            found.append(Change.of(DEATH, (node,), (), f"{self.tree.nodes[node].name!r} was retired; {rest}"))
        for heir, olds in merged.items():
            found.append(Change.of(MERGE, olds, (heir,), f"{', '.join(sorted(olds - {heir}))} merged into {heir}"))
        return found

    def _refuse(self, number: int, problem: str) -> NoReturn:
        raise ConfigurationError(f"{self.curation.place(number)}: {problem}")


def _with_those_above(decided: _Decisions, parents: Mapping[str, str | None]) -> set[str]:
    """Curated nodes, and those above them; it is noted where these were discovered until now."""
    curated = {node for node in parents if node in decided.tree.nodes and decided.tree.nodes[node].origin == CURATED}
    curated |= set(decided.curated)
    for node in sorted(curated):
        above = parents[node]
        while above is not None:
            if above not in curated:
                decided.notes.append(f"{above!r} is curated from now on too, as it is above {node!r}")
                curated.add(above)
            above = parents[above]
    return curated
