"""Records in, typed rows out, with the codes of what is wrong with each: a function a source.

Every function takes records (records.py) and gives the columns of its table (stamp excluded) beside `raw`, `raw_bytes`,
`errors` and `notes`; a row whose `errors` is empty can be kept. All that is wrong is said, not only the first.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.bronze.exports.reading import ANSWER_CODES, SKIPPED
from linnaeus.bronze.notes import ID_READ, LABEL_READ, NOTES, codes
from linnaeus.bronze.numbers import count_of
from linnaeus.bronze.records import FIELDS, MALFORMED, REPEATED_HEADER, Checks, unreadable
from linnaeus.bronze.times import time_of
from linnaeus.contracts import columns as c
from linnaeus.contracts import written_ids

CONTENT_FIELDS = (c.CONTENT_ID, c.CREATOR_ID, c.KIND, c.TITLE, c.BODY, c.URI, c.PUBLISHED_AT, c.VIEWS)
CREATOR_FIELDS = (c.CREATOR_ID, c.NAME, c.ABOUT, c.CREATED_AT)
VOTE_FIELDS = (c.ITEM_ID, c.FACET, c.ANNOTATOR_ID, c.LABEL, c.VOTED_AT)
_ALONE = (MALFORMED, REPEATED_HEADER)
GOLD_FIELDS = (c.ITEM_ID, c.FACET, c.LABEL)

# Blanks at the ends of a value: those of Unicode, and what people can't see either.
_BLANKS = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\u200b\u2060\ufeff"
_BLANKS += "".join(map(chr, range(0x2000, 0x200B)))


def clean_content(records: DataFrame, kinds: tuple[str, ...], max_body_bytes: int) -> DataFrame:
    """Contents. A text needs a body; media need none."""
    body = _field(c.BODY)
    read = {
        **_ids(c.CONTENT_ID, c.CREATOR_ID),
        c.KIND: F.when(_is_blank(_field(c.KIND)), "text").otherwise(F.lower(_trimmed(c.KIND))),
        c.TITLE: _field(c.TITLE),
        c.BODY: body,
        c.URI: _field(c.URI),
        c.PUBLISHED_AT: time_of(_trimmed(c.PUBLISHED_AT)),
        c.CONTENT_HASH: content_hash(_field(c.TITLE), body),
        c.VIEWS: count_of(_trimmed(c.VIEWS)),
    }
    kind = F.col(c.KIND)
    checks = [
        *_missing(c.CONTENT_ID, c.CREATOR_ID),
        *_inexact(c.CONTENT_ID, c.CREATOR_ID),
        ((kind == "text") & _is_blank(body), "missing_body"),
        (F.octet_length(body) > max_body_bytes, "body_too_large"),
        (~kind.isin(*kinds), "unknown_kind"),
        _unreadable(c.PUBLISHED_AT),
        _unreadable(c.VIEWS),
        _nul_byte(CONTENT_FIELDS),
    ]
    return _checked(records, read, checks, _rewritten(ID_READ, c.CONTENT_ID, c.CREATOR_ID))


def clean_creators(records: DataFrame) -> DataFrame:
    """Creators."""
    read = {
        **_ids(c.CREATOR_ID),
        c.NAME: _field(c.NAME),
        c.ABOUT: _field(c.ABOUT),
        c.CREATED_AT: time_of(_trimmed(c.CREATED_AT)),
    }
    checks = [*_missing(c.CREATOR_ID), *_inexact(c.CREATOR_ID), _unreadable(c.CREATED_AT), _nul_byte(CREATOR_FIELDS)]
    return _checked(records, read, checks, _rewritten(ID_READ, c.CREATOR_ID))


def clean_votes(records: DataFrame, labels: dict[str, tuple[str, ...]]) -> DataFrame:
    """Votes. `labels` holds the allowed labels by facet."""
    read = {
        **_ids(c.ITEM_ID),
        c.FACET: _trimmed(c.FACET),
        **_ids(c.ANNOTATOR_ID),
        c.LABEL: _label(labels),
        c.VOTED_AT: time_of(_trimmed(c.VOTED_AT)),
    }
    # Of an answer that is no label it is said what else it is.
    is_other = F.arrays_overlap(c.ERRORS, F.array(*[F.lit(code) for code in ANSWER_CODES]))
    checks = [
        *_missing(c.ITEM_ID, c.FACET, c.ANNOTATOR_ID),
        *[(~is_other & is_blank, code) for is_blank, code in _missing(c.LABEL)],
        *_inexact(c.ITEM_ID, c.ANNOTATOR_ID),
        *_outside(labels),
        _unreadable(c.VOTED_AT),
        _nul_byte(VOTE_FIELDS),
    ]
    notes = [*_rewritten(ID_READ, c.ITEM_ID, c.ANNOTATOR_ID), *_rewritten(LABEL_READ, c.FACET, c.LABEL)]
    return _checked(records, read, checks, notes)


def clean_gold_labels(records: DataFrame, labels: dict[str, tuple[str, ...]]) -> DataFrame:
    """Gold labels. `labels` holds the allowed labels by facet."""
    read = {**_ids(c.ITEM_ID), c.FACET: _trimmed(c.FACET), c.LABEL: _label(labels)}
    checks = [
        *_missing(c.ITEM_ID, c.FACET, c.LABEL),
        *_inexact(c.ITEM_ID),
        *_outside(labels),
        _nul_byte(GOLD_FIELDS),
    ]
    return _checked(records, read, checks, [*_rewritten(ID_READ, c.ITEM_ID), *_rewritten(LABEL_READ, c.FACET, c.LABEL)])


def content_hash(title: Column, body: Column) -> Column:
    """SHA-256 (hex) of title and body; the separator can't stand in either, since NUL goes to quarantine."""
    return F.sha2(F.concat(F.coalesce(title, F.lit("")), F.lit("\0"), F.coalesce(body, F.lit(""))), 256)


