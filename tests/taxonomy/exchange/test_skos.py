"""SKOS: trees go there and back, and files of others are read or refused in a line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.exchange import iab
from linnaeus.taxonomy.exchange.document import Document
from linnaeus.taxonomy.exchange.skos import JSON_LD, RDF_XML, TURTLE, read, write
from linnaeus.taxonomy.tree import CURATED, Node, Tree
from tests.taxonomy.exchange.trees import documents

FORMS = (TURTLE, RDF_XML, JSON_LD)
PREFIXES = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix x: <http://x.org/t#> .\n"


@settings(max_examples=40)
@given(documents(), st.sampled_from(FORMS))
def test_round_trip(document: Document, form: str) -> None:
    again = read(write(document, form).encode(), "random", form)
    assert again.tree == document.tree  # the order of keywords, too
    assert (again.title, again.examples, again.extensions) == (document.title, document.examples, document.extensions)
    assert write(again, TURTLE) == write(document, TURTLE)


def test_iab_s_own_file_there_and_back(shared_data: Path) -> None:
    document = iab.read((shared_data / "taxonomy" / "iab-content-3.1.tsv").read_bytes(), "iab.tsv")
    again = read(write(document, TURTLE, "https://x.org/iab/"), "iab.ttl", TURTLE)
    assert again.tree == document.tree and again.extensions == document.extensions
    assert (again.uri, again.uris["JLBCU7"]) == ("https://x.org/iab", "https://x.org/iab/JLBCU7")


@pytest.mark.parametrize("form", FORMS)
def test_what_stands_in_a_file(form: str) -> None:
    from rdflib import Graph, Literal, URIRef
    from rdflib.namespace import SKOS

    tree = Tree.of([Node("a", "Arts"), Node("b c", "Music", "a", "Of sounds", ("tune", "air"))])
    text = write(Document(tree, uris={"a": "http://x.org/arts"}), form, "http://y.org/t/")
    graph, music = Graph().parse(data=text, format=form), URIRef("http://y.org/t/b%20c")
    said = {(predicate, value) for predicate, value in graph.predicate_objects(music)}
    assert said >= {
        (SKOS.notation, Literal("b c")),
        (SKOS.prefLabel, Literal("Music")),
        (SKOS.definition, Literal("Of sounds")),
        (SKOS.hiddenLabel, Literal("air")),
        (SKOS.broader, URIRef("http://x.org/arts")),
        (SKOS.inScheme, URIRef("http://y.org/t")),
    }
    assert (URIRef("http://x.org/arts"), SKOS.narrower, music) in graph
    assert (URIRef("http://x.org/arts"), SKOS.topConceptOf, URIRef("http://y.org/t")) in graph
    assert (URIRef("http://y.org/t"), SKOS.hasTopConcept, URIRef("http://x.org/arts")) in graph


OF_OTHERS = (
    PREFIXES
    + """
x:scheme a skos:ConceptScheme ; skos:prefLabel "Kunst"@de, "Arts of all kinds"@en .
x:arts a skos:Concept ; skos:prefLabel "Künste"@de, "Arts"@en-GB, "arts" ; skos:narrower x:music, x:dance ;
    skos:altLabel "Fine arts"@en, "the muses"@en, "Musen"@de .
