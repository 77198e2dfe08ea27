"""Text files that Spark can't read itself, read by Python in its tasks: a task for each file, a batch at a time."""

from __future__ import annotations

import heapq
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO
from urllib.parse import quote

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.errors import InputError
from linnaeus.runtime.column_names import path_columns
from linnaeus.runtime.json_records import Record
from linnaeus.runtime.spark import slots
from linnaeus.runtime.text_files import How, Kind, records_of, with_columns

_SCHEMA = f"value binary, {c.IS_BROKEN} boolean, {c.IS_HEADER} boolean, {c.PATH} string"
_ARROW = pa.schema(
    [("value", pa.binary()), (c.IS_BROKEN, pa.bool_()), (c.IS_HEADER, pa.bool_()), (c.PATH, pa.string())]
)
_TASKS_A_SLOT = 4
_ROWS, _CHARACTERS = 10_000, 1 << 22  # of a batch


@dataclass(frozen=True)
class TextFile:
    """A file on this machine's disks, or one that Spark alone can open: its path or URL, and its size in bytes."""

    path: str
    kind: Kind
    size: int = 0


@dataclass(frozen=True)
class _Reading:
    """How the files of a source are read, and the setting that names it."""

    setting: str
    how: How

    def batches(self, path: str, kind: Kind, open_file: Callable[[], BinaryIO]) -> Iterator[pa.RecordBatch]:
        """The records of a file. Raises InputError, naming setting and file."""
        told = path_columns(path, self.how.names)
        try:
            records = records_of(open_file, kind, self.how)
            yield from _batches((with_columns(one, told) for one in records), quote(os.fsencode(path)))
        except (InputError, OSError) as error:
            raise InputError(f"{self.setting}: {printable(path)}: {error}") from error


def printable(path: str) -> str:
    """A path as it can be written in one line: line ends and bytes that are no UTF-8 as escapes."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in path)


def read_texts(session: SparkSession, setting: str, files: Sequence[TextFile], how: How) -> DataFrame:
    """Records of files on disks that all executors have: `value` (string, as bytes may be), marks and PATH."""
    shares = _shares(files, slots(session) * _TASKS_A_SLOT)
    reading = _Reading(setting, how)

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for place in batch.column(0).to_pylist():
                for file in shares[place]:
                    yield from reading.batches(file.path, file.kind, partial(_opened, file.path))

    places = session.range(0, len(shares), 1, len(shares))
    return _as_lines(places.mapInArrow(read, _SCHEMA))


def read_remote_texts(session: SparkSession, setting: str, files: Sequence[TextFile], how: How) -> DataFrame:
    """The same of files that Spark alone can open. It loads each of them whole, 2 GB at most."""
    kinds = {file.path: file.kind for file in files}
    reading = _Reading(setting, how)

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path, content in zip(*map(pa.Array.to_pylist, batch.columns), strict=True):
                yield from reading.batches(path, kinds[path], partial(io.BytesIO, content))

    loaded = session.read.format("binaryFile").load([literal(file.path) for file in files])
    return _as_lines(loaded.select("path", "content").mapInArrow(read, _SCHEMA))


def _opened(path: str) -> BinaryIO:
    return open(os.fsencode(path), "rb")


def literal(name: str) -> str:
    """A file name that Spark takes as it is: it reads `[`, `{`, `*` and `?` in a path as a glob."""
    return "".join(f"\\{sign}" if sign in "[]{}*?\\" else sign for sign in name)


def _as_lines(found: DataFrame) -> DataFrame:
    return found.withColumn("value", F.col("value").cast("string"))


def _shares(files: Sequence[TextFile], n: int) -> list[list[TextFile]]:
    """The files in at most `n` shares of like size."""
    shares: list[list[TextFile]] = [[] for _ in range(min(n, len(files)))]
    heap = [(0, place) for place in range(len(shares))]
    for file in sorted(files, key=lambda one: -one.size):
        size, place = heapq.heappop(heap)
        shares[place].append(file)
        heapq.heappush(heap, (size + file.size + 1, place))
    return shares


def _batches(records: Iterable[Record], path: str) -> Iterator[pa.RecordBatch]:
    waiting: list[Record] = []
    size = 0
    for one in records:
        waiting.append(one)
        size += len(one.text)
        if len(waiting) == _ROWS or size >= _CHARACTERS:
            yield _batch(waiting, path)
            waiting, size = [], 0
    if waiting:
        yield _batch(waiting, path)


def _batch(records: Sequence[Record], path: str) -> pa.RecordBatch:
    values = [one.text.encode("utf-8", "surrogateescape") for one in records]
    broken, headers = [one.is_broken for one in records], [one.is_header for one in records]
    return pa.record_batch([values, broken, headers, [path] * len(values)], schema=_ARROW)
