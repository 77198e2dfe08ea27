"""The columns that a table has, beside those that are declared: what lacks, what can't be mended, and both in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from linnaeus.contracts.errors import SchemaError
from linnaeus.contracts.tables import Table

REQUIRED = "required"  # the constraint that columns are not null


def check_schema(rows: DataFrame, table: Table) -> None:
    """Raise SchemaError unless the columns are those of the table, in its order and of its types."""
    expected = [(field.name, field.dataType.simpleString()) for field in table.schema.fields]
    found = [(field.name, field.dataType.simpleString()) for field in rows.schema.fields]
    if expected == found:
        return
    lacking = [f"{name} {kind}" for name, kind in expected if (name, kind) not in found]
    surplus = [f"{name} {kind}" for name, kind in found if (name, kind) not in expected]
    raise SchemaError(
        f"{table.full_name}: the rows lack [{', '.join(lacking)}] and bring [{', '.join(surplus)}]"
        if lacking or surplus
        else f"{table.full_name}: the columns stand in another order: {', '.join(name for name, _ in found)}"
    )


def as_declared(stored: DataFrame, table: Table) -> DataFrame:
    """Stored rows with the table's columns in its order, null for those declared after they were written.

    Raises SchemaError where a column has another type, or a required one is not there.
    """
    if stored.schema.names == table.schema.names and not lacking(stored.schema, table):
        return stored
    unknown = {field.name for field in lacking(stored.schema, table, is_strict=False)}
    return stored.select(
        *[
            F.lit(None).cast(field.dataType).alias(field.name, metadata=field.metadata)
            if field.name in unknown
            else F.col(field.name)
            for field in table.schema.fields
        ]
    )


def lacking(stored: StructType, table: Table, is_strict: bool = True) -> list[StructField]:
    """Declared columns that a stored schema does not have. Raises SchemaError for a difference that can't be mended.

    That is another type, a required column that is not there and, where `is_strict`, one that is not declared.
    """
    found = {field.name: field.dataType.simpleString() for field in stored.fields}
    unknown = [field for field in table.schema.fields if field.name not in found]
    wrong = [
        f"{field.name} is {found[field.name]}, declared as {field.dataType.simpleString()}"
        for field in table.schema.fields
        if found.get(field.name, field.dataType.simpleString()) != field.dataType.simpleString()
    ]
    wrong += [f"{field.name}, which is required, is not there" for field in unknown if field.name in table.required]
    if is_strict:
        wrong += [f"{name} is not declared" for name in found if name not in table.schema.names]
    if wrong:
        raise SchemaError(f"{table.full_name}: the stored table is of another schema: {'; '.join(wrong)}")
    return unknown


def stored_schema(table: Table) -> StructType:
    """The columns as they are stored: any may be null, each has its comment."""
    return StructType([commented(field) for field in table.schema.fields])


def commented(field: StructField) -> StructField:
    """A column as it is stored."""
    return StructField(field.name, field.dataType, True, {"comment": field.metadata["comment"]})


def quoted(text: str) -> str:
    """A text as a literal of Spark SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def listed(fields: Iterable[StructField]) -> str:
    """Columns as Spark SQL declares them, each with its comment."""
    return ", ".join(
        f"`{field.name}` {field.dataType.simpleString()} COMMENT {quoted(field.metadata['comment'])}"
        for field in fields
    )


def pairs(values: Mapping[str, str]) -> str:
    """Names and values as Spark SQL lists them."""
    return ", ".join(f"{quoted(name)} = {quoted(value)}" for name, value in values.items())
