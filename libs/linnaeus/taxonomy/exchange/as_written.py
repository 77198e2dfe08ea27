"""RDF read with its numbers as they are written: an id 007 is not 7, and 1e3 not 1000.0.

rdflib gives a number its shortest form, in Turtle even before a literal is made of it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, MutableSequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import rdflib
from rdflib import Graph, Literal
from rdflib.namespace import XSD
from rdflib.plugins.parsers import notation3

from linnaeus.taxonomy.exchange.document import different

TURTLE, RDF_XML, JSON_LD = "turtle", "xml", "json-ld"
_NOWHERE = "urn:x-file:"  # what relative URIs of a file are relative to, so that none names a folder of this machine
_NUMBERS = (  # a form that another one's beginning looks like comes first
    (notation3.exponent_syntax, XSD.double),
    (notation3.decimal_syntax, XSD.decimal),
    (notation3.integer_syntax, XSD.integer),
)
_SETTING = Lock()


def parsed(content: bytes | str, form: str) -> Graph:
    """The statements of a file: text of Turtle or JSON-LD, bytes of RDF/XML, which says itself how it is encoded.

    Raises what rdflib's parsers raise: each has errors of its own.
    """
    graph = Graph()
    with _literals_as_they_are():
        if form == TURTLE:
            _read_turtle(str(content), graph)
        elif form == JSON_LD:
            graph.parse(data=json.dumps(_with_numbers(content)), format=form, publicID=_NOWHERE)
        else:
            stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
            graph.parse(source=stream, format=form, publicID=_NOWHERE)
    return graph


@contextmanager
def _literals_as_they_are() -> Iterator[None]:
    """rdflib's setting is the whole process's."""
    with _SETTING:
        before, rdflib.NORMALIZE_LITERALS = rdflib.NORMALIZE_LITERALS, False
        try:
            yield
        finally:
            rdflib.NORMALIZE_LITERALS = before


class _Parser(notation3.SinkParser):
    """Turtle's parser, whose numbers keep their zeros."""

    def nodeOrLiteral(self, argstr: str, i: int, res: MutableSequence[Any]) -> int:
        start = self.skipSpace(argstr, i)
        if start >= 0 and argstr[start] in notation3.numberCharsPlus:
            for syntax, datatype in _NUMBERS:
                if found := syntax.match(argstr, start):
                    res.append(Literal(found[0], datatype=datatype))
                    return int(found.end())
        return int(super().nodeOrLiteral(argstr, i, res))


def _read_turtle(text: str, graph: Graph) -> None:
    parser = _Parser(notation3.RDFSink(graph), baseURI=_NOWHERE, turtle=True)
    parser.loadStream(io.StringIO(text))


class _Number(str):
    """A number of a JSON file, as it stands there."""


def _with_numbers(text: bytes | str) -> Any:
    """A JSON-LD document, each number an object that keeps its digits."""
    return _kept(json.loads(text, parse_int=_Number, parse_float=_Number, object_pairs_hook=different))


def _kept(said: Any) -> Any:
    if isinstance(said, list):
        return [_kept(one) for one in said]
    if isinstance(said, dict) and isinstance(number := said.get("@value"), _Number):
        return {**_value(number), **said, "@value": str(number)}
    if isinstance(said, dict):
        return {key: _as_json(value) if key.startswith("@") else _kept(value) for key, value in said.items()}
    return _value(said) if isinstance(said, _Number) else said


def _value(number: _Number) -> dict[str, str]:
    return {"@value": str(number), "@type": str(XSD.integer if number.lstrip("-").isdigit() else XSD.double)}


def _as_json(said: Any) -> Any:
    """What stands below a keyword of JSON-LD (a version's number, a list, a graph, a context)."""
    return json.loads(said) if isinstance(said, _Number) else _kept(said)
