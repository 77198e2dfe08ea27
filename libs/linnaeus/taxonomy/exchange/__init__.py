"""Taxonomies in the forms of others: read from and written to a file's content, by its extension."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.exchange import as_json, as_yaml, iab
from linnaeus.taxonomy.exchange.document import Document

_WHAT = ("descriptions", "keywords", "examples", "thresholds", "extensions")


@dataclass(frozen=True)
class Form:
    """How a file is read (content and name in) and written (base URI in); what it holds beside ids, names, parents."""

    read: Callable[[bytes, str], Document]
    write: Callable[[Document, str], str]
    holds: frozenset[str]

    def left_out(self, document: Document) -> str:
        """What the document has and this form does not hold, in words; "" for nothing."""
        counts = {what: document.count(what) for what in _WHAT if what not in self.holds}
        return ", ".join(f"{what} of {n} node{'s' * (n > 1)}" for what, n in counts.items() if n)


def _skos(form: str) -> Form:
    # rdflib is installed where files are exchanged, not on every cluster: it is imported when it is needed.
    def read(content: bytes, where: str) -> Document:
        _check_rdflib()
        from linnaeus.taxonomy.exchange import skos

        return skos.read(content, where, form)

    def write(document: Document, base_uri: str) -> str:
        _check_rdflib()
        from linnaeus.taxonomy.exchange import skos

        return skos.write(document, form, base_uri)

    return Form(read, write, frozenset(_WHAT) - {"thresholds"})


def _check_rdflib() -> None:
    if importlib.util.find_spec("rdflib") is None:
        raise ConfigurationError("SKOS needs rdflib, which is not installed; pip install rdflib, or use .json or .tsv")


_YAML = Form(as_yaml.read, lambda document, _: as_yaml.write(document), frozenset(_WHAT) - {"keywords", "extensions"})
FORMS: Mapping[str, Form] = MappingProxyType(
    {
        ".tsv": Form(iab.read, lambda document, _: iab.write(document), frozenset({"extensions"})),
        ".ttl": _skos("turtle"),
        ".rdf": _skos("xml"),
        ".jsonld": _skos("json-ld"),
        ".json": Form(as_json.read, lambda document, _: as_json.write(document), frozenset(_WHAT)),
        ".yml": _YAML,
        ".yaml": _YAML,
    }
)


def form_of(path: str) -> Form:
    """The form of a file by its extension. Raises ConfigurationError, with the known ones, for another."""
    extension = PurePath(path).suffix.lower()
    if extension not in FORMS:
        raise ConfigurationError(f"{path}: no form has the extension {extension!r}; known: {', '.join(FORMS)}")
    return FORMS[extension]
