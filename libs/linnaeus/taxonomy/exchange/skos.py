"""A taxonomy in SKOS (W3C, 2009, Simple Knowledge Organization System Reference), as Turtle, RDF/XML or JSON-LD.

A node is a skos:Concept: its id skos:notation, its name skos:prefLabel, its parent skos:broader (and skos:narrower from
above, skos:topConceptOf for a root), its description skos:definition, its examples skos:example, IAB's extension
dc:type. Keywords are skos:hiddenLabel: what a search should find, and no other name of the node, as skos:altLabel is;
since RDF has no order they stand in theirs, the weightiest first, in schema:keywords too, joined by commas.

Files of others are read as well: labels in several languages (English, else without a language, else the first by its
tag), broader or narrower alone, no notation (then the last part of the URI is the id), skos:altLabel among keywords. A
notation is read as it is written. A concept that owl:deprecated retires is left out, and what is below it moves up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote

from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import DC, DCTERMS, OWL, RDF, SDO, SKOS
from rdflib.term import Identifier
from rdflib.term import Node as Term

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.exchange.as_written import JSON_LD, RDF_XML, TURTLE, parsed
from linnaeus.taxonomy.exchange.document import Document, checked_id, decoded, one_line
from linnaeus.taxonomy.tree import CURATED, Node, Tree

BASE_URI = "urn:linnaeus:topic:"
_CALLED = {TURTLE: "Turtle", RDF_XML: "RDF/XML", JSON_LD: "JSON-LD"}
_PREFIXES = {"skos": SKOS, "dcterms": DCTERMS, "dc": DC, "schema": SDO}
_BETWEEN = ", "
_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(content: bytes | str, where: str, form: str) -> Document:
    """The tree of a file in `form` (TURTLE, RDF_XML or JSON_LD).

    Raises ConfigurationError for what can't be parsed, no concept, a concept without prefLabel or with two broader
    ones, a circle, and JSON-LD that takes its context from elsewhere.
    """
    graph = _parsed(content, where, form)
    found = _concepts(graph)
    if not found:
        raise ConfigurationError(f"{where}: no skos:Concept in it; is it SKOS in {_CALLED[form]}?")
    retired = {one for one in found if _is_retired(graph, one)}
    concepts = [one for one in found if one not in retired]
    ids = {one: _id(graph, one, where) for one in concepts}
    parents = {one: _parent(graph, one, retired, where) for one in concepts}
    nodes = [_node(graph, one, ids, parents[one], where) for one in concepts]
    schemes = sorted(set(graph.subjects(RDF.type, SKOS.ConceptScheme)), key=str)
    scheme = schemes[0] if len(schemes) == 1 else None
    titles = [_preferred(graph, [scheme], one) for one in (DCTERMS.title, SKOS.prefLabel)] if scheme else []
    examples = {ids[one]: tuple(_preferred(graph, [one], SKOS.example)) for one in concepts}
    extensions = {ids[one]: _preferred(graph, [one], DC.type) for one in concepts}
    return Document(
        Tree.of(nodes, where),
        title=next((one for found in titles for one in found), None),
        uri=str(scheme) if isinstance(scheme, URIRef) else None,
        examples={node_id: given for node_id, given in examples.items() if given},
        extensions={node_id: given[0] for node_id, given in extensions.items() if given},
        uris={ids[one]: str(one) for one in concepts if isinstance(one, URIRef)},
        notes=(
            *(_told_of_retired(graph, one) for one in found if one in retired),
            *(_told_of_moved(graph, one, parents[one]) for one in concepts if _above(graph, one) & retired),
        ),
    )


def write(document: Document, form: str, base_uri: str = BASE_URI) -> str:
    """The file's text; nodes that have no URI get `base_uri` and their id.

    Raises ConfigurationError where two nodes have one URI, or RDF/XML can't hold a character.
    """
    graph = Graph()
    for prefix, namespace in _PREFIXES.items():
        graph.bind(prefix, namespace, replace=True)
    scheme = URIRef(document.uri or base_uri.rstrip(":/#="))
    graph.add((scheme, RDF.type, SKOS.ConceptScheme))
    if document.title is not None:
        graph.add((scheme, DCTERMS.title, Literal(document.title)))
    uris = {one.id: URIRef(document.uris.get(one.id) or base_uri + quote(one.id, safe="")) for one in document.tree}
    if len({scheme, *uris.values()}) <= len(uris):
        raise ConfigurationError(f"two nodes, or a node and the scheme, have one URI; set another base than {base_uri}")
    for node in document.ordered():
        for predicate, value in _statements(document, node, uris, scheme):
            graph.add((uris[node.id], predicate, value))
            if predicate == SKOS.broader:
                graph.add((value, SKOS.narrower, uris[node.id]))
            if predicate == SKOS.topConceptOf:
                graph.add((scheme, SKOS.hasTopConcept, uris[node.id]))
            if form == RDF_XML and _NOT_IN_XML.search(str(value)):
                raise ConfigurationError(
                    f"node {node.id!r} has a character that XML can't hold; take it out, or write .ttl or .jsonld"
                )
    context = {prefix: str(namespace) for prefix, namespace in _PREFIXES.items()}
    text = graph.serialize(format=form, context=context) if form == JSON_LD else graph.serialize(format=form)
    return text if text.endswith("\n") else text + "\n"


def _statements(
    document: Document, node: Node, uris: dict[str, URIRef], scheme: URIRef
) -> Iterator[tuple[URIRef, Identifier]]:
    yield RDF.type, SKOS.Concept
    yield SKOS.inScheme, scheme
    yield SKOS.notation, Literal(node.id)
    yield SKOS.prefLabel, Literal(node.name)
    yield (SKOS.topConceptOf, scheme) if node.parent is None else (SKOS.broader, uris[node.parent])
    if node.description is not None:
        yield SKOS.definition, Literal(node.description)
    for keyword in node.keywords:
        yield SKOS.hiddenLabel, Literal(keyword)
    if node.keywords:
        yield SDO.keywords, Literal(_BETWEEN.join(node.keywords))
    for example in document.examples.get(node.id, ()):
        yield SKOS.example, Literal(example)
    if node.id in document.extensions:
        yield DC.type, Literal(document.extensions[node.id])


def _parsed(content: bytes | str, where: str, form: str) -> Graph:
    # XML says itself how it is encoded.
    text = content if form == RDF_XML else decoded(content, where)
    try:
        if form == JSON_LD:
            _check_contexts(json.loads(text), where)
        return parsed(text, form)
    except ConfigurationError:
        raise
    except Exception as error:  # each of rdflib's parsers has errors of its own
        raise ConfigurationError(f"{where}: not readable as {_CALLED[form]}: {one_line(error)}") from error


def _check_contexts(said: Any, where: str) -> None:
    """rdflib would fetch a context that is named by its address: from anywhere, or off this machine's disk."""
    if isinstance(said, list):
        for one in said:
            _check_contexts(one, where)
    if isinstance(said, dict):
        named = _addresses(said.get("@context"))
        named += [str(said["@import"])] if "@import" in said else []
        if named:
            raise ConfigurationError(
                f"{where}: the context {named[0]!r} would have to be fetched; put what it says into the file"
            )
        for one in said.values():
            _check_contexts(one, where)


