"""The settings of a run: which batch it is, and whether it does all again."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class Run(BaseModel):
    """What a run is called in ops.ledger; without a batch it brings tables up to date, whatever was done before."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    application: Name | None = None
    batch: Name | None = None
    full: bool = Field(default=False)

    @field_validator("application", "batch", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """A number or a date, as YAML reads it, is a name as well."""
        if isinstance(value, (datetime.date, datetime.datetime)):
            return value.isoformat()
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
