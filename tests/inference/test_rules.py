"""Rules that raise a level of risk, and what they leave alone."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Area, RiskAreas, Rule
from linnaeus.inference.rules import matches, with_rules

LURES = Rule(id="lures", words=("free money", "c++", "très"), level="high")
SHORT = Rule(id="short", domains=("bit.ly", "t.co"), level="medium")
AREAS = RiskAreas(areas=(Area(id="spam", name="Spam", rules=(LURES, SHORT)), Area(id="hate", name="Hate")))


@pytest.mark.parametrize(
    ("text", "lures", "short"),
    [
        ("Get FREE Money now", True, False),
        ("free moneybags", False, False),
        ("scotfree money", False, False),
        ("I write C++, mostly", True, False),
        ("c+++", True, False),  # what follows is no letter
        ("xc++", False, False),
        ("TRÈS bien", True, False),
        ("see https://bit.ly/abc", False, True),
        ("see HTTP://www.BIT.LY.", False, True),
        ("www.bit.ly", False, True),
        ("(https://go.t.co)", False, True),
        ("https://t.com/x", False, False),
        ("https://habit.ly/x", False, False),
        ("https://example.com/bit.ly", False, False),
        ("bit.ly", False, False),  # no link
        ("free\nmoney", False, False),
        (None, False, False),
        ("", False, False),
    ],
)
def test_what_matches(spark: SparkSession, text: str | None, lures: bool, short: bool) -> None:
    row = (
        spark.createDataFrame([(text,)], "text string")
        .select(matches(LURES, F.col("text")).alias("lures"), matches(SHORT, F.col("text")).alias("short"))
        .first()
    )
    assert row is not None and (row["lures"], row["short"]) == (lures, short)


def test_levels_are_raised_never_lowered_and_the_reason_is_kept(spark: SparkSession) -> None:
    rows = [
        ("nothing", "hello", {"spam": "low", "hate": "high"}),
        ("short", "www.bit.ly/x", {"spam": "low", "hate": "low"}),
        ("both", "free money: https://t.co/x", {"spam": "medium", "hate": "medium"}),
        ("high already", "www.bit.ly/x", {"spam": "high", "hate": "low"}),
        ("not scored", "free money", None),
        ("of another area", "free money", {"hate": "low"}),
    ]
    scored = spark.createDataFrame(rows, f"id string, text string, {c.RISK_LEVEL} map<string,string>")
    found = with_rules(scored, F.col("text"), AREAS)
    assert found.columns == ["id", "text", c.RISK_LEVEL, c.RISK_REASONS]
    assert found.schema[c.RISK_REASONS].dataType.simpleString() == "map<string,array<string>>"
    by_id = {row["id"]: (row[c.RISK_LEVEL], row[c.RISK_REASONS]) for row in found.collect()}
    assert by_id == {
        "nothing": ({"spam": "low", "hate": "high"}, None),
        "short": ({"spam": "medium", "hate": "low"}, {"spam": ["short"]}),
        "both": ({"spam": "high", "hate": "medium"}, {"spam": ["lures", "short"]}),
        "high already": ({"spam": "high", "hate": "low"}, {"spam": ["short"]}),
        "not scored": (None, {"spam": ["lures"]}),
        "of another area": ({"hate": "low"}, {"spam": ["lures"]}),
    }


def test_without_rules_nothing_changes(spark: SparkSession) -> None:
    scored = spark.createDataFrame([("a", {"spam": "low"})], f"text string, {c.RISK_LEVEL} map<string,string>")
    found = with_rules(scored, F.col("text"), RiskAreas(areas=(Area(id="spam", name="Spam"),)))
    assert [tuple(row) for row in found.collect()] == [("a", {"spam": "low"}, None)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "a", "level": "high"},
        {"id": "a", "level": "low", "words": ["x"]},
        {"id": "a", "level": "high", "words": [""]},
        {"id": "a", "level": "high", "domains": ["https://x.y/"]},
    ],
)
def test_rules_that_say_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(wrong)
    with pytest.raises(ValidationError, match="a rule id stands twice"):
        Area(id="spam", name="Spam", rules=(LURES, LURES))