def _field(name: str) -> Column:
    return F.col(f"{FIELDS}.{name}")


def _is_blank(column: Column) -> Column:
    """Null, empty, or nothing to see: spaces, control characters and format characters (zero-width ones) alone."""
    return column.isNull() | ~column.rlike(r"[^\p{Z}\p{Cc}\p{Cf}]")


def _missing(*names: str) -> Checks:
    return [(_is_blank(_field(name)), f"missing_{name}") for name in names]


def _trimmed(name: str) -> Column:
    return F.btrim(_field(name), F.lit(_BLANKS))


def _ids(*names: str) -> dict[str, Column]:
    return {name: written_ids.as_read(_field(name)) for name in names}


def _inexact(*names: str) -> Checks:
    return [(written_ids.is_inexact(_field(name)), unreadable(name)) for name in names]


def _rewritten(code: str, *names: str) -> Checks:
    """Notes on values that are read as another text than they are."""
    return [(F.col(name) != _field(name), code) for name in names]


def _unreadable(name: str) -> tuple[Column, str]:
    return (~_is_blank(_field(name)) & F.col(name).isNull(), f"unreadable_{name}")


def _nul_byte(names: tuple[str, ...]) -> tuple[Column, str]:
    everything = F.concat_ws("", *[_field(name) for name in names])
    return (everything.contains("\0"), "nul_byte")


def _label(labels: dict[str, tuple[str, ...]]) -> Column:
    """A label without blanks at its ends; 4.0 is 4 where 4 is allowed and 4.0 is not."""
    text = _trimmed(c.LABEL)
    both = F.array(text, written_ids.as_read(text))
    return F.coalesce(F.get(F.filter(both, lambda one: _is_allowed(_trimmed(c.FACET), one, labels)), 0), text)


def _outside(labels: dict[str, tuple[str, ...]]) -> Checks:
    facet, label = F.col(c.FACET), F.col(c.LABEL)
    is_known = facet.isin(*labels) if labels else F.lit(False)
    return [
        (~_is_blank(facet) & ~is_known, "unknown_facet"),
        (is_known & ~_is_blank(label) & ~_is_allowed(facet, label, labels), "unknown_label"),
    ]


def _is_allowed(facet: Column, label: Column, labels: dict[str, tuple[str, ...]]) -> Column:
    is_allowed = F.lit(False)
    for name, allowed in labels.items():
        is_allowed = is_allowed | ((facet == name) & label.isin(*allowed))
    return is_allowed


def _checked(records: DataFrame, read: dict[str, Column], checks: Checks, notes: Checks) -> DataFrame:
    """The columns as they are read, and the codes of checks and notes on them. What is read is a column first, so that
    Spark makes it once. Codes of what is unreadable, or no record at all, stand alone: the fields mean nothing then."""
    beside = (c.RAW, c.RAW_BYTES, c.ERRORS, NOTES)
    columns = records.select(*[column.alias(name) for name, column in read.items()], FIELDS, *beside)
    is_no_record = F.exists(c.ERRORS, lambda code: code.isin(*_ALONE) | code.startswith(SKIPPED))
    errors = F.when(is_no_record, F.col(c.ERRORS)).otherwise(F.array_sort(F.array_union(c.ERRORS, codes(*checks))))
    said = F.array_union(NOTES, codes(*notes))
    return columns.select(*read, c.RAW, c.RAW_BYTES, errors.alias(c.ERRORS), said.alias(NOTES))
