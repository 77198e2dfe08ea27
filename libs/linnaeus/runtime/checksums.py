"""Checksums of versions: what a small table's newest version consists of, in one file beside its log.

Spark writes one with each commit and reads a table's files from it (`spark.databricks.delta.allFilesInCrc.enabled`).
Where one lacks it puts the version together by queries, for half a second. delta-rs writes none, so it is done here:
from the checksum of the version before and the actions of the commit, as Delta's protocol has it (PROTOCOL.md, Version
Checksum File).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from linnaeus.runtime.files import write_whole

_MOST_FILES = 50  # of a table whose files are listed there, as in Spark
_ADDED = ("path", "partitionValues", "size", "modificationTime", "stats", "tags")
_COUNTED = {"numMetadata": 1, "numProtocol": 1}
_EMPTY: dict[str, Any] = {"setTransactions": [], "domainMetadata": [], "allFiles": []}


def write_checksum(log: Path, version: int) -> bool:
    """Write the checksum of a version, where it has none, from its commit; False where it can't be told.

    That is where the version before has no checksum that lists its files, where there are many, and where the commit
    has an action that is not known here.
    """
    if (log / _name(version)).exists():
        return True
    before = _EMPTY if version == 0 else _read(log / _name(version - 1))
    if before is None or "allFiles" not in before:
        return False
    made = _after(before, log / f"{version:020d}.json")
    if made is None or len(made["allFiles"]) > _MOST_FILES:
        return False
    write_whole(log / _name(version), json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n")
    return True


def _name(version: int) -> str:
    return f"{version:020d}.crc"


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _after(before: dict[str, Any], commit: Path) -> dict[str, Any] | None:
    """The checksum of the version that a commit makes of the one before."""
    made = {name: value for name, value in before.items() if name in (*_EMPTY, "metadata", "protocol")}
    files = {file["path"]: file for file in before["allFiles"]}
    for line in commit.read_text(encoding="utf-8").splitlines():
        for kind, action in json.loads(line).items():
            if kind == "add" and not action.get("deletionVector"):
                kept = {name: action[name] for name in _ADDED if action.get(name) is not None}
                files[action["path"]] = kept | {"dataChange": False}
            elif kind == "remove":
                files.pop(action["path"], None)
            elif kind in ("metaData", "protocol"):
                said = {name: value for name, value in action.items() if value is not None}
                made["metadata" if kind == "metaData" else kind] = said
            elif kind != "commitInfo":
                return None
    if "metadata" not in made or "protocol" not in made:
        return None
    sizes = {"tableSizeBytes": sum(file["size"] for file in files.values()), "numFiles": len(files)}
    return sizes | _COUNTED | made | {"allFiles": list(files.values())}
