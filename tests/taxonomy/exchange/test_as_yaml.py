"""The form of conf/taxonomy.yml: what is written is a taxonomy that labelling and training take."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings

from linnaeus.contracts.config import load_config, repository
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.exchange.as_yaml import read, write
from linnaeus.taxonomy.exchange.document import Document
from linnaeus.taxonomy.tree import Node, Tree
from tests.taxonomy.exchange.trees import documents


@settings(max_examples=30)
@given(documents())
def test_round_trip_but_for_what_it_does_not_hold(document: Document) -> None:
    nodes = [dataclasses.replace(node, keywords=()) for node in document.tree]
    held = dataclasses.replace(document, tree=Tree.of(nodes), extensions={}, title=None)
    assert read(write(document).encode(), "random.yml") == held


def test_the_sample_s_own() -> None:
    root = repository()
    assert root is not None
    document = read((root / "conf" / "taxonomy.yml").read_bytes(), "conf/taxonomy.yml")
    assert document.order == load_config("local").read_taxonomy().ids
    assert "- {id: tech, name: Technology}\n" in write(document)


def test_what_is_written_is_a_taxonomy_to_label_by(tmp_path: Path) -> None:
    found = Tree.of([Node("012", "Sport", keywords=("ball",), size=9), Node("no", "yes", "012", "What: it is")])
    (tmp_path / "taxonomy.yml").write_text(write(Document(found)), encoding="utf-8")
    taxonomy = load_config("local", [f"taxonomy.path={tmp_path / 'taxonomy.yml'}"]).read_taxonomy()
    assert taxonomy.parents == found.parents
    assert [(node.name, node.description) for node in taxonomy.nodes] == [("Sport", None), ("yes", "What: it is")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nodes: [", "f.yml: not readable as YAML"),
        ("", "f.yml: "),
        ("nodes:\n- {id: 150, name: A}", "f.yml: nodes.0.id: Input should be a valid string (got 150)"),
        ("nodes:\n- {id: a, name: A, parent: a}", "f.yml: nodes: node 'a' is its own ancestor"),
        ("nodes:\n- {id: a, name: A, label: B}", "f.yml: unknown key 'nodes.0.label'"),
        (
            "nodes:\n- {id: a, name: A}\n"
            + "".join(f"- {{id: {one}, name: N, parent: {above}}}\n" for above, one in ("ab", "bc", "cd", "de")),
            "f.yml: node 'e' is at tier 5; 4 tiers are the most",
        ),
    ],
)
def test_what_is_not_of_the_form(content: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(content, "f.yml")
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)
