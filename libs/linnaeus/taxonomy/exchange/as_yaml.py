"""The form of conf/taxonomy.yml: what people label with and models train on (`taxonomy.path`)."""

from __future__ import annotations

from typing import Any

import yaml

from linnaeus.contracts import strict_yaml
from linnaeus.contracts.config import Taxonomy
from linnaeus.taxonomy.exchange.document import Document, decoded
from linnaeus.taxonomy.tree import CURATED, Node, Tree

_NO_BREAKS = 1 << 20  # columns: a node stands on a line


def read(content: bytes | str, where: str) -> Document:
    """The tree, with the nodes' examples and thresholds. Raises ConfigurationError."""
    said = strict_yaml.read(decoded(content, where), where)
    taxonomy: Taxonomy = Taxonomy.model_validate_or_teach(said, where)
    nodes = [Node(one.id, one.name, one.parent, one.description, origin=CURATED) for one in taxonomy.nodes]
    return Document(
        Tree.of(nodes, where),
        order=taxonomy.ids,
        examples={one.id: one.examples for one in taxonomy.nodes if one.examples},
        thresholds={one.id: one.threshold for one in taxonomy.nodes if one.threshold is not None},
    )


def write(document: Document) -> str:
    """The file's text; a node without examples is a line."""
    nodes = []
    for node in document.ordered():
        said: dict[str, Any] = {
            "id": node.id,
            "name": node.name,
            "parent": node.parent,
            "description": node.description,
        }
        said |= {"examples": list(document.examples.get(node.id, ())) or None}
        said |= {"threshold": document.thresholds.get(node.id)}
        nodes.append({name: value for name, value in said.items() if value is not None})
    return yaml.safe_dump(
        {"nodes": nodes}, allow_unicode=True, sort_keys=False, width=_NO_BREAKS, default_flow_style=None
    )
