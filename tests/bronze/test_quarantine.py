"""What is set aside: one row a distinct record, found again by the same id, with its very bytes."""

from __future__ import annotations

import hashlib

from pyspark.sql import SparkSession

from linnaeus.bronze.quarantine import quarantine
from linnaeus.contracts import tables


def test_quarantine(spark: SparkSession) -> None:
    rows = [
        ("{broken", None, ["malformed_record"]),
        ("{broken", None, ["malformed_record"]),
        ("{}", None, ["missing_body", "missing_content_id"]),
        ("caf\ufffd", bytearray(b"caf\xe9"), ["invalid_utf8"]),
        ("caf\ufffd", bytearray(b"caf\xe8"), ["invalid_utf8"]),  # shown alike, yet another record
        ("caf\ufffd", None, ["malformed_record"]),
        ("😀", None, ["malformed_record"]),
    ]
    frame = spark.createDataFrame(rows, "raw string, raw_bytes binary, errors array<string>").repartition(3)
    content, votes = quarantine(frame, "content"), quarantine(frame, "votes")
    stored = [field for field in tables.QUARANTINE.schema.fields if field.name not in tables.QUARANTINE.stamps]
    assert [(f.name, f.dataType) for f in content.schema.fields] == [(f.name, f.dataType) for f in stored]

    found = {row["record_id"]: row for row in content.union(votes).collect()}
    assert len(found) == 12, "six records, by two sources"
    for source in ("content", "votes"):
        for raw, raw_bytes, errors in rows:
            bytes_ = bytes(raw_bytes) if raw_bytes is not None else raw.encode()
            row = found[hashlib.sha256(source.encode() + b"\n" + bytes_).hexdigest()]
            assert (row["source"], row["raw"], row["errors"]) == (source, raw, errors)
            assert row["raw_bytes"] == raw_bytes
            assert row["occurrences"] == (2 if raw == "{broken" else 1)


def test_nothing_is_set_aside_of_nothing(spark: SparkSession) -> None:
    frame = spark.createDataFrame([], "raw string, raw_bytes binary, errors array<string>")
    assert quarantine(frame, "content").isEmpty()
