"""Ids of those who were erased, as hashes: enough to know one again, nothing to read it from."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pyspark.sql import Column
from pyspark.sql import functions as F

CREATOR, ITEM, TEXT = "creator", "item", "text"  # kinds of ids; contents are items, texts go by their content_hash


@dataclass(frozen=True)
class Hasher:
    """SHA-256 of ids under a salt and a secret: in Python and in Spark the same.

    What stands before each id is an HMAC (RFC 2104) of the salt by the secret; without a secret the salt alone keeps
    tables of hashes that were made elsewhere from being looked up in.
    """

    salt: str
    secret: str = ""

    @cached_property
    def _prefix(self) -> str:
        return hmac.new(self.secret.encode(), self.salt.encode(), hashlib.sha256).hexdigest()

    @property
    def mark(self) -> str:
        """Tells whether two hashers are the same, and nothing of the secret."""
        return hashlib.sha256(f"mark\n{self._prefix}".encode()).hexdigest()[:16]

    def of(self, kind: str, value: str) -> str:
        """The hash (hex) of an id."""
        return self.of_kind(kind)(value)

    def of_kind(self, kind: str) -> Callable[[str], str]:
        """What hashes ids of a kind: for millions of them."""
        begun = hashlib.sha256(f"{self._prefix}{kind}\n".encode())

        def hashed(value: str) -> str:
            one = begun.copy()
            one.update(value.encode())
            return one.hexdigest()

        return hashed

    def column(self, kind: str, value: Column) -> Column:
        """The hash (hex) of an id, null for null."""
        return F.sha2(F.concat(F.lit(f"{self._prefix}{kind}\n"), value), 256)
