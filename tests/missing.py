"""What a test does where the machine lacks something: it is skipped, and fails where CI=true, where nothing may be."""

from __future__ import annotations

import importlib.util
import os
from typing import NoReturn

import pytest


def skip(reason: str) -> NoReturn:
    """Skip the test for a reason, or fail it where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI has to have it: {reason}", pytrace=False)
    pytest.skip(reason)


def need_package(name: str) -> None:
    """Skip a whole module of tests where a package is not installed; raise ImportError where CI=true."""
    if importlib.util.find_spec(name) is None:
        if os.environ.get("CI") == "true":
            raise ImportError(f"CI has to have it: {name}, which `make test` installs")
        pytest.skip(f"{name} is not installed; `make test` installs it", allow_module_level=True)
