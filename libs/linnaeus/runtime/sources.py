"""Files that the jobs ingest: found by path, folder or glob, and read, every value as text.

Spark reads what it can split among its tasks: plain JSON Lines, Parquet and Delta. All other text files are read by
Python in its tasks (source_texts.py), a file by one task.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts.config import resolve
from linnaeus.contracts.errors import InputError
from linnaeus.runtime.column_names import wanted_columns
from linnaeus.runtime.path_fields import with_columns_of_path, with_fields_of_path, with_path
from linnaeus.runtime.source_files import HIDDEN, SourceFile, is_url, passes_over
from linnaeus.runtime.source_texts import TextFile, literal, printable, read_remote_texts, read_texts
from linnaeus.runtime.spark import raised_in_task
from linnaeus.runtime.text_files import HEAD, UTF8, How, Kind, is_plain

Form = Literal["lines", "rows"]
_KINDS: dict[str, Kind | Literal["parquet"]] = {
    "jsonl": "json",
    "ndjson": "json",
    "json": "json",
    "csv": "csv",
    "tsv": "csv",
    "parquet": "parquet",
}
_COMPRESSIONS = (".gz", ".bz2", ".zst", ".xz")
_REMOTE_LINES = (".json", *(f".{one}{packed}" for one in ("jsonl", "ndjson") for packed in ("", ".gz", ".bz2")))
_ARCHIVES = ("zip", "tar", "tgz", "7z", "rar")
_OF_FILES = ("java.io.", "java.util.zip.", "org.apache.parquet.", "org.apache.hadoop.")
_READERS = 8  # files that are looked at side by side
# Hadoop's class for local files looks for a checksum beside each, and takes a colon in its name for the end of a
# scheme; the one below it does not.
_ANY_COLON = {"fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem", "fs.file.impl.disable.cache": "true"}
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:")


@dataclass(frozen=True)
class Part:
    """Files of one form: `lines` (a string column `value`, and maybe `is_broken`) or `rows`; PATH where it is known."""

    form: Form
    rows: DataFrame


def open_source(
    session: SparkSession,
    setting: str,
    path: str,
    only: Sequence[SourceFile] | None = None,
    how: How = How(),  # noqa: B008 - it is frozen
) -> list[Part]:
    """The parts of a source, or of those files of it that are named; they may be without a record.

    Raises InputError, naming the setting, for a path without readable files.
    """
    source = _Source(session, setting, how)
    try:
        return source.listed_by_spark(path) if only is None else source.listed(only)
    except (Py4JJavaError, PySparkException) as error:
        raise InputError(f"{setting}: {path} can't be read: {_reason(error)}") from error


@contextmanager
def reading(setting: str, path: str) -> Iterator[None]:
    """Around the first action on a source: damage that shows only then (a truncated archive, say) is an InputError."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        ours = raised_in_task(error)
        if ours is not None:
            raise ours from error
        if not isinstance(error, Py4JJavaError):
            raise
        cause = _root_cause(error)
        name, reason = cause.getClass().getName(), _reason(error)
        is_of_files = name.startswith(_OF_FILES) or "native zStandard" in reason
        if not is_of_files or "No space left" in reason:
            raise
        raise InputError(f"{setting}: {path} can't be read: {reason}") from error


@dataclass(frozen=True)
class _Files:
    """The files of a source, by how they are read: names that Spark takes, and text files for Python."""

    lines: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    texts: list[TextFile] = field(default_factory=list)


