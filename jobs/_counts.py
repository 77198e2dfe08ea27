"""How many records of a source went where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Counts:
    """What became of a source's records: read = kept + quarantined + duplicates + erased + skipped."""

    read: int = 0
    kept: int = 0
    quarantined: int = 0
    duplicates: int = 0
    written: int = 0
    erased: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    said: tuple[str, ...] = ()

    def plus(self, other: Counts) -> Counts:
        """What became of the records of two sources."""
        return Counts(
            self.read + other.read,
            self.kept + other.kept,
            self.quarantined + other.quarantined,
            self.duplicates + other.duplicates,
            self.written + other.written,
            self.erased + other.erased,
            Counter(self.skipped) + Counter(other.skipped),
        )

    def in_words(self) -> str:
        """What the job says of a source."""
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(self.skipped.items()))
        return (
            f"{self.read} read, {self.kept} kept ({self.written} new or changed), "
            f"{self.quarantined} quarantined, {self.duplicates} duplicates"
            + (f", {self.erased} of erased creators" if self.erased else "")
            + (f", no votes: {reasons}" if reasons else "")
            + "".join(f", {one}" for one in self.said)
        )
