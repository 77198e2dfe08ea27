"""The data dictionary: every table and column, from contracts/tables.py and contracts/schemas.py."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql.types import ArrayType, DataType, StructField, StructType

from linnaeus.contracts.tables import ALL, Table

_LAYERS = {
    "bronze": "What came, clean and once each.",
    "silver": "Features and labels, made from bronze.",
    "gold": "Answers: profiles, topics, decisions, figures.",
    "ops": "What the suite writes of itself.",
}
_INTRODUCTION = """# Data dictionary

Made from `libs/linnaeus/contracts/tables.py` and `schemas.py` when this site was built. A table lies at
`<lake.root>/<layer>/<name>` in a folder and is `<catalog>.<layer>.<name>` on Unity Catalog, its comments with it.

**Required** columns are never null: a write that would break that is refused. A **key** is unique in its table. *When
it was written* names columns that do not count when a row is compared with the stored one: a row that differs in them
alone is not written again. *Found by* are the columns by which an erasure finds a creator's rows.
"""


def names() -> tuple[str, ...]:
    """Full names of all tables."""
    return tuple(table.full_name for table in ALL)


def page() -> str:
    """The page, as Markdown."""
    parts = [_INTRODUCTION]
    for layer, meaning in _LAYERS.items():
        own = [table for table in ALL if table.layer == layer]
        rows = [f"| [`{table.full_name}`](#{table.full_name}) | {cell(table.description)} |" for table in own]
        parts += [f"## {layer.capitalize()}\n\n{meaning}\n", "| table | what it holds |\n| --- | --- |", *rows, ""]
        parts += [_section(table) for table in own]
    return "\n".join(parts)


def _section(table: Table) -> str:
    rows = [_row(table, name, field) for field in table.schema.fields for name, field in _nested(field)]
    facts = [("Key", _codes(table.key)), ("When it was written", _codes(table.stamps))]
    facts += [("Follows from others", _codes(table.derived)), ("Ordered by (Z-order)", _codes(table.layout.z_order))]
    facts += [("Constraints", "; ".join(f"`{name}`: `{check}`" for name, check in table.checks.items()))]
    facts += [("Found by", _codes(table.traces.columns) if table.traces else "")]
    said = "\n".join(f"- {name}: {value}" for name, value in facts if value)
    head = f"### {table.full_name} {{ #{table.full_name} }}\n\n{table.description}.\n\n{said}\n"
    columns = "| column | type | required | what it is |\n| --- | --- | --- | --- |"
    return "\n".join([head, columns, *rows, ""])


def _row(table: Table, name: str, field: StructField) -> str:
    is_key, required = name in table.key, name in table.required
    mark = "key" if is_key else "yes" if required else ""
    return f"| `{name}` | {kind_of(field.dataType)} | {mark} | {cell(field.metadata['comment'])} |"


def _nested(field: StructField, prefix: str = "") -> Iterator[tuple[str, StructField]]:
    """A column, and the fields inside it by dotted names."""
    name = prefix + field.name
    yield name, field
    inner = field.dataType.elementType if isinstance(field.dataType, ArrayType) else field.dataType
    if isinstance(inner, StructType):
        for one in inner.fields:
            yield from _nested(one, f"{name}.")


def kind_of(kind: DataType) -> str:
    """A type in SQL's words; a struct's fields stand in rows of their own."""
    if isinstance(kind, StructType):
        return "struct"
    if isinstance(kind, ArrayType):
        return f"array&lt;{kind_of(kind.elementType)}&gt;"
    return str(kind.simpleString()).replace("<", "&lt;").replace(">", "&gt;").replace(",", ", ")


def cell(text: str) -> str:
    """A text that can stand in a cell of a table."""
    escaped = text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(escaped.split())


def _codes(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in columns)
