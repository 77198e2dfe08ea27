"""A taxonomy as JSON: a flat list of nodes, in our own form. It holds all that any other form does, and sizes.

    {"format": "linnaeus-taxonomy", "version": 1, "title": …, "nodes": [{"id": …, "name": …, "parent": …, …}]}

Of a node id and name are required; it is curated where `origin` does not say discovered. Centroids are not in it: they
are of one embedder's space.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from linnaeus.contracts.config import NodeId
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.exchange.document import Document, decoded, different, one_line
from linnaeus.taxonomy.tree import Node, Tree

_FORMAT, _VERSION = "linnaeus-taxonomy", 1
_BESIDE = {
    "examples": "examples",
    "threshold": "thresholds",
    "extension": "extensions",
    "tiers": "tiers",
    "uri": "uris",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Node(_Part):
    id: NodeId
    name: Annotated[str, StringConstraints(min_length=1)]
    parent: NodeId | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    size: int = Field(default=0, ge=0)
    origin: Literal["curated", "discovered"] = "curated"
    creator_share: float | None = Field(default=None, ge=0, le=1)
    examples: tuple[str, ...] = ()
    threshold: float | None = Field(default=None, ge=0, le=1)
    extension: str | None = None
    tiers: tuple[str, ...] = ()
    uri: str | None = None


class _File(_Part):
    format: Literal["linnaeus-taxonomy"]
    version: Literal[1]
    title: str | None = None
    uri: str | None = None
    nodes: tuple[_Node, ...]


_OF_THE_TREE = ("id", "name", "parent", "description", "keywords", "size", "origin", "creator_share")


def read(content: bytes | str, where: str) -> Document:
    """Raises ConfigurationError, in one line, for what is no JSON or not of this form."""
    text = decoded(content, where)
    _check_keys(text, where)
    try:
        file = _File.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        said = one_line(ValueError(problem["msg"]))
        raise ConfigurationError(f"{where}: {f'{place}: ' if place else ''}{said}; see the form {_FORMAT}") from error
    nodes = [Node(**{name: getattr(one, name) for name in _OF_THE_TREE}) for one in file.nodes]
    beside: dict[str, Any] = {
        many: {node.id: getattr(node, one) for node in file.nodes if getattr(node, one) not in (None, ())}
        for one, many in _BESIDE.items()
    }
    order = tuple(node.id for node in nodes)
    return Document(Tree.of(nodes, where), order=order, title=file.title, uri=file.uri, **beside)


def _check_keys(text: str, where: str) -> None:
    try:
        json.loads(text, object_pairs_hook=different)
    except (json.JSONDecodeError, RecursionError):
        return  # pydantic says where
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def write(document: Document) -> str:
    """The file's text; what a node does not have is left out."""
    top: dict[str, Any] = {"format": _FORMAT, "version": _VERSION, "title": document.title, "uri": document.uri}
    nodes = []
    for node in document.ordered():
        said = {name: getattr(node, name) for name in _OF_THE_TREE}
        said |= {one: getattr(document, many).get(node.id) for one, many in _BESIDE.items()}
        nodes.append({name: value for name, value in said.items() if value not in (None, ())})
    top = {name: value for name, value in top.items() if value is not None} | {"nodes": nodes}
    return json.dumps(top, ensure_ascii=False, indent=2) + "\n"
