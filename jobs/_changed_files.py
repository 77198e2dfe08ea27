"""What ingest_bronze has to read of a source: the files that are new or changed since their rows went in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from linnaeus.contracts.tables import Table
from linnaeus.runtime.file_record import FileRecord, Hashes, TakenIn, file_id, is_as_listed
from linnaeus.runtime.source_files import SourceFile


@dataclass(frozen=True)
class Choice:
    """The files of a source that are read, and those that are not as they were read before.

    `is_known`: they could be listed; else Spark reads the whole source. `has_lost`: a file that was read is gone, holds
    something else by now, or was read by other rules.
    """

    source: str
    table: Table
    rules: str
    is_known: bool = True
    to_read: tuple[SourceFile, ...] = ()
    unchanged: tuple[SourceFile, ...] = ()
    has_lost: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether there are files that are not read."""
        return bool(self.unchanged)

    @property
    def has_something(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.to_read) or not self.unchanged

    @property
    def is_up_to_date(self) -> bool:
        """Whether the record is what it will be after this run."""
        return not self.has_something and not self.has_lost

    def in_words(self) -> str:
        """How many files were not read, and how many have not a byte; nothing where all were read and have some."""
        counts = {"unchanged": len(self.unchanged), "empty": sum(one.size == 0 for one in self.to_read)}
        said = [f"{n} {what}" for what, n in counts.items() if n]
        return f"; {', '.join([f'{len(self.to_read) + len(self.unchanged)} files', *said])}" if said else ""

    def as_read(self) -> TakenIn:
        """For the record, once the rows are committed: all files but those that changed while they were read."""
        read = tuple(one for one in self.to_read if is_as_listed(one))
        return TakenIn(self.source, self.table, self.unchanged + read, self.rules)

    def before_it_is_read(self) -> TakenIn:
        """For the record, before rows are committed that may undo those of a file which is lost."""
        return TakenIn(self.source, self.table, self.unchanged, self.rules)


def choose(
    found: Choice, files: Sequence[SourceFile] | None, known: Hashes | None, is_whole: bool, is_full: bool = False
) -> Choice:
    """The choice of a source's files, of which `known` are on record (None: it never had a record).

    `is_whole`: if one is read, all are; `is_full`: all are.
    """
    if files is None:
        return replace(found, is_known=False, has_lost=known is not None)
    on_record = known or {}
    same = tuple(one for one in files if on_record.get(file_id(one)) == one.sha256)
    has_lost = known is not None and (len(same) < len(known) or not known)
    if is_full or (is_whole and (len(same) < len(files) or has_lost)):
        same = ()
    to_read = tuple(one for one in files if one not in set(same))
    return replace(found, to_read=to_read, unchanged=same, has_lost=has_lost)


def put_on_record(record: FileRecord, choices: Sequence[Choice]) -> None:
    """After the rows: what the sources hold now."""
    record.write([one.as_read() for one in choices if one.is_known or one.has_lost])
