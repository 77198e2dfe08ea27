"""Near-duplicates across the split, against all pairs by loops."""

from __future__ import annotations

import numpy as np
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.training.leakage import without_leaks
from linnaeus.training.split import CALIBRATION, HELD_OUT, TRAIN

N_HASHES = 64
SCHEMA = f"{c.CONTENT_ID} string, {c.CONTENT_HASH} string, {c.PART} string, {c.SIGNATURE} array<int>"


def test_train_rows_that_agree_with_others_are_left_out(spark: SparkSession) -> None:
    """Signatures that agree with a held-out one at all, most, half and none of their places."""
    rng = np.random.default_rng(1)
    judged = {name: rng.integers(0, 1 << 30, N_HASHES) for name in ("one", "two")}
    rows = [
        ("one", "h-one", HELD_OUT, judged["one"].tolist()),
        ("two", "h-two", CALIBRATION, judged["two"].tolist()),
    ]
    expected = {"one", "two"}
    for i in range(60):
        base = judged["one" if i % 2 else "two"].copy()
        changed = rng.choice(N_HASHES, rng.choice([0, 6, 12, 16, 32, 60]), replace=False)
        base[changed] = rng.integers(0, 1 << 30, len(changed))
        name = f"train {i}"
        rows.append((name, f"h-{name}", TRAIN, base.tolist()))
        agreement = max((base == one).mean() for one in judged.values())
        # Seven of eight places: a band of four that agrees is there but once in ten thousand times.
        if agreement < 0.8:
            expected.add(name)
    found = without_leaks(spark.createDataFrame(rows, SCHEMA).repartition(3), at_least=0.8)
    assert found.columns == [c.CONTENT_ID, c.CONTENT_HASH, c.PART, c.SIGNATURE]
    kept = [row[c.CONTENT_ID] for row in found.collect()]
    assert len(kept) == len(set(kept))
    assert set(kept) == expected


def test_the_same_text_without_a_word_and_rows_of_no_signature(spark: SparkSession) -> None:
    rows = [
        ("a", "same", TRAIN, None),
        ("b", "same", HELD_OUT, None),
        ("c", "own", TRAIN, None),
        ("d", "twin", TRAIN, list(range(N_HASHES))),
        ("e", "twin too", TRAIN, list(range(N_HASHES))),  # near-duplicates on one side may stay
    ]
    found = without_leaks(spark.createDataFrame(rows, SCHEMA), at_least=0.8)
    assert {row[c.CONTENT_ID] for row in found.collect()} == {"b", "c", "d", "e"}
