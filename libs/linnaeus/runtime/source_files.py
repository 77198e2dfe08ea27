"""The files behind a source, found and hashed without Spark, and a fingerprint of what they hold.

Files are found as `sources.py` finds them by Hadoop: a path may be a file, a folder with all that lies below it, or a
glob in Hadoop's form; a Delta table stands for its newest version. What decides whether a file is the same is the hash
of its bytes. Times are kept for people alone: clocks differ, and a copy may carry an old time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from linnaeus.contracts.config import resolve
from linnaeus.runtime.history import newest_version

_URL = re.compile(r"[a-z][a-z0-9+.-]+:/")
_LOCAL_URL = re.compile(r"file:(?://)?(?=/(?!/))")
_LOG = "_delta_log"
HIDDEN = ("_", ".")
_BLOCK = 1 << 20  # bytes that are read at once
_READERS = 8  # files that are hashed side by side
_WILD = "*?["  # a part of a path with one of these is a pattern
_CHOICE = re.compile(r"\{([^{}]*)\}")  # the innermost ones, of several in each other
_SET_OR_CHARACTER = re.compile(r"\[[^\]]+\]|.", re.DOTALL)
_DEFAULT_FILE_SYSTEM = "spark.hadoop.fs.defaultFS"


@dataclass(frozen=True)
class SourceFile:
    """A file as it was when it was hashed: size in bytes, nanoseconds since 1970, SHA-256 (hex) of its bytes.

    Of a Delta table `path` is its folder and the rest is of the commit that made its newest version.
    """

    path: str
    size: int
    modified_ns: int
    sha256: str
    version: int | None = None

    @property
    def is_delta(self) -> bool:
        """Whether it stands for a Delta table."""
        return self.version is not None


class _UnlikeSpark(Exception):
    """Spark would understand the path in another way, or refuse it."""


def is_url(path: str) -> bool:
    """Whether a path names its file system, as in `s3a://bucket/folder`."""
    return _URL.match(path) is not None


def list_source(path: str, settings: Mapping[str, str] | None = None) -> list[SourceFile] | None:
    """The files of a source, sorted by path; empty where there are none, None where Spark alone can tell.

    That is so for a remote place, a path that Spark refuses, and a file that can't be read now. `settings` are Spark's
    own (`spark.extra`): they may make another file system the default one.
    """
    try:
        found = sorted(set(_found(_local(path, settings or {}))))
        with ThreadPoolExecutor(_READERS) as pool:
            return list(pool.map(_hashed, found))
    except (OSError, re.error, _UnlikeSpark):
        return None


def fingerprint_of_source(path: str, settings: Mapping[str, str] | None = None) -> str | None:
    """SHA-256 (hex) of the names and bytes behind a source; None where they are unknown, or there are none.

    Two equal fingerprints mean equal files, whatever their times. To tell later whether a source is what a run has
    read, take it before the run reads: a file that changes meanwhile then makes the next run look again.
    """
    files = list_source(path, settings)
    return fingerprint_of_files(files) if files else None


def fingerprint_of_files(files: list[SourceFile]) -> str:
    """SHA-256 (hex) of names and hashes of files."""
    named = sorted([one.path, one.sha256] for one in files)
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def _local(path: str, settings: Mapping[str, str]) -> str:
    """The absolute local path that Spark would read.

    Raises _UnlikeSpark where it would read another place, and for a backslash, by which Hadoop escapes, unless it is
    one in a name.
    """
    if "\\" in path and not os.path.lexists(resolve(path)):
        raise _UnlikeSpark(path)
    if is_url(path):
        start = _LOCAL_URL.match(path)
        if start is None:
            raise _UnlikeSpark(path)
        return os.path.normpath(path[start.end() :])
    local = os.path.normpath(resolve(path))
    if os.environ.get("DATABRICKS_RUNTIME_VERSION") is not None and not local.startswith("/Volumes/"):
        raise _UnlikeSpark(path)  # what is no volume lies in its own file system, whatever is on the disk
    default = settings.get(_DEFAULT_FILE_SYSTEM, "file:///")
    if not default.startswith("file:") or {"HADOOP_CONF_DIR", "YARN_CONF_DIR"} & os.environ.keys():
        raise _UnlikeSpark(path)
    return local


def _found(local: str) -> Iterator[Path]:
    """Files, and folders of Delta tables, below all that a pattern matches; what is of that very name is no pattern."""
    if os.path.lexists(local):
        yield from _files(Path(local))
        return
    for pattern in _expanded(local):
        for place in _matching(Path("/"), [part for part in pattern.split("/") if part]):
            yield from _files(place)


def _files(place: Path) -> Iterator[Path]:
    """A file, a Delta table's folder, or all files of a folder but hidden ones.

    Raises _UnlikeSpark for a Delta table further below, which the job refuses.
    """
    if not place.is_dir():
        yield place
        return
    if (place / _LOG).exists():
        yield place
        return
    for folder, folders, names in os.walk(place, followlinks=True, onerror=_raise):
        if _LOG in folders:
            raise _UnlikeSpark(folder)
        inside = (Path(folder, name) for name in names)
        yield from (one for one in inside if not any(part.startswith(HIDDEN) for part in one.relative_to(place).parts))


def _raise(error: OSError) -> None:
    raise error


def _hashed(path: Path) -> SourceFile:
    if not path.is_dir():
        return _hashed_file(path)
    version = newest_version(path)
    if version is None:
        raise _UnlikeSpark(path)
    commit = _hashed_file(path / _LOG / f"{version:020d}.json")
    return SourceFile(str(path), commit.size, commit.modified_ns, commit.sha256, version)


def _hashed_file(path: Path) -> SourceFile:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        state = os.fstat(stream.fileno())
        while block := stream.read(_BLOCK):
            digest.update(block)
    return SourceFile(str(path), state.st_size, state.st_mtime_ns, digest.hexdigest())


def _expanded(pattern: str) -> list[str]:
    """The patterns that `{a,b}` stands for, of which any may match."""
    group = _CHOICE.search(pattern)
    if group is None:
        if "{" in pattern or "}" in pattern:
            raise _UnlikeSpark(f"{pattern}: a brace is not closed")
        return [pattern]
    head, tail = pattern[: group.start()], pattern[group.end() :]
    return [made for choice in group[1].split(",") for made in _expanded(head + choice + tail)]


def _matching(folder: Path, parts: list[str]) -> Iterator[Path]:
    """What is there below a folder that matches the parts of a pattern, one a level."""
    if not parts:
        yield folder
        return
    first, *rest = parts
    names = [first]
    if any(one in first for one in _WILD):
        wanted = _expression(first)
        names = [name for name in os.listdir(folder) if wanted.fullmatch(name)] if folder.is_dir() else []
    for name in names:
        is_checksum = name.startswith(".") and name.endswith(".crc")  # Hadoop's own, of which it never speaks
        if (folder / name).exists() and not is_checksum and not passes_over(first, name):
            yield from _matching(folder / name, rest)


def passes_over(part: str, name: str) -> bool:
    """Whether a name is hidden, and the part of a pattern that matches it does not begin as it does."""
    if not name.startswith(HIDDEN):
        return False
    starts = ("{" + name[0], "," + name[0])
    return not (part.startswith(name[0]) or (part.startswith("{") and any(one in part for one in starts)))


def _expression(part: str) -> re.Pattern[str]:
    """A regular expression of a part of Hadoop's glob. Raises re.error for a set that is not closed."""
    pieces = _SET_OR_CHARACTER.findall(part)
    return re.compile("".join(map(_piece, pieces)), re.DOTALL)


def _piece(piece: str) -> str:
    """A set as Python writes it, or one character."""
    if len(piece) == 1:
        return {"*": ".*", "?": ".", "[": "["}.get(piece, re.escape(piece))
    inner = piece[1:-1]
    if "[" in inner:
        raise _UnlikeSpark(f"{piece}: a set within a set")
    sign, inner = ("^", inner[1:]) if inner[0] in "!^" else ("", inner)
    return f"[{sign}{re.escape(inner).replace(chr(92) + '-', '-')}]"