x:music a skos:Concept ; skos:prefLabel "musique"@fr, "music" ; skos:definition "Töne"@de, "Sounds"@en .
x:dance skos:prefLabel "Tanz"@de, "danse"@fr .
<http://x.org/waltz%20s/> skos:broader x:dance ; skos:notation "w:1" ; skos:prefLabel "Waltz"@EN .
<http://x.org/t/polka%20s/> skos:broader x:dance ; skos:prefLabel "Polka"@en ; skos:notation "1", "2" .
"""
)


def test_files_of_others() -> None:
    document = read(OF_OTHERS.encode(), "others.ttl", TURTLE)
    assert list(document.tree) == [
        Node("arts", "Arts", None, None, ("Fine arts", "the muses"), origin=CURATED),
        Node("dance", "Tanz", "arts", origin=CURATED),
        Node("music", "music", "arts", "Sounds", origin=CURATED),
        Node("polka s", "Polka", "dance", origin=CURATED),
        Node("w:1", "Waltz", "dance", origin=CURATED),
    ]
    assert (document.title, document.uri) == ("Arts of all kinds", "http://x.org/t#scheme")
    assert document.uris["w:1"] == "http://x.org/waltz%20s/"
    again = read(write(document, RDF_XML), "again.rdf", RDF_XML)
    assert (again.tree, again.uris) == (document.tree, document.uris)


@pytest.mark.parametrize(
    ("turtle", "message"),
    [
        ("x:a skos:prefLabel", "f: not readable as Turtle: "),
        ("x:a x:b x:c .", "f: no skos:Concept in it; is it SKOS in Turtle?"),
        ("x:a a skos:Concept .", "f: http://x.org/t#a has no skos:prefLabel; add one"),
        ('x:a a skos:Concept ; skos:prefLabel " " .', "f: http://x.org/t#a has no skos:prefLabel"),
        ('x:a skos:prefLabel "A" ; skos:broader x:gone .', "f: http://x.org/t#gone has no skos:prefLabel"),
        (
            'x:a skos:prefLabel "A" ; skos:broader x:b . x:b skos:prefLabel "B" . '
            'x:c skos:prefLabel "C" ; skos:narrower x:a .',
            "f: http://x.org/t#a is below http://x.org/t#b and http://x.org/t#c; a node has one parent",
        ),
        (
            'x:a skos:prefLabel "A" ; skos:broader x:b . x:b skos:prefLabel "B" ; skos:broader x:a .',
            "f: node 'a' is its own ancestor",
        ),
        ('x:a a skos:Concept ; skos:prefLabel "A" ; skos:notation "1" . x:b a skos:Concept ; skos:prefLabel "B" ; '
         'skos:notation "1" .', "f: node id '1' stands twice"),
        ('[] a skos:Concept ; skos:prefLabel "A" .', "f: a concept has no URI and no notation"),
        ('x:a a skos:Concept ; skos:prefLabel "A" ; skos:notation " 1" .', "f: ' 1' can't be a node's id"),
    ],
)  # fmt: skip
def test_what_can_t_be_a_tree(turtle: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(PREFIXES + turtle, "f", TURTLE)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


NOTATIONS = [  # in Turtle; as it is written; where JSON has such a value, in JSON
    ("007", "007", None),
    ('"0071"^^xsd:integer', "0071", '{"@value": "0071", "@type": "xsd:integer"}'),
    ("1e3", "1e3", "1e3"),
    ("-0", "-0", "-0"),
    ("+5", "+5", None),
    ("2.50", "2.50", "2.50"),
    ("1.0E-2", "1.0E-2", "1.0E-2"),
    ("7", "7", '{"@value": 7}'),
    ('"01"^^xsd:decimal', "01", None),
    ('"1"^^xsd:boolean', "1", None),
    ('"2020-1"^^xsd:gYear', "2020-1", None),
    ("true", "true", "true"),
    ('"007"', "007", '"007"'),
]


@pytest.mark.parametrize(("notation", "node_id", "json_value"), NOTATIONS)
def test_a_notation_is_read_as_it_is_written(notation: str, node_id: str, json_value: str | None) -> None:
    turtle = f'x:a a skos:Concept ; skos:prefLabel "A" ; skos:notation {notation}.'
    xsd = "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"
    assert list(read(xsd + PREFIXES + turtle, "f", TURTLE).tree.nodes) == [node_id]
    if json_value is not None:
        core, xsd = "http://www.w3.org/2004/02/skos/core#", "http://www.w3.org/2001/XMLSchema#"
        context = f'{{"@version": 1.1, "skos": "{core}", "xsd": "{xsd}"}}'
        said = f'"skos:notation": {json_value}, "skos:prefLabel": "A", "@id": "http://x.org/a"'
        document = f'{{"@context": {context}, "@graph": [{{"@type": "skos:Concept", {said}}}]}}'
        assert list(read(document, "f", JSON_LD).tree.nodes) == [node_id]


def test_what_rdflib_does_elsewhere_stays_as_it_was() -> None:
    from rdflib import XSD, Literal

    read(write(Document(Tree.of([Node("a", "A")])), TURTLE), "f", TURTLE)
    assert str(Literal("007", datatype=XSD.integer)) == "7"


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-16", "UTF-16LE", "windows-1252", "UTF-8", "utf-8-sig"])
def test_xml_says_how_it_is_encoded(encoding: str) -> None:
    tree = Tree.of([Node("a", "Künste")])
    body = write(Document(tree), RDF_XML).split("\n", 1)[1]
    said = encoding.removesuffix("LE").removesuffix("-sig")
    content = f'<?xml version="1.0" encoding="{said}"?>\n{body}'.encode(encoding)
    content = b"\xff\xfe" + content if encoding == "UTF-16LE" else content
    assert read(content, "f.rdf", RDF_XML).tree.nodes["a"].name == "Künste"


def test_turtle_in_utf_16() -> None:
    text = write(Document(Tree.of([Node("a", "Künste")])), TURTLE)
    assert read(text.encode("utf-16"), "f.ttl", TURTLE).tree.nodes["a"].name == "Künste"


def test_a_retired_concept_is_left_out_and_told() -> None:
    turtle = """
    x:a a skos:Concept ; skos:prefLabel "A" .
    x:b a skos:Concept ; skos:prefLabel "B" ; skos:broader x:a ; owl:deprecated true .
    x:c a skos:Concept ; skos:prefLabel "C" ; skos:broader x:b ; owl:deprecated "1"^^xsd:boolean .
    x:d a skos:Concept ; skos:prefLabel "D" ; skos:broader x:c .
    x:e a skos:Concept ; skos:prefLabel "E" ; owl:deprecated "true" ; dcterms:isReplacedBy x:a ; skos:narrower x:f .
    x:f a skos:Concept ; skos:prefLabel "F" .
    x:g a skos:Concept ; skos:prefLabel "G" ; owl:deprecated false .
    x:h a skos:Concept ; owl:deprecated true .
    """
    prefixes = (
        "@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> . "
        "@prefix dcterms: <http://purl.org/dc/terms/> . "
    )
    document = read(prefixes + PREFIXES + turtle, "f", TURTLE)
    assert document.tree.parents == {"a": None, "d": "a", "f": None, "g": None}
    x = "http://x.org/t#"
    assert document.notes == (
        f"{x}b is retired (owl:deprecated): it is left out",
        f"{x}c is retired (owl:deprecated): it is left out",
        f"{x}e is retired (owl:deprecated), replaced by {x}a: it is left out",
        f"{x}h is retired (owl:deprecated): it is left out",
        f"{x}d was below a retired one: it is below {x}a now",
        f"{x}f was below a retired one: it is a root now",
    )


@pytest.mark.parametrize("form", [RDF_XML, JSON_LD])
def test_what_can_t_be_parsed(form: str) -> None:
    with pytest.raises(ConfigurationError, match="not readable as "):
        read("<rdf:RDF", "f", form)


@pytest.mark.parametrize("place", ["top", "list", "lists", "node", "term", "import"])
def test_no_context_is_fetched(place: str, tmp_path: Path) -> None:
    address = (tmp_path / "context.jsonld").as_uri()
    (tmp_path / "context.jsonld").write_text('{"@context": {"name": "http://www.w3.org/2004/02/skos/core#prefLabel"}}')
    node: dict[str, object] = {"@id": "http://x.org/a", "@type": "http://www.w3.org/2004/02/skos/core#Concept"}
    said: dict[str, object] = {
        "top": node | {"@context": address, "name": "A"},
        "list": node | {"@context": [{}, address]},
        "lists": node | {"@context": [[{}, [address]]], "name": "A"},
        "node": {"@graph": [node | {"@context": address}]},
        "term": node | {"@context": {"x": {"@id": "http://x.org/x", "@context": address}}},
        "import": node | {"@context": {"@import": address}},
    }
    with pytest.raises(ConfigurationError, match=r"f: the context 'file:.*' would have to be fetched"):
        read(json.dumps(said[place]), "f", JSON_LD)


def test_xml_does_not_reach_for_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    document = write(Document(Tree.of([Node("a", "NAME")])), RDF_XML).split("\n", 1)[1].replace("NAME", "N&e;")
    entity = f'<!DOCTYPE rdf:RDF [<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">]>\n'
    try:
        found = read(entity + document, "f", RDF_XML).tree.nodes["a"].name
    except ConfigurationError:
        found = ""
    assert "secret" not in found


def test_what_can_t_be_written() -> None:
    with pytest.raises(ConfigurationError, match="node 'a' has a character that XML can't hold"):
        write(Document(Tree.of([Node("a", "A\x07")])), RDF_XML)
    both = Document(Tree.of([Node("a", "A"), Node("b", "B")]), uris={"a": "urn:x", "b": "urn:x"})
    with pytest.raises(ConfigurationError, match="have one URI"):
        write(both, TURTLE)
    only = dataclasses.replace(both, uris={"a": "urn:linnaeus:topic"})
    with pytest.raises(ConfigurationError, match="or a node and the scheme, have one URI"):
        write(only, TURTLE)
