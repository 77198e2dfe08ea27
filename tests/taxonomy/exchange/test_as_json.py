"""Our own JSON holds all that a document has."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.exchange.as_json import read, write
from linnaeus.taxonomy.exchange.document import Document
from linnaeus.taxonomy.tree import DISCOVERED, Node, Tree
from tests.taxonomy.exchange.trees import documents


@settings(max_examples=30)
@given(documents())
def test_round_trip(document: Document) -> None:
    assert read(write(document).encode(), "random.json") == document


def test_what_discovery_found_of_a_node_is_in_it_and_its_centroid_is_not() -> None:
    node = Node("a", "A", None, "what", ("x",), 12, DISCOVERED, 0.1 + 0.2, centroid=(0.6, 0.8))
    document = Document(Tree.of([node]), uri="urn:x", uris={"a": "urn:x:a"}, tiers={"a": ("A",)})
    found = read(write(document), "a.json")
    assert found == dataclasses.replace(document, order=("a",))
    assert found.tree.nodes["a"].centroid is None
    assert write(found) == write(document)


def file(*nodes: dict[str, object], **top: object) -> str:
    return json.dumps({"format": "linnaeus-taxonomy", "version": 1, "nodes": list(nodes)} | top)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format": ', "f.json: Invalid JSON"),
        ("[]", "f.json: Input should be an object"),
        (file(format="skos"), "f.json: format: Input should be 'linnaeus-taxonomy'"),
        (file(version=2), "f.json: version: Input should be 1"),
        (file({"id": "a"}), "f.json: nodes.0.name: Field required"),
        (file({"id": 12, "name": "A"}), "f.json: nodes.0.id: Input should be a valid string"),
        (file({"id": "a", "name": "A", "colour": "red"}), "f.json: nodes.0.colour: Extra inputs"),
        (file({"id": "a", "name": "A"}, {"id": "a", "name": "B"}), "f.json: node id 'a' stands twice"),
        (file({"id": "a", "name": "A", "parent": "b"}), "f.json: node 'a' names the parent 'b', which is no node"),
        (file({"id": "a", "name": "A", "parent": "a"}), "f.json: node 'a' is its own ancestor"),
        (b"\xff", "f.json: not UTF-8"),
    ],
)
def test_what_is_not_of_the_form(content: str | bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(content, "f.json")
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)
