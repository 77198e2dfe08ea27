"""Takes a taxonomy from one form to another: IAB's, SKOS, JSON, taxonomy.yml, or the tree of topics in force.

From a file to a file neither Spark nor a lake is needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from jobs._taxonomy import IMPORT, WRITTEN, assignments_in_force, in_force, put_in_force, with_sizes
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, Exchange, fingerprint, resolve
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.command import JobResult, Main, execute, execute_without_tables, run_command
from linnaeus.runtime.files import write_whole
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.taxonomy.changes import KINDS, Change
from linnaeus.taxonomy.exchange import FORMS, form_of
from linnaeus.taxonomy.exchange.document import Document
from linnaeus.taxonomy.placements import moved_assignments
from linnaeus.taxonomy.tree import Tree
from linnaeus.taxonomy.versions import difference

_NOTES_TOLD = 5
_NOT_IN_FORCE = ("examples", "thresholds", "extensions")  # what files hold and gold.taxonomy_nodes does not


def main(config: Config) -> JobResult:
    """Convert. Raises ConfigurationError, with nothing written, where source or target can't be used."""
    exchange = config.exchange
    for path in (exchange.source, exchange.target):
        if path is not None:
            form_of(path)
    if exchange.source is not None:
        document = _read(exchange.source)
        return _import(config, document) if exchange.target is None else _to_file(exchange, document)
    if exchange.target is None:
        raise ConfigurationError(
            "neither exchange.source nor exchange.target is set; name a file, --set exchange.source=FILE to take it"
            f" in, --set exchange.target=FILE to write the tree in force, or both ({', '.join(FORMS)})"
        )
    newest = in_force(Lake(build_session(config), config))
    if newest is None:
        raise ConfigurationError("no tree of topics is in force; run discover_taxonomy, or name an exchange.source")
    return _to_file(exchange, Document(newest.tree, title=f"Topics, version {newest.version}"))


def _read(source: str) -> Document:
    try:
        content = resolve(source).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"exchange.source: {source} can't be read: {error.strerror}") from error
    return form_of(source).read(content, source)


def _to_file(exchange: Exchange, document: Document) -> JobResult:
    assert exchange.target is not None
    form = form_of(exchange.target)
    text = form.write(document, exchange.base_uri)
    path = resolve(exchange.target)
    _write(path, text)
    details = {"file": f"{path}: {len(document.tree)} nodes"} | _told(document)
    if left_out := form.left_out(document):
        details["left out"] = f"{left_out}, which {path.suffix} does not hold"
    return JobResult(rows_read=len(document.tree), details=details)


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise ConfigurationError(f"exchange.target: {path} can't be written: {error.strerror}") from error


def _import(config: Config, document: Document) -> JobResult:
    """Put the file's nodes in force, beside those that are or in their place."""
    exchange = config.exchange
    if len(document.tree) == 0:
        raise ConfigurationError(f"exchange.source: {exchange.source} has no node; nothing is taken in")
    lake = Lake(build_session(config), config)
    newest = in_force(lake)
    number, before = (newest.version, newest.tree) if newest is not None else (0, Tree.of(()))
    tree = imported(document, before, exchange)
    details = _told(document)
    if unheld := [what for what in _NOT_IN_FORCE if document.count(what)]:
        details["left out"] = f"{', '.join(unheld)}, which the tree in force does not hold"
    if newest is not None and tree.nodes == before.nodes:
        details = {"taxonomy": f"version {number}, in force, has it all"} | details
        return JobResult(rows_read=len(document.tree), details=details)
    tree = _sized(lake, tree)
    changes = difference(before, tree)
    version = put_in_force(
        lake,
        tree,
        changes,
        assignments=None,
        representatives=None,
        made_by=IMPORT,
        inputs=fingerprint([_fields(document.tree), exchange.replace, number]),
        settings=exchange.model_dump(mode="json", include={"source", "replace"}),
        note=None,
        embedder=newest.row[c.EMBEDDER] if newest is not None else None,
        after=number,
    )
    said = f"version {version} in force: {len(tree)} nodes, {len(document.tree)} of them from the file"
    details = {"taxonomy": said, "changes": _counted(changes)} | details
    return JobResult(rows_read=len(document.tree), rows_written=len(tree), tables=WRITTEN, details=details)


def imported(document: Document, before: Tree, exchange: Exchange) -> Tree:
    """The file's nodes and, where they do not replace them, those that are in force beside them.

    A node that is in force keeps its centroid, and its keywords where the file says none.
    """
    taken = []
    for node in document.tree:
        old = before.nodes.get(node.id)
        if old is None:
            taken.append(dataclasses.replace(node, size=0, creator_share=None))
        else:
            one = dataclasses.replace(node, size=old.size, creator_share=old.creator_share, centroid=old.centroid)
            taken.append(dataclasses.replace(one, keywords=node.keywords or old.keywords))
    kept = [] if exchange.replace else [node for node in before if node.id not in document.tree.nodes]
    return Tree.of([*taken, *kept], f"{exchange.source} beside the tree in force" if kept else str(exchange.source))


def _sized(lake: Lake, tree: Tree) -> Tree:
    """The tree with sizes and shares of creators, from where contents will be placed in it."""
    placed = moved_assignments(assignments_in_force(lake), {}, list(tree.nodes), 0)
    return with_sizes(tree, placed, lake.read(tables.CONTENT))


def _counted(changes: Sequence[Change]) -> str:
    """How many changes there are of each kind, in words."""
    counts = {kind: sum(one.kind == kind for one in changes) for kind in KINDS}
    told = [f"{n} {kind}{'s' * (n > 1)}" for kind, n in counts.items() if n]
    return ", ".join(told) or "none of ids, names and places"


def _fields(tree: Tree) -> list[list[object]]:
    return [[one.id, one.name, one.parent, one.description, one.keywords, one.origin] for one in tree]


def _told(document: Document) -> dict[str, str]:
    """What the reader let pass, shortened."""
    notes = document.notes[:_NOTES_TOLD]
    more = [f"and {len(document.notes) - len(notes)} more"] if len(document.notes) > len(notes) else []
    return {"let pass": "; ".join([*notes, *more])} if notes else {}


def execute_where_needed(job: str, run: Main, config: Config) -> dict[str, object]:
    """Without tables where both ends are files, and where there is neither."""
    needs_lake = (config.exchange.source is None) != (config.exchange.target is None)
    return (execute if needs_lake else execute_without_tables)(job, run, config)


def command() -> None:
    """Entry point of the wheel."""
    status = run_command("convert_taxonomy", main, how=execute_where_needed)
    if status != 0:
        raise SystemExit(status)


if __name__ == "__main__":
    command()
