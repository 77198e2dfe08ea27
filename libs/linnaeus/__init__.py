"""linnaeus: what creators make and what risk it carries, as a suite of Spark jobs over Delta tables.

`from linnaeus import Suite` is the way in for notebooks. Nothing is loaded before it is asked for: importing linnaeus
alone, as every job and every worker does, costs nothing.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "Suite":
        from linnaeus.suite.facade import Suite

        return Suite
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "Suite"])
