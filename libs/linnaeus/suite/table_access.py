"""Tables by attribute: `suite.tables.gold.content_profiles` is a DataFrame that says what it is.

One class a layer, with a property a table: so completion lists them, and `help` prints what the contracts say.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame

from linnaeus.contracts import tables
from linnaeus.contracts.errors import ConfigurationError, InputError
from linnaeus.contracts.tables import Table
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.report import Grid, Section
from linnaeus.suite.rich_html import Shown

LAYERS = {
    "bronze": "what was supplied, cleaned",
    "silver": "what is made of it: features and labels",
    "gold": "what others read: profiles, topics, figures of models",
    "ops": "what the jobs did",
}
_TAXONOMY = "discover_taxonomy"
# The job that fills each table, or the first of several.
MADE_BY = {
    "bronze.content": "ingest_bronze",
    "bronze.creators": "ingest_bronze",
    "bronze.votes": "ingest_bronze",
    "bronze.gold_labels": "ingest_bronze",
    "bronze.quarantine": "ingest_bronze",
    "bronze.source_files": "ingest_bronze",
    "silver.tokens": "build_tokens",
    "silver.embeddings": "build_embeddings",
    "silver.text_embeddings": "build_embeddings",
    "silver.labels": "aggregate_labels",
    "silver.annotators": "aggregate_labels",
    "silver.label_issues": "find_label_issues",
    "gold.review_queue": "fill_review_queue",
    "gold.content_profiles": "score_content",
    "gold.shadow_profiles": "score_content",
    "gold.creator_profiles": "roll_up_creators",
    "gold.creator_profile_history": "roll_up_creators",
    "gold.taxonomy_nodes": _TAXONOMY,
    "gold.taxonomy_versions": _TAXONOMY,
    "gold.taxonomy_changes": _TAXONOMY,
    "gold.topic_assignments": _TAXONOMY,
    "gold.topic_representatives": _TAXONOMY,
    "gold.topic_shares_by_week": _TAXONOMY,
    "gold.topic_shares_by_creator": _TAXONOMY,
    "gold.model_evaluations": "train_category",
    "gold.promotions": "promote_model",
    "ops.job_runs": "ingest_bronze",
    "ops.ledger": "score_content",
    "ops.erasures": "erase_creator",
    "ops.erased_ids": "erase_creator",
}


@dataclass(frozen=True)
class When:
    """As of when tables are read: a version of each, a time, or now where neither is given."""

    version: int | None = None
    time: datetime | None = None

    def __str__(self) -> str:
        if self.time is not None:
            return f"as of {self.time.isoformat()}"
        return "as they are now" if self.version is None else f"at their version {self.version}"


class NoSuchTableError(ConfigurationError, AttributeError):
    """A name that no table has. An AttributeError, so that completion and `hasattr` work as they always do."""


class NotMadeError(InputError):
    """A table that is declared and was never written."""


def documentation(table: Table) -> str:
    """What the contracts say of a table, as a docstring."""
    lines = [
        f"{table.full_name}: {table.description}.",
        "",
        f"Key: {', '.join(table.key)}. Made by: {_maker(table)}.",
        "",
        "Columns",
        "-------",
    ]
    for field in table.schema.fields:
        lines += [f"{field.name} : {field.dataType.simpleString()}", f"    {field.metadata.get('comment', '')}"]
    return "\n".join(lines)


def _maker(table: Table) -> str:
    return f"python -m jobs.{MADE_BY[table.full_name]}" if table.full_name in MADE_BY else "a job"


def nearest(name: str, known: Sequence[str], most: int = 1) -> list[str]:
    """The known names that are most like one, the best first; at least one where any is known."""
    return difflib.get_close_matches(name, known, n=most, cutoff=0.6) or difflib.get_close_matches(
        name, known, n=1, cutoff=0.0
    )


def no_such(name: str, layer: str | None = None) -> NoSuchTableError:
    """The error for a name that no table (of a layer) has: it names those that are most like it."""
    short = {table.name: table.full_name for table in tables.ALL}
    found = nearest(name, list(short), most=2)
    if layer is not None:
        own = [table.name for table in tables.ALL if table.layer == layer]
        found = list(dict.fromkeys([*nearest(name, own), *found]))
    where = f"{layer} has no table" if layer is not None else "there is no table"
    told = " or ".join(f"suite.tables.{short[one]}" for one in found)
    return NoSuchTableError(f"{where} {name!r}; did you mean {told}?")


class Layer(Shown):
    """The tables of a layer, each an attribute."""

    _name: str
    _tables: tuple[Table, ...]

    def __init__(self, read: Callable[[Table], DataFrame], version: Callable[[Table], int | None]) -> None:
        self._read, self._version = read, version

    def __getattr__(self, name: str) -> Any:
        # Only for names that no property has; a name of Python's own machinery is no table's.
        if name.startswith("_"):
            raise AttributeError(name)
        raise no_such(name, self._name)

    @property
    def title(self) -> str:
        """The layer and what it is for."""
        return f"{self._name}: {LAYERS[self._name]}"

    def sections(self) -> Sequence[Section]:
        """A row a table: its name, its newest version, what it is."""
        return [overview(self._tables, self._version)]


def overview(wanted: Sequence[Table], version: Callable[[Table], int | None], title: str = "Tables") -> Section:
    """A row a table, with its newest version; of one that was not made the job that makes it."""
    rows = []
    for table in wanted:
        newest = version(table)
        made = f"version {newest}" if newest is not None else f"not made yet: run {MADE_BY[table.full_name]}"
        rows.append((table.full_name, made, table.description))
    return Section(title, (), (Grid(("table", "newest", "what it is"), rows),))


def _layer_class(name: str) -> type[Layer]:
    """A class with a property for every table of a layer."""
    own = tuple(table for table in tables.ALL if table.layer == name)

    def reader(table: Table) -> property:
        return property(lambda self: self._read(table), doc=documentation(table))

    members: dict[str, Any] = {table.name: reader(table) for table in own}
    about = f"{name}: {LAYERS[name]}.\n\n" + "\n".join(f"{table.name}: {table.description}" for table in own)
    return type(name.title(), (Layer,), members | {"_name": name, "_tables": own, "__doc__": about})


_CLASSES = {name: _layer_class(name) for name in LAYERS}


class Tables(Shown):
    """All tables by layer and name, as of a time where one is given.

    `suite.tables.gold.content_profiles`, or by name: `suite.tables["gold.content_profiles"]`.
    """

    def __init__(self, lake: Callable[[], Lake], when: When) -> None:
        self._lake, self._when = lake, when
        for name, made in _CLASSES.items():
            setattr(self, name, made(self.read, self._version))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if any(table.name == name for table in tables.ALL):
            full = next(table.full_name for table in tables.ALL if table.name == name)
            raise NoSuchTableError(f"there is no layer {name!r}; did you mean suite.tables.{full}?")
        layers = ", ".join(LAYERS)
        raise NoSuchTableError(f"there is no layer {name!r}; did you mean {nearest(name, list(LAYERS))[0]}? ({layers})")

    def __getitem__(self, name: str) -> DataFrame:
        return self.read(self._named(name))

    def __contains__(self, name: str) -> bool:
        """Whether a table was made: `"gold.content_profiles" in suite.tables`."""
        return self._lake().exists(self._named(name))

    def __iter__(self) -> Iterator[str]:
        return iter(table.full_name for table in tables.ALL)

    def _named(self, name: str) -> Table:
        if name in tables.BY_NAME:
            return tables.BY_NAME[name]
        layer, _, short = name.rpartition(".")
        raise no_such(short, layer if layer in LAYERS else None)

    def _version(self, table: Table) -> int | None:
        return self._lake().version(table)

    def read(self, table: Table) -> DataFrame:
        """A table's rows, with a docstring. Raises NotMadeError for one that no job has written yet."""
        lake = self._lake()
        if not lake.exists(table):
            job = MADE_BY[table.full_name]
            raise NotMadeError(f"{table.full_name} was not made yet; suite.run({job!r}) makes it")
        rows = lake.read(table, self._when.version, self._when.time)
        rows.__doc__ = documentation(table)
        return rows

    @property
    def title(self) -> str:
        """As of when they are read."""
        return f"Tables, {self._when}"

    def sections(self) -> Sequence[Section]:
        """A section a layer."""
        return [
            overview([table for table in tables.ALL if table.layer == name], self._version, f"{name}: {about}")
            for name, about in LAYERS.items()
        ]