def _addresses(context: Any) -> list[str]:
    """Contexts that are named by an address, in lists of lists too."""
    if isinstance(context, list):
        return [found for one in context for found in _addresses(one)]
    return [context] if isinstance(context, str) else []


def _concepts(graph: Graph) -> list[Term]:
    """What is said to be a concept, or is broader or narrower than something or at the top; sorted."""
    found = set(graph.subjects(RDF.type, SKOS.Concept)) | set(graph.subjects(SKOS.topConceptOf))
    found |= set(graph.objects(None, SKOS.hasTopConcept))
    for predicate in (SKOS.broader, SKOS.narrower):
        found |= {one for subject, value in graph.subject_objects(predicate) for one in (subject, value)}
    return sorted(found, key=str)


def _id(graph: Graph, concept: Term, where: str) -> str:
    notations = [str(one) for one in graph.objects(concept, SKOS.notation)]
    if len(notations) == 1:
        return checked_id(notations[0], where)
    if isinstance(concept, BNode):
        raise ConfigurationError(f"{where}: a concept has no URI and no notation of its own; give it either")
    return checked_id(unquote(re.split(r"[/#:]", str(concept).rstrip("/#:"))[-1]), f"{where}: {concept}")


def _parent(graph: Graph, concept: Term, retired: set[Term], where: str) -> Term | None:
    """The concept above, or the next one above it that is not retired."""
    above, seen = _above(graph, concept), {concept}
    while above & retired:
        seen |= above
        above = (above - retired) | {one for gone in above & retired for one in _above(graph, gone)} - seen
    if len(above) > 1:
        first, second, *_ = sorted(str(one) for one in above)
        raise ConfigurationError(
            f"{where}: {concept} is below {first} and {second}; a node has one parent, take out the others"
        )
    return next(iter(above), None)


