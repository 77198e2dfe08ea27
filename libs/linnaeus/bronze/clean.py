"""Records in, typed rows out, with the codes of what is wrong with each: a function a source.

Every function takes records (records.py) and gives the columns of its table (stamp excluded) beside `raw`, `raw_bytes`
and `errors`; a row whose `errors` is empty can be kept. All that is wrong is said, not only the first.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.bronze.exports.reading import ANSWER_CODES, SKIPPED
from linnaeus.bronze.records import FIELDS, MALFORMED
from linnaeus.contracts import columns as c

CONTENT_FIELDS = (c.CONTENT_ID, c.CREATOR_ID, c.KIND, c.TITLE, c.BODY, c.URI, c.PUBLISHED_AT, c.VIEWS)
CREATOR_FIELDS = (c.CREATOR_ID, c.NAME, c.ABOUT, c.CREATED_AT)
VOTE_FIELDS = (c.ITEM_ID, c.FACET, c.ANNOTATOR_ID, c.LABEL, c.VOTED_AT)
GOLD_FIELDS = (c.ITEM_ID, c.FACET, c.LABEL)

Checks = list[tuple[Column, str]]


def clean_content(records: DataFrame, kinds: tuple[str, ...], max_body_bytes: int) -> DataFrame:
    """Contents. A text needs a body; media need none."""
    kind = F.when(_is_blank(_field(c.KIND)), "text").otherwise(F.lower(F.trim(_field(c.KIND))))
    body = _field(c.BODY)
    published_at = _timestamp(c.PUBLISHED_AT)
    views = _count(c.VIEWS)
    checks = [
        *_missing(c.CONTENT_ID, c.CREATOR_ID),
        ((kind == "text") & _is_blank(body), "missing_body"),
        (F.octet_length(body) > max_body_bytes, "body_too_large"),
        (~kind.isin(*kinds), "unknown_kind"),
        _unreadable(c.PUBLISHED_AT, published_at),
        _unreadable(c.VIEWS, views),
        _nul_byte(CONTENT_FIELDS),
    ]
    columns = [
        _field(c.CONTENT_ID).alias(c.CONTENT_ID),
        _field(c.CREATOR_ID).alias(c.CREATOR_ID),
        kind.alias(c.KIND),
        _field(c.TITLE).alias(c.TITLE),
        body.alias(c.BODY),
        _field(c.URI).alias(c.URI),
        published_at.alias(c.PUBLISHED_AT),
        content_hash(_field(c.TITLE), body).alias(c.CONTENT_HASH),
        views.alias(c.VIEWS),
    ]
    return _checked(records, columns, checks)


def clean_creators(records: DataFrame) -> DataFrame:
    """Creators."""
    created_at = _timestamp(c.CREATED_AT)
    checks = [*_missing(c.CREATOR_ID), _unreadable(c.CREATED_AT, created_at), _nul_byte(CREATOR_FIELDS)]
    columns = [_field(name).alias(name) for name in (c.CREATOR_ID, c.NAME, c.ABOUT)]
    return _checked(records, [*columns, created_at.alias(c.CREATED_AT)], checks)


def clean_votes(records: DataFrame, labels: dict[str, tuple[str, ...]]) -> DataFrame:
    """Votes. `labels` holds the allowed labels by facet."""
    voted_at = _timestamp(c.VOTED_AT)
    # Of an answer that is no label it is said what else it is.
    is_other = F.arrays_overlap(c.ERRORS, F.array(*[F.lit(code) for code in ANSWER_CODES]))
    checks = [
        *_missing(c.ITEM_ID, c.FACET, c.ANNOTATOR_ID),
        *[(~is_other & is_blank, code) for is_blank, code in _missing(c.LABEL)],
        *_outside(labels),
        _unreadable(c.VOTED_AT, voted_at),
        _nul_byte(VOTE_FIELDS),
    ]
    columns = [_field(name).alias(name) for name in (c.ITEM_ID, c.FACET, c.ANNOTATOR_ID, c.LABEL)]
    return _checked(records, [*columns, voted_at.alias(c.VOTED_AT)], checks)


def clean_gold_labels(records: DataFrame, labels: dict[str, tuple[str, ...]]) -> DataFrame:
    """Gold labels. `labels` holds the allowed labels by facet."""
    checks = [*_missing(c.ITEM_ID, c.FACET, c.LABEL), *_outside(labels), _nul_byte(GOLD_FIELDS)]
    return _checked(records, [_field(name).alias(name) for name in GOLD_FIELDS], checks)


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


def _timestamp(name: str) -> Column:
    """A time of the years 1 to 9999 that begins with its year (Spark takes `12:30` for today's), or null."""
    text = F.trim(_field(name))
    parsed = F.when(text.rlike(r"^\s*\d{4}(-\d|\s*$)"), F.try_to_timestamp(text))
    return F.when(F.year(parsed).between(1, 9999), parsed)


def _count(name: str) -> Column:
    """A whole number from 0 to what a long holds, also written as 12.0; or null."""
    text = F.trim(_field(name))
    number = F.when(text.rlike(r"^\d{1,18}(\.0+)?$"), F.regexp_extract(text, r"^\d+", 0))
    return number.cast("long")


def _unreadable(name: str, parsed: Column) -> tuple[Column, str]:
    return (~_is_blank(_field(name)) & parsed.isNull(), f"unreadable_{name}")


def _nul_byte(names: tuple[str, ...]) -> tuple[Column, str]:
    everything = F.concat_ws("", *[_field(name) for name in names])
    return (everything.contains("\0"), "nul_byte")


def _outside(labels: dict[str, tuple[str, ...]]) -> Checks:
    facet, label = _field(c.FACET), _field(c.LABEL)
    is_known = facet.isin(*labels) if labels else F.lit(False)
    is_allowed = F.lit(False)
    for name, allowed in labels.items():
        is_allowed = is_allowed | ((facet == name) & label.isin(*allowed))
    return [
        (~_is_blank(facet) & ~is_known, "unknown_facet"),
        (is_known & ~_is_blank(label) & ~is_allowed, "unknown_label"),
    ]


def _checked(records: DataFrame, columns: list[Column], checks: Checks) -> DataFrame:
    """Codes of what is unreadable, or no record at all, stand alone: the fields of such a record mean nothing."""
    found = F.array(*[F.when(F.coalesce(condition, F.lit(False)), F.lit(code)) for condition, code in checks])
    codes = F.array_sort(F.filter(found, lambda code: code.isNotNull()))
    stands_alone = F.exists(c.ERRORS, lambda code: (code == MALFORMED) | code.startswith(SKIPPED))
    errors = F.when(stands_alone, F.col(c.ERRORS)).otherwise(F.array_sort(F.array_union(c.ERRORS, codes)))
    return records.select(*columns, c.RAW, c.RAW_BYTES, errors.alias(c.ERRORS))
