"""Texts as their readers see them, and their language, in one crossing to Python."""

from __future__ import annotations

import re

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Tokens, load_config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.features.language import UNDETERMINED
from linnaeus.features.reading import read_texts
from linnaeus.features.statistics import statistics
from linnaeus.features.tokens import tokenize

ENGLISH = "The committee will publish its report on public transport next week"


@pytest.fixture
def settings() -> Tokens:
    return load_config("local").tokens


def test_html_is_gone_and_the_language_is_that_of_what_is_left(spark: SparkSession, settings: Tokens) -> None:
    cases = [
        (f"<p class='über die'>{ENGLISH}</p>", ENGLISH, "en"),
        (f" {ENGLISH} &lt;3 ", f"{ENGLISH} <3", "en"),
        ("<p><br></p>", "", UNDETERMINED),
        ("", "", UNDETERMINED),
        (None, "", UNDETERMINED),
        ("e\u0301te\u0301", "été", None),
        ("<p>שלום עולם, מה שלומך היום?</p>", "שלום עולם, מה שלומך היום?", "he"),
        ("😀 <b>😀</b>", "😀 😀", UNDETERMINED),
    ]
    rows = spark.createDataFrame([(i, text) for i, (text, _, _) in enumerate(cases)], f"place int, {c.TEXT} string")
    found = read_texts(rows, settings)
    assert found.columns == ["place", c.TEXT, c.LANGUAGE, c.APART]
    for row in found.collect():
        _, plain, language = cases[row["place"]]
        assert row[c.TEXT] == plain
        assert language in (None, row[c.LANGUAGE])


def test_no_language_is_told_where_none_is_asked_for(spark: SparkSession, settings: Tokens) -> None:
    rows = spark.createDataFrame([(ENGLISH,)], [c.TEXT])
    off = settings.model_copy(update={"detect_language": False, "languages": ()})
    assert read_texts(rows, off).collect()[0][c.LANGUAGE] == UNDETERMINED


def test_an_unknown_language_is_refused_before_anything_runs(spark: SparkSession, settings: Tokens) -> None:
    rows = spark.createDataFrame([(ENGLISH,)], [c.TEXT])
    with pytest.raises(ConfigurationError, match=r"tokens\.languages: 'xx'"):
        read_texts(rows, settings.model_copy(update={"languages": ("en", "xx")}))


def test_python_is_crossed_to_once_by_arrow(spark: SparkSession, settings: Tokens) -> None:
    rows = spark.createDataFrame([(ENGLISH,)], [c.TEXT])
    tokens = tokenize(read_texts(rows, settings), settings).withColumn(c.STATISTICS, statistics(F.col(c.TEXT)))
    plan = tokens._jdf.queryExecution().executedPlan().toString()
    assert re.findall(r"\w*(?:Python|InPandas|InArrow)\w*", plan) == ["ArrowEvalPython"]
