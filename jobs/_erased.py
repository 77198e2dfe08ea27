"""How ids of those who were erased are hashed: what erases and what ingests must agree."""

from __future__ import annotations

import os
import secrets

from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.hashed_ids import Hasher
from linnaeus.runtime.lake import Lake


def hasher_of(lake: Lake, config: Config) -> Hasher:
    """How ids are hashed in this lake. Raises ConfigurationError where the secret is another than before."""
    variable = config.erase.secret_variable
    stored = lake.read(tables.ERASED_IDS).select("salt", "secret_mark").distinct().limit(2).collect()  # few: see limit
    hasher = Hasher(stored[0]["salt"] if stored else secrets.token_hex(16), os.environ.get(variable, ""))
    if any(row["secret_mark"] != hasher.mark for row in stored):
        raise ConfigurationError(
            f"{variable} (erase.secret_variable) is not the secret that ids of ops.erased_ids were hashed with; set it "
            "to that one, or who was erased can't be told"
        )
    return hasher
