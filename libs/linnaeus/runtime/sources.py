"""Files that the jobs ingest: found by path, folder or glob, read by extension, every value as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from linnaeus.contracts.config import resolve
from linnaeus.contracts.errors import InputError
from linnaeus.runtime.source_files import SourceFile, is_url

BROKEN = "__broken"
Form = Literal["lines", "csv", "rows"]
_FORMS = {"jsonl": "json", "ndjson": "json", "json": "json", "csv": "csv", "parquet": "parquet"}
_COMPRESSIONS = ("gz", "bz2", "zst")
_OF_FILES = ("java.io.", "java.util.zip.", "org.apache.parquet.", "org.apache.hadoop.")


@dataclass(frozen=True)
class Part:
    """Files of one form: `lines` (a string column `value`), `csv` (with the column BROKEN) or `rows`."""

    form: Form
    rows: DataFrame


def open_source(session: SparkSession, setting: str, path: str, only: Sequence[SourceFile] | None = None) -> list[Part]:
    """The parts of a source, or of those files of it that are named; they may be without a record.

    Raises InputError, naming the setting, for a path without readable files.
    """
    try:
        return _parts(session, setting, path) if only is None else _parts_of(session, setting, only)
    except (Py4JJavaError, PySparkException) as error:
        raise InputError(f"{setting}: {path} can't be read: {_reason(error)}") from error


@contextmanager
def reading(setting: str, path: str) -> Iterator[None]:
    """Around the first action on a source: damage that shows only then (a truncated archive, say) is an InputError."""
    try:
        yield
    except Py4JJavaError as error:
        cause = _root_cause(error)
        name, reason = cause.getClass().getName(), _reason(error)
        is_of_files = name.startswith(_OF_FILES) or "native zStandard" in reason
        if not is_of_files or "No space left" in reason:
            raise
        raise InputError(f"{setting}: {path} can't be read: {reason}") from error


def _parts(session: SparkSession, setting: str, path: str) -> list[Part]:
    location = path if is_url(path) else str(resolve(path))
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
        for name in _files(file_system, status, setting):
            files.setdefault(_form(name, setting), []).append(name)
    parts.extend(_read(session, file_system, files))
    if not parts:
        raise InputError(f"{setting}: {path} holds no files; give JSON Lines, CSV, Parquet or Delta")
    return parts


def _parts_of(session: SparkSession, setting: str, only: Sequence[SourceFile]) -> list[Part]:
    """The parts of local files."""
    file_system = _hadoop_path(session, "file:/").getFileSystem(session.sparkContext._jsc.hadoopConfiguration())
    parts = [Part("rows", session.read.format("delta").load(f"file:{one.path}")) for one in only if one.is_delta]
    files: dict[str, list[str]] = {}
    for one in only:
        if not one.is_delta:
            files.setdefault(_form(one.path, setting), []).append(f"file:{one.path}")
    parts.extend(_read(session, file_system, files))
    return parts or [Part("lines", session.createDataFrame([], "value string"))]


def _read(session: SparkSession, file_system: Any, files: dict[str, list[str]]) -> Iterable[Part]:
    if "json" in files:
        yield Part("lines", session.read.option("lineSep", "\n").text(_literal(files["json"])))
    if "parquet" in files:
        yield Part("rows", session.read.option("mergeSchema", "true").parquet(*_literal(files["parquet"])))
    for names in _by_header(session, file_system, files.get("csv", [])):
        yield Part("csv", _read_csv(session, names))


def _read_csv(session: SparkSession, names: list[str]) -> DataFrame:
    reader = session.read.options(header=True, multiLine=True, escape='"', mode="PERMISSIVE")
    header = [name for name in reader.csv(_literal(names[:1])).columns if name != BROKEN]
    schema = StructType([StructField(name, StringType()) for name in (*header, BROKEN)])
    return reader.option("columnNameOfCorruptRecord", BROKEN).schema(schema).csv(_literal(names))


def _literal(names: list[str]) -> list[str]:
    """File names that Spark takes as they are: it reads `[`, `{`, `*` and `?` in a path as a glob."""
    return [re.sub(r"([\[\]{}*?\\])", r"\\\1", name) for name in names]


def _by_header(session: SparkSession, file_system: Any, names: list[str]) -> list[list[str]]:
    """CSV files grouped by their first line that is not blank: columns are read by position, and files may differ."""
    groups: dict[str, list[str]] = {}
    jvm: Any = session._jvm
    codecs = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(session.sparkContext._jsc.hadoopConfiguration())
    for name in names:
        stream = file_system.open(_hadoop_path(session, name))
        codec = codecs.getCodec(_hadoop_path(session, name))
        if codec is not None:
            stream = codec.createInputStream(stream)
        reader = jvm.java.io.BufferedReader(jvm.java.io.InputStreamReader(stream, "UTF-8"))
        try:
            line = reader.readLine()
            while line is not None and not line.strip():
                line = reader.readLine()
        finally:
            reader.close()
        if line is not None:
            groups.setdefault(line, []).append(name)
    return list(groups.values())


def _form(name: str, setting: str) -> str:
    extensions = name.rsplit("/", 1)[-1].lower().split(".")[1:]
    if extensions and extensions[-1] in _COMPRESSIONS:
        extensions.pop()
    if not extensions or extensions[-1] not in _FORMS:
        raise InputError(
            f"{setting}: {name} is of no known kind; use .jsonl, .json, .csv or .parquet, or a Delta folder"
        )
    return _FORMS[extensions[-1]]


def _files(file_system: Any, status: Any, setting: str) -> Iterable[str]:
    """Files below a path, hidden and marker files (as Spark writes them) left out.

    Raises InputError for a Delta table somewhere below: its files, taken singly, hold rows that it deleted.
    """
    if status.isFile():
        yield status.getPath().toString()
        return
    inner = file_system.listFiles(status.getPath(), True)
    depth = len(status.getPath().toString().rstrip("/")) + 1
    names = []
    while inner.hasNext():
        name = inner.next().getPath().toString()
        inside, is_delta, _ = name.partition("/_delta_log/")
        if is_delta:
            raise InputError(f"{setting}: {inside} is a Delta table in a folder; give its own path, or a glob of such")
        if not any(part.startswith(("_", ".")) for part in name[depth:].split("/")):
            names.append(name)
    yield from sorted(names)


def _is_delta(session: SparkSession, file_system: Any, status: Any) -> bool:
    return bool(
        status.isDirectory() and file_system.exists(_hadoop_path(session, status.getPath().toString() + "/_delta_log"))
    )


def _hadoop_path(session: SparkSession, name: str) -> Any:
    jvm: Any = session._jvm
    return jvm.org.apache.hadoop.fs.Path(name)


def _root_cause(error: Py4JJavaError) -> Any:
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return cause


def _reason(error: Py4JJavaError | PySparkException) -> str:
    """The first line of what is at the bottom of an error."""
    said = _root_cause(error).getMessage() if isinstance(error, Py4JJavaError) else str(error)
    return (said or str(error)).strip().split("\n")[0][:300]
