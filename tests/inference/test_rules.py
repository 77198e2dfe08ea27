"""Rules that raise a level of risk, and what they leave alone."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Area, RiskAreas, Rule
from linnaeus.features.markup import text_and_links
from linnaeus.inference.rules import with_rules

LURES = Rule(id="lures", words=("free money", "c++", "très"), level="high")
SHORT = Rule(id="short", domains=("bit.ly", "t.co"), level="medium")
AREAS = RiskAreas(areas=(Area(id="spam", name="Spam", rules=(LURES, SHORT)), Area(id="hate", name="Hate")))


def test_levels_are_raised_never_lowered_and_the_reason_is_kept(spark: SparkSession) -> None:
    rows = [
        ("nothing", "hello", {"spam": "low", "hate": "high"}),
        ("short", "www.bit.ly/x", {"spam": "low", "hate": "low"}),
        ("both", "free money: https://t.co/x", {"spam": "medium", "hate": "medium"}),
        ("high already", "www.bit.ly/x", {"spam": "high", "hate": "low"}),
        ("not scored", "free money", None),
        ("of another area", "free money", {"hate": "low"}),
        ("HTML", "<p>free <b>money</b><a href=//t.co>!</a>", {"spam": "low", "hate": "low"}),
        ("an attribute", "<p title='free money'>x</p>", {"spam": "low", "hate": "low"}),
        ("empty", "", {"spam": "low"}),
        ("none", None, {"spam": "low"}),
    ]
    scored = spark.createDataFrame(rows, f"id string, text string, {c.RISK_LEVEL} map<string,string>")
    found = with_rules(scored, F.col("text"), AREAS, text_and_links)
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
        "HTML": ({"spam": "high", "hate": "low"}, {"spam": ["lures", "short"]}),
        "an attribute": ({"spam": "low", "hate": "low"}, None),
        "empty": ({"spam": "low"}, None),
        "none": ({"spam": "low"}, None),
    }


def test_without_rules_nothing_changes(spark: SparkSession) -> None:
    scored = spark.createDataFrame([("a", {"spam": "low"})], f"text string, {c.RISK_LEVEL} map<string,string>")
    found = with_rules(scored, F.col("text"), RiskAreas(areas=(Area(id="spam", name="Spam"),)), text_and_links)
    assert [tuple(row) for row in found.collect()] == [("a", {"spam": "low"}, None)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "a", "level": "high"},
        {"id": "a", "level": "low", "words": ["x"]},
        {"id": "a", "level": "high", "words": [""]},
        {"id": "a", "level": "high", "words": ["\u00ad\u200b"]},
        {"id": "a", "level": "high", "words": ["™"]},
        {"id": "a", "level": "high", "domains": ["https://x.y/"]},
        {"id": "a", "level": "high", "domains": ["x.y/z"]},
        {"id": "a", "level": "high", "domains": ["x.y:80"]},
        {"id": "a", "level": "high", "domains": ["*.x.y"]},
        {"id": "a", "level": "high", "domains": ["x y"]},
    ],
)
def test_rules_that_say_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(wrong)
    with pytest.raises(ValidationError, match="a rule id stands twice"):
        Area(id="spam", name="Spam", rules=(LURES, LURES))
