"""Files that the jobs ingest: found by path, folder or glob, read by extension, every value as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from linnaeus.contracts.config import resolve
from linnaeus.contracts.errors import InputError

BROKEN = "__broken"
Form = Literal["lines", "csv", "rows"]
_FORMS = {"jsonl": "json", "ndjson": "json", "json": "json", "csv": "csv", "parquet": "parquet"}
_COMPRESSIONS = ("gz", "bz2", "zst")


@dataclass(frozen=True)
class Part:
    """Files of one form: `lines` (a string column `value`), `csv` (with the column BROKEN) or `rows`."""

    form: Form
    rows: DataFrame


def open_source(session: SparkSession, setting: str, path: str) -> list[Part]:
    """The parts of a source. Raises InputError, naming the setting, for a path without readable files."""
    location = path if "://" in path else str(resolve(path))
    root = _hadoop_path(session, location)
    file_system = root.getFileSystem(session.sparkContext._jsc.hadoopConfiguration())
    found = file_system.globStatus(root)
    if found is None or len(found) == 0:
        raise InputError(f"{setting}: {path} does not exist; give a file, a folder or a glob that does")
    parts: list[Part] = []
    files: dict[str, list[str]] = {}
    for status in found:
        if _is_delta(session, file_system, status):
            parts.append(Part("rows", session.read.format("delta").load(status.getPath().toString())))
            continue
        for name in _files(file_system, status):
            files.setdefault(_form(name, setting), []).append(name)
    parts.extend(_read(session, file_system, files))
    if not parts:
        raise InputError(f"{setting}: {path} holds no files; give JSON Lines, CSV, Parquet or Delta")
    return parts


def _read(session: SparkSession, file_system: Any, files: dict[str, list[str]]) -> Iterable[Part]:
    if "json" in files:
        yield Part("lines", session.read.option("lineSep", "\n").text(files["json"]))
    if "parquet" in files:
        yield Part("rows", session.read.option("mergeSchema", "true").parquet(*files["parquet"]))
    for names in _by_header(session, file_system, files.get("csv", [])):
        yield Part("csv", _read_csv(session, names))


def _read_csv(session: SparkSession, names: list[str]) -> DataFrame:
    reader = session.read.options(header=True, multiLine=True, escape='"', mode="PERMISSIVE")
    header = [name for name in reader.csv(names[0]).columns if name != BROKEN]
    schema = StructType([StructField(name, StringType()) for name in (*header, BROKEN)])
    return reader.option("columnNameOfCorruptRecord", BROKEN).schema(schema).csv(names)


def _by_header(session: SparkSession, file_system: Any, names: list[str]) -> list[list[str]]:
    """CSV files grouped by their first line: columns are read by position, and files may differ in them."""
    groups: dict[str, list[str]] = {}
    jvm: Any = session._jvm
    for name in names:
        stream = file_system.open(_hadoop_path(session, name))
        reader = jvm.java.io.BufferedReader(jvm.java.io.InputStreamReader(stream, "UTF-8"))
        try:
            groups.setdefault(reader.readLine() or "", []).append(name)
        finally:
            reader.close()
    return [group for header, group in groups.items() if header]


def _form(name: str, setting: str) -> str:
    extensions = name.rsplit("/", 1)[-1].lower().split(".")[1:]
    if extensions and extensions[-1] in _COMPRESSIONS:
        extensions.pop()
    if not extensions or extensions[-1] not in _FORMS:
        raise InputError(f"{setting}: {name} is of no known kind; use .jsonl, .json, .csv or .parquet, or a Delta folder")
    return _FORMS[extensions[-1]]


def _files(file_system: Any, status: Any) -> Iterable[str]:
    """Files below a path, hidden and marker files (as Spark writes them) left out."""
    if status.isFile():
        yield status.getPath().toString()
        return
    inner = file_system.listFiles(status.getPath(), True)
    depth = len(status.getPath().toString().rstrip("/")) + 1
    names = []
    while inner.hasNext():
        name = inner.next().getPath().toString()
        if not any(part.startswith(("_", ".")) for part in name[depth:].split("/")):
            names.append(name)
    yield from sorted(names)


def _is_delta(session: SparkSession, file_system: Any, status: Any) -> bool:
    return bool(
        status.isDirectory()
        and file_system.exists(_hadoop_path(session, status.getPath().toString() + "/_delta_log"))
    )


def _hadoop_path(session: SparkSession, name: str) -> Any:
    jvm: Any = session._jvm
    return jvm.org.apache.hadoop.fs.Path(name)
