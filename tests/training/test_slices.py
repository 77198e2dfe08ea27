"""Slices by language, kind, the creator's size and age, by hand; and how many creators made a slice's contents."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.training.distinct import KEPT, count, least
from linnaeus.training.evaluation import SLICES, judged
from linnaeus.training.slices import with_dimensions


def test_the_slices_of_contents(spark: SparkSession) -> None:
    """`big` has 100 contents, `mid` ten, both long known; `late` began within 90 days of the newest; `no time` none."""
    newest, old = datetime.datetime(2024, 6, 30), datetime.datetime(2023, 1, 1)
    sizes = {"big": (100, old), "mid": (10, old), "late": (9, newest), "no time": (1, None)}
    rows = [(f"{name} {i}", name, "text", when) for name, (n, when) in sizes.items() for i in range(n)]
    rows.append(("late again", "late", "video", newest - datetime.timedelta(days=90)))
    schema = "content_id string, creator_id string, kind string, published_at timestamp"
    content = spark.createDataFrame(rows, schema)
    languages = [(one[0], "en" if one[1] != "big" else "de") for one in rows if one[1] != "no time"]
    tokens = spark.createDataFrame(languages, "content_id string, language string")
    judging = content.where(F.col(c.CONTENT_ID).isin("big 0", "mid 3", "late 1", "late again", "no time 0"))
    found = judged(*with_dimensions(judging.drop(c.PUBLISHED_AT), content, tokens, days=90))
    slices = {row[c.CONTENT_ID]: set(row[SLICES]) - {"overall"} for row in found.collect()}
    assert slices == {
        "big 0": {"language=de", "kind=text", "creator_size=100 or more", "creator=known"},
        "mid 3": {"language=en", "kind=text", "creator_size=10 to 99", "creator=known"},
        "late 1": {"language=en", "kind=text", "creator_size=10 to 99", "creator=new"},
        "late again": {"language=en", "kind=video", "creator_size=10 to 99", "creator=new"},
        "no time 0": {"kind=text", "creator_size=under 10"},
    }


def test_few_keys_are_counted_many_estimated() -> None:
    rng = np.random.default_rng(0)
    for n, tolerance in ((0, 0.0), (1, 0.0), (KEPT - 1, 0.0), (KEPT, 0.06), (50_000, 0.06), (500_000, 0.06)):
        keys = rng.integers(-(2**63), 2**63 - 1, n)
        parts = [least(part) for part in np.array_split(np.repeat(keys, 2), 5)]
        assert count(least(*parts)) == pytest.approx(n, rel=tolerance)
        np.testing.assert_array_equal(least(*parts), least(keys))
