"""Paths of the files of rows, and columns that their folders tell (`kind=video/`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.runtime.column_names import path_columns
from linnaeus.runtime.text_files import as_fields

_FILE, _TOLD, _METADATA = "__file", "__told", "_metadata"
_LOCAL = "^file:/+"  # Spark writes a local URL with one slash here and with three there


def with_path(rows: DataFrame) -> DataFrame:
    """Rows that Spark reads from files with PATH, that of each row's file as in a URL.

    A column of the rows themselves may hide what Spark knows of files; then there is none.
    """
    return rows if _METADATA in rows.columns else rows.select("*", F.col(f"{_METADATA}.file_path").alias(c.PATH))


def with_columns_of_path(rows: DataFrame, files: Sequence[str], names: Sequence[str]) -> DataFrame:
    """Rows with the columns of `names` that their paths tell, as text; a row's own value counts where it has one."""
    told = _told(rows, files, names)
    if not told:
        return rows
    found = sorted({name for columns in told.values() for name in columns})
    beside = [(file, *[columns.get(name) for name in found]) for file, columns in told.items()]
    joined = _beside(rows, beside, [f"{_TOLD}{name}" for name in found])
    own = [F.col(f"`{name}`") for name in rows.columns if name not in found]
    return joined.select(*own, *[_first_of(name, name in rows.columns).alias(name) for name in found])


def with_fields_of_path(lines: DataFrame, files: Sequence[str], names: Sequence[str]) -> DataFrame:
    """Lines of JSON objects (`value`) with the same as their first fields: of one that stands twice the last counts."""
    told = _told(lines, files, names)
    if not told:
        return lines
    joined = _beside(lines, [(file, as_fields(columns)) for file, columns in told.items()], [_TOLD])
    text = F.ltrim(F.col("value"))
    rest = F.ltrim(F.expr("substring(ltrim(value), 2)"))
    comma = F.when(rest.startswith("}"), "").otherwise(",")
    is_object = F.col(_TOLD).isNotNull() & text.startswith("{")
    value = F.when(is_object, F.concat(F.lit("{"), _TOLD, comma, rest)).otherwise(F.col("value"))
    return joined.withColumn("value", value).select(*lines.columns)


def _told(rows: DataFrame, files: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """Columns by file, as Spark names it, of those files whose folders tell some."""
    if not any("=" in one for one in files):
        return {}
    told = {re.sub(_LOCAL, "file:/", one): path_columns(unquote(one), names) for one in rows.inputFiles()}
    return {file: columns for file, columns in told.items() if columns}


def _beside(rows: DataFrame, told: Sequence[tuple[str | None, ...]], names: Sequence[str]) -> DataFrame:
    schema = ", ".join(f"`{name}` string" for name in (_FILE, *names))
    known = F.broadcast(rows.sparkSession.createDataFrame(told, schema))
    path = F.col(c.PATH if c.PATH in rows.columns else f"{_METADATA}.file_path")
    file = F.regexp_replace(path, _LOCAL, "file:/")
    return rows.withColumn(_FILE, file).join(known, _FILE, "left")


def _first_of(name: str, is_own: bool) -> Column:
    told = F.col(f"{_TOLD}{name}")
    return F.coalesce(F.col(f"`{name}`").cast("string"), told) if is_own else told
