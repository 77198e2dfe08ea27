"""A taxonomy as files say it: the tree, and beside it what one form or another holds and the tree does not."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from linnaeus.contracts.config import NodeId
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.tree import Node, Tree

_NODE_ID: TypeAdapter[str] = TypeAdapter(NodeId)


@dataclass(frozen=True)
class Document:
    """What a file says. Nodes of `tree` are curated, unless the file says that one is discovered.

    `order` has ids as the file has them, `notes` what it was let pass in, in words; mappings are by node id, without
    the nodes that have none: `extensions` is IAB's last column, `tiers` its tier columns where they say more than the
    parents do, `uris` SKOS's names of nodes, `uri` that of the scheme.
    """

    tree: Tree
    order: tuple[str, ...] = ()
    title: str | None = None
    uri: str | None = None
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)
    tiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    uris: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def ordered(self) -> list[Node]:
        """Nodes in the file's order; where there is none, each before those below it, siblings by their names."""
        given = [self.tree.nodes[node_id] for node_id in self.order if node_id in self.tree.nodes]
        known = {one.id for one in given}
        return given + [one for one in self._from_above(None) if one.id not in known]

    def _from_above(self, parent: str | None) -> Iterable[Node]:
        below = [self.tree.nodes[node_id] for node_id in self.tree.children.get(parent, ())]
        for one in sorted(below, key=lambda node: (node.name.casefold(), node.id)):
            yield one
            yield from self._from_above(one.id)

    def count(self, what: str) -> int:
        """Nodes that have `what`: descriptions, keywords, examples, thresholds or extensions."""
        if what == "descriptions":
            return sum(one.description is not None for one in self.tree)
        if what == "keywords":
            return sum(bool(one.keywords) for one in self.tree)
        return len({"examples": self.examples, "thresholds": self.thresholds, "extensions": self.extensions}[what])


def decoded(content: bytes | str, where: str) -> str:
    """A file's text, without a byte order mark: UTF-8, or UTF-16 that such a mark tells.

    Raises ConfigurationError for what is neither.
    """
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        called = "UTF-16" if is_utf_16 else "UTF-8"
        raise ConfigurationError(f"{where}: not {called} (byte {error.start}); save it as UTF-8") from error


def different(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for `json.loads`, which else takes the last of two equal keys. Raises ValueError."""
    said: dict[str, Any] = {}
    for key, value in pairs:
        if key in said:
            raise ValueError(f"the key {key!r} stands twice in an object; keep one")
        said[key] = value
    return said


def checked_id(node_id: str, where: str) -> str:
    """The id as it is. Raises ConfigurationError for one that can't be a node's."""
    try:
        return _NODE_ID.validate_python(node_id)
    except ValidationError as error:
        raise ConfigurationError(
            f"{where}: {node_id[:40]!r} can't be a node's id; give one of 1 to 200 characters that begins with no space"
        ) from error


def one_line(error: Exception) -> str:
    """What an error of a parser says, shortened to a line."""
    return re.sub(r"\s+", " ", str(error)).strip()[:300]