def _above(graph: Graph, concept: Term) -> set[Term]:
    return set(graph.objects(concept, SKOS.broader)) | set(graph.subjects(SKOS.narrower, concept))


def _is_retired(graph: Graph, concept: Term) -> bool:
    said = {str(one).strip().lower() for one in graph.objects(concept, OWL.deprecated)}
    return bool(said & {"true", "1"})


def _told_of_retired(graph: Graph, concept: Term) -> str:
    others = sorted(str(one) for one in graph.objects(concept, DCTERMS.isReplacedBy))
    instead = f", replaced by {', '.join(others)}" if others else ""
    return f"{concept} is retired (owl:deprecated){instead}: it is left out"


def _told_of_moved(graph: Graph, concept: Term, parent: Term | None) -> str:
    return f"{concept} was below a retired one: it is {f'below {parent}' if parent is not None else 'a root'} now"


def _node(graph: Graph, concept: Term, ids: dict[Term, str], parent: Term | None, where: str) -> Node:
    names = _preferred(graph, [concept], SKOS.prefLabel)
    if not names:
        raise ConfigurationError(f"{where}: {concept} has no skos:prefLabel; add one, or take out what names it")
    definitions = _preferred(graph, [concept], SKOS.definition)
    return Node(
        id=ids[concept],
        name=names[0],
        parent=None if parent is None else ids[parent],
        description=definitions[0] if definitions else None,
        keywords=_keywords(graph, concept),
        origin=CURATED,
    )


def _keywords(graph: Graph, concept: Term) -> tuple[str, ...]:
    """Hidden and alternative labels, in the order of schema:keywords where that has the same ones, else sorted."""
    found = _preferred(graph, [concept], SKOS.hiddenLabel, SKOS.altLabel)
    for said in graph.objects(concept, SDO.keywords):
        in_order = str(said).split(_BETWEEN)
        if sorted(in_order) == found:
            return tuple(in_order)
    return tuple(found)


def _preferred(graph: Graph, subjects: Iterable[Term], *predicates: URIRef) -> list[str]:
    """Texts in the preferred language, sorted, each once."""
    by_rank: dict[tuple[int, str], set[str]] = {}
    for subject in subjects:
        for predicate in predicates:
            for one in graph.objects(subject, predicate):
                if isinstance(one, Literal) and str(one).strip():
                    by_rank.setdefault(_rank(one.language), set()).add(str(one))
    return sorted(by_rank[min(by_rank)]) if by_rank else []


def _rank(language: str | None) -> tuple[int, str]:
    if language is None:
        return 2, ""
    tag = language.lower()
    return (0, tag) if tag == "en" else (1, tag) if tag.startswith("en-") else (3, tag)
