"""Columns by the names that people give them: in a header, and in the folders of a path."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from linnaeus.contracts.errors import InputError

_NULL = "__HIVE_DEFAULT_PARTITION__"  # Hive's folder of rows that have no value


def wanted_columns(found: Sequence[str], names: Sequence[str], may_be_twice: bool = False) -> list[str]:
    """The columns found, those that are one of `names` but for case and blanks under that name.

    Raises InputError where one of them stands twice.
    """
    by_fold = {folded(name): name for name in names}
    made = [by_fold.get(folded(one), one) for one in found]
    for name in names:
        if made.count(name) > 1 and not may_be_twice:
            twice = ", ".join(one for one, wanted in zip(found, made, strict=True) if wanted == name)
            raise InputError(f"the column {name} stands twice ({twice}). Remove or rename one of them.")
    return made


def folded(name: str) -> str:
    """A name without what does not count in it: case, and blanks for `_`."""
    return "_".join(name.strip("\ufeff").casefold().split())


def path_columns(path: str, names: Sequence[str]) -> dict[str, str | None]:
    """Columns that the folders of a path tell (`kind=video/`, as Spark and Hive write them), those of `names` alone."""
    by_fold = {folded(name): name for name in names}
    found = {}
    for folder in path.split("/")[:-1]:
        name, equals, value = folder.partition("=")
        wanted = by_fold.get(folded(name)) if equals else None
        if wanted is not None:
            found[wanted] = None if value == _NULL else unquote(value)
    return found