@dataclass(frozen=True)
class _Source:
    """How a source is opened."""

    session: SparkSession
    setting: str
    how: How

    def listed(self, files: Sequence[SourceFile]) -> list[Part]:
        """The parts of files on this machine's disks. Empty files have none."""
        parts = [self._delta(f"file:{one.path}") for one in files if one.is_delta]
        by_reader, there = _Files(), [one for one in files if not one.is_delta and self._kind(one.path) and one.size]
        with ThreadPoolExecutor(_READERS) as pool:
            for one, is_lines in zip(there, pool.map(self._is_lines, there), strict=True):
                kind = self._kind(one.path)
                if kind == "parquet":
                    by_reader.tables.append(f"file:{self._for_spark(one.path)}")
                elif is_lines:
                    by_reader.lines.append(f"file:{one.path}")
                else:
                    by_reader.texts.append(TextFile(one.path, kind, one.size))
        parts += self._parts(by_reader, read_texts)
        return parts or [Part("lines", self.session.createDataFrame([], "value string"))]

    def listed_by_spark(self, path: str) -> list[Part]:
        """The parts of a place that Spark alone can list."""
        location = path if is_url(path) else str(resolve(path))
        root = _hadoop_path(self.session, location)
        file_system = root.getFileSystem(self.session.sparkContext._jsc.hadoopConfiguration())
        found = [one for one in file_system.globStatus(root) or () if not _is_passed_over(location, one)]
        if not found:
            raise InputError(f"{self.setting}: {path} does not exist; give a file, a folder or a glob that does")
        parts: list[Part] = []
        by_reader = _Files()
        for status in found:
            if _is_delta(self.session, file_system, status):
                parts.append(self._delta(status.getPath().toString()))
                continue
            for name in map(self._for_spark, _files(file_system, status, self.setting)):
                kind = self._kind(name)
                if kind == "parquet":
                    by_reader.tables.append(name)
                elif kind == "json" and self._is_remote_lines(file_system, name):
                    by_reader.lines.append(name)
                else:
                    by_reader.texts.append(TextFile(name, kind))
        parts += self._parts(by_reader, read_remote_texts)
        if not parts:
            raise InputError(f"{self.setting}: {path} holds no files; give JSON Lines, CSV, Parquet or Delta")
        return parts

    def _kind(self, name: str) -> Kind | Literal["parquet"]:
        """What a file is by the end of its name, in any case. Raises InputError for others."""
        ends = name.rsplit("/", 1)[-1].lower().split(".")[1:]
        if ends and ends[-1] in _ARCHIVES:
            raise InputError(
                f"{self.setting}: {printable(name)} is an archive. Unpack it, or pack single files by gzip."
            )
        if ends and f".{ends[-1]}" in _COMPRESSIONS:
            ends.pop()
        if not ends or ends[-1] not in _KINDS:
            raise InputError(
                f"{self.setting}: {printable(name)} is of no known kind; "
                "use .jsonl, .json, .csv or .parquet, or a Delta folder"
            )
        return _KINDS[ends[-1]]

    def _for_spark(self, name: str) -> str:
        """A name that Spark does not pass over."""
        if not _is_name_for_spark(_SCHEME.sub("", name, count=1)):
            raise InputError(f"{self.setting}: {printable(name)}: Spark does not read a file of this name. Rename it.")
        return name

    def _is_lines(self, file: SourceFile) -> bool:
        """Whether Spark can read a file as JSON Lines. It would unpack what is called `.gz` in any case."""
        is_called_packed = file.path.lower().endswith(_COMPRESSIONS)
        if is_called_packed or self._kind(file.path) != "json" or not _is_name_for_spark(file.path):
            return False
        with open(file.path, "rb") as stream:
            return is_plain(stream.read(HEAD), self.how.encoding)

    def _is_remote_lines(self, file_system: Any, name: str) -> bool:
        """Whether Spark can read a file that it alone can open as JSON Lines.

        The name tells, as a look into each file takes time; `.json` may be an array, so it is looked into.
        """
        if self.how.encoding != UTF8 or not name.endswith(_REMOTE_LINES):
            return False
        if not name.endswith(".json"):
            return True
        jvm: Any = self.session._jvm
        stream = file_system.open(_hadoop_path(self.session, name))
        try:
            start = jvm.org.apache.commons.io.input.BoundedInputStream(stream, HEAD)
            head = jvm.org.apache.commons.io.IOUtils.toByteArray(start)
        finally:
            stream.close()
        return is_plain(bytes(head), UTF8)

    def _parts(self, files: _Files, read: Callable[..., DataFrame]) -> Iterator[Part]:
        if files.lines:
            reader = self.session.read.options(**_options(files.lines))
            found = with_path(reader.text(list(map(literal, files.lines))))
            yield Part("lines", with_fields_of_path(found, files.lines, self.how.names))
        if files.tables:
            reader = self.session.read.options(mergeSchema="true", **_options(files.tables))
            found = self._named(with_path(reader.parquet(*map(literal, files.tables))))
            yield Part("rows", with_columns_of_path(found, files.tables, self.how.names))
        if files.texts:
            yield Part("lines", read(self.session, self.setting, files.texts, self.how))

    def _delta(self, name: str) -> Part:
        return Part("rows", self._named(self.session.read.format("delta").load(name)))

    def _named(self, rows: DataFrame) -> DataFrame:
        """Rows whose columns have the names that are wanted."""
        try:
            names = wanted_columns(rows.columns, self.how.names)
        except InputError as error:
            raise InputError(f"{self.setting}: {error}") from error
        others = {found: name for found, name in zip(rows.columns, names, strict=True) if found != name}
        return rows.withColumnsRenamed(others) if others else rows


def _is_name_for_spark(path: str) -> bool:
    """Whether Spark reads a file of this name.

    It passes over hidden ones, and Java's names are Unicode. A name that Spark would take for a glob has to be escaped,
    which Hadoop does not understand where a colon is in it.
    """
    is_escaped = literal(path) != path
    is_hidden = path.rsplit("/", 1)[-1].startswith(HIDDEN)
    return path.isprintable() and not is_hidden and not (is_escaped and ":" in path)


def _options(names: Sequence[str]) -> dict[str, str]:
    is_local = all(name.startswith("file:") for name in names)
    return _ANY_COLON if is_local and any(":" in _SCHEME.sub("", name, count=1) for name in names) else {}


def _is_passed_over(location: str, status: Any) -> bool:
    """Whether a name that a pattern matches is hidden, and the pattern does not name it."""
    parts, names = ([one for one in path.split("/") if one] for path in (location, status.getPath().toUri().getPath()))
    return any(map(passes_over, parts[::-1], names[::-1]))


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
