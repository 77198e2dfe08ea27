"""Settings as a notebook gives them, as the overrides that the command line takes."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

from linnaeus.contracts.errors import ConfigurationError


def as_overrides(settings: Mapping[str, Any]) -> list[str]:
    """`{"run__full": True}`, `{"run.full": True}` and `{"run": {"full": True}}` as `run.full=true`.

    Raises ConfigurationError for a key without a section.
    """
    found = []
    for name, value in settings.items():
        key = name.replace("__", ".")
        if "." not in key and not isinstance(value, Mapping):
            raise ConfigurationError(f"{name}: write section__{name}={value!r}, or 'section.{name}=…' as on a command")
        found.append(f"{key}={json.dumps(value, default=str)}")  # JSON is YAML
    return found


def as_time(given: str | datetime.date) -> datetime.datetime:
    """A time, in UTC where it says no zone; a date is its first moment. Raises ConfigurationError for what is none."""
    if isinstance(given, datetime.datetime):
        found = given
    elif isinstance(given, datetime.date):
        found = datetime.datetime(given.year, given.month, given.day)
    else:
        try:
            found = datetime.datetime.fromisoformat(given.strip().replace("Z", "+00:00"))
        except ValueError as error:
            raise ConfigurationError(f"{given!r} is no time; write one as 2026-11-01T08:00:00Z") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.timezone.utc)
