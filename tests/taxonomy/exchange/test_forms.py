"""Forms by extension, and what each does not hold."""

from __future__ import annotations

import pytest

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.exchange import FORMS, form_of
from linnaeus.taxonomy.exchange.document import Document
from linnaeus.taxonomy.tree import Node, Tree

TREE = Tree.of([Node("a", "Beta", None, "what", ("k",)), Node("b", "alpha"), Node("c", "Of a", "a", keywords=("l",))])
WHOLE = Document(TREE, examples={"a": ("e",)}, thresholds={"a": 0.5}, extensions={"b": "SCD"})


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("x.json", ""),
        ("x.TTL", "thresholds of 1 node"),
        ("x.yml", "keywords of 2 nodes, extensions of 1 node"),
        ("a.b/x.tsv", "descriptions of 1 node, keywords of 2 nodes, examples of 1 node, thresholds of 1 node"),
    ],
)
def test_what_a_form_leaves_out_is_said(name: str, left_out: str) -> None:
    assert form_of(name).left_out(WHOLE) == left_out


@pytest.mark.parametrize("extension", FORMS)
def test_each_form_reads_what_it_writes(extension: str) -> None:
    form = form_of(f"x{extension}")
    found = form.read(form.write(WHOLE, "urn:x:").encode(), f"x{extension}")
    assert found.tree.parents == TREE.parents
    assert not form.left_out(found)


@pytest.mark.parametrize("name", ["x.csv", "x", ".tsv"])
def test_another_extension_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no form has the extension .*; known: \.tsv, \.ttl, \.rdf, \.jsonld"):
        form_of(name)


def test_without_an_order_nodes_stand_below_their_parents_siblings_by_name() -> None:
    assert [node.id for node in Document(TREE).ordered()] == ["b", "a", "c"]
    assert [node.id for node in Document(TREE, order=("c", "gone")).ordered()] == ["c", "b", "a"]
