"""Aliases of registered models, and which of them this process has moved. Apart, as MLflow takes seconds to import."""

from __future__ import annotations

CANDIDATE = "candidate"
CHAMPION = "champion"
PASSED = "passed"  # a candidate that the gate lets through, waiting for a person
NO_VERSION = "none"
_MOVED: set[tuple[str, str, str]] = set()  # model, alias and number of the version, or NO_VERSION


def count_move(model: str, alias: str, number: str) -> None:
    """Note that this process has pointed an alias to a version, or taken it away."""
    _MOVED.add((model, alias, number))


def is_own_move(model: str, alias: str, number: str) -> bool:
    """Whether this process has pointed an alias to a version, or taken it away."""
    return (model, alias, number) in _MOVED
