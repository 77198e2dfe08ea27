"""Tags of model versions, in the form that every registry takes: Unity Catalog's is the narrowest.

Its limits: Databricks, "Apply tags to Unity Catalog securable objects", constraints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")  # Unity Catalog refuses `. , - = / :` and blanks at the ends
_LONGEST = 1000  # characters of a value
_MOST = 50  # tags of a version
_TABLE = "delta_"
_TABLE_BEFORE = "delta."  # how names began before: versions of that time keep them


def table_tag(table: str) -> str:
    """Name the tag that holds the version of a table, `delta_silver_labels` of `silver.labels`."""
    return _TABLE + table.replace(".", "_", 1)


def table_of(tag: str) -> str | None:
    """Give the table whose version a tag holds, by its name of now or before; None for any other tag."""
    if tag.startswith(_TABLE_BEFORE):
        return tag.removeprefix(_TABLE_BEFORE)
    return tag.removeprefix(_TABLE).replace("_", ".", 1) if tag.startswith(_TABLE) else None


def as_stored(tags: Mapping[str, str]) -> dict[str, str]:
    """Give tags as they can be stored: without blanks around values, which are cut with `…` at 1,000 characters.

    Raises ValueError for a name that Unity Catalog refuses, and for more than 50 tags.
    """
    refused = [name for name in tags if not _NAME.fullmatch(name)]
    if refused or len(tags) > _MOST:
        said = f"tag {refused[0]!r}: use letters, digits and _" if refused else f"{len(tags)} tags: {_MOST} at most"
        raise ValueError(said)
    return {name: _cut(value.strip()) for name, value in tags.items()}


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
