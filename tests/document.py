"""databricks.yml as the CLI reads it: one target laid over the rest, variables put in; and the wheel's entry points."""

from __future__ import annotations

import ast
import copy
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from linnaeus.contracts.config import repository

ROOT = repository() or Path()
PATH = ROOT / "databricks.yml"
TARGETS = ("dev", "staging", "prod")
USER = "jane.doe@example.com"

_REFERENCE = re.compile(r"\$\{([a-z_]+(?:\.[A-Za-z_]+)+)\}")
_IN_DEVELOPMENT = "dev_jane_doe_"  # what the CLI puts before the names of schemas and models there


def read() -> dict[str, Any]:
    """The file, anchors resolved."""
    return copy.deepcopy(_parsed())


@functools.cache
def _parsed() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return document


def tasks() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every task with the key of its job."""
    for name, job in read()["resources"]["jobs"].items():
        for task in job["tasks"]:
            yield name, task


def references(part: Any) -> Iterator[str]:
    """What a part of the file refers to: `var.catalog` of ${var.catalog}."""
    if isinstance(part, dict):
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)
    elif isinstance(part, str):
        yield from _REFERENCE.findall(part)


@functools.cache
def deployed(target: str) -> dict[str, Any]:
    """The file for a target, as it is deployed: not to be changed. Raises KeyError for a reference to nothing."""
    document = read()
    settings = document.pop("targets")[target]
    is_development = settings["mode"] == "development"
    for name, value in settings.pop("variables").items():
        document["variables"][name]["default"] = value
    document = _overlaid(document, settings)
    known = {f"var.{name}": one["default"] for name, one in document.pop("variables").items()}
    known |= {"bundle.name": document["bundle"]["name"], "bundle.target": target}
    known |= {"workspace.current_user.userName": USER, "workspace.current_user.short_name": "jane_doe"}
    document = _filled(document, known)
    for kind in ("schemas", "registered_models"):
        for one in document["resources"][kind].values():
            one["name"] = (_IN_DEVELOPMENT if is_development else "") + one["name"]
    for key, schema in document["resources"]["schemas"].items():
        known |= {f"resources.schemas.{key}.{field}": schema[field] for field in ("catalog_name", "name")}
    filled: dict[str, Any] = _filled(document, known)
    if left := sorted(set(references(filled))):
        raise KeyError(left[0])
    return filled


def entry_points() -> list[str]:
    """The list JOBS in setup.py, which can't be imported without installing."""
    for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "JOBS":
            return list(ast.literal_eval(node.value))
    raise AssertionError("setup.py declares no JOBS")


def _overlaid(under: Any, over: Any) -> Any:
    """Mappings are laid over each other, lists follow each other."""
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {name: _overlaid(under[name], one) if name in under else one for name, one in over.items()}
    if isinstance(under, list) and isinstance(over, list):
        return under + over
    return copy.deepcopy(over)


def _filled(part: Any, known: dict[str, Any]) -> Any:
    """References replaced by what they stand for, as far as that is known; a number stays one."""
    if isinstance(part, dict):
        return {name: _filled(value, known) for name, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, known) for value in part]
    if not isinstance(part, str):
        return part
    whole = _REFERENCE.fullmatch(part)
    if whole and whole[1] in known:
        value = _filled(known[whole[1]], known)
        return int(value) if isinstance(value, str) and value.isdigit() else value
    return _REFERENCE.sub(lambda found: str(_filled(known[found[1]], known)) if found[1] in known else found[0], part)
