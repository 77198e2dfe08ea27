"""Counts of sentences by the real Spark NLP stage."""

from __future__ import annotations

import random

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sparknlp.annotator import SentenceDetector

from linnaeus.features.annotations import documents
from linnaeus.features.sentences import _ENDS_ELSEWHERE, _pieces, count_sentences

# What the detector's rules are about, and what they may be taken for.
PARTS = (
    *"abXY .,;:!?-()\"'\n\t1",
    *("...", "!!", "? ", ". ", "Mr.", "p.m.", "U.S.", "e.g. ", "No. 5", "3.5", " I ", " And ", "'s ", "(see. This)"),
    *(
        "http://x.org/a",
        "a@b.org",
        "\uf050",
        "\uf056",
        "\uf057",
        "。",
        "؟",
        "！",
        "។",
        "…",
        "é",
        "日本",
        "😀",
        "\x00",
        "\u2028",
    ),
)


def counted(spark: SparkSession, texts: list[str | None]) -> list[int]:
    rows = spark.createDataFrame(list(enumerate(texts)), "place int, text string")
    found = count_sentences(rows, "text", "n")
    assert found.columns == ["place", "text", "n"]
    return [row["n"] for row in found.orderBy("place").collect()]


def test_a_text_without_anything_to_read_has_none(spark: SparkSession) -> None:
    assert counted(spark, [None, "", " ", "\n \n", "\x00"]) == [0, 0, 0, 0, 0]


def test_signs_at_a_lines_end_and_within(spark: SparkSession) -> None:
    cases = {
        "no sign": 1,
        "One.": 1,
        "One. \t": 1,
        "One!\nTwo;\nThree": 3,
        ".": 1,
        "He said. Then he left": 2,
        "a; b": 2,
        "Ask Mr. Smith": 1,
        "终わり。": 1,
        "。": 0,
        "ខ្ញុំទៅផ្សារ។ គាត់ទិញទូរស័ព្ទ៕": 2,
        "ကျွန်တော်ဖတ်တယ်။သူသွားတယ်။": 2,
        "買ったよ｡安かった｡": 2,
        "Բարև։ Ո՞ւր ես։": 2,
        "ሰላም። ደህና ነህ።": 2,
        "one\uf050two": 2,
        "At 3.5 per cent": 1,
    }
    assert dict(zip(cases, counted(spark, list(cases)), strict=True)) == cases


def test_counts_are_those_of_the_detector_over_every_piece(spark: SparkSession) -> None:
    draw = random.Random(5)
    texts = ["".join(draw.choices(PARTS, k=draw.randint(1, 12))) for _ in range(2000)]
    rows = spark.createDataFrame(list(enumerate(texts)), "place int, text string")
    rows = rows.withColumn("document", documents(_pieces(F.col("text"))))
    detector = SentenceDetector().setInputCols(["document"]).setOutputCol("sentence")
    detector = detector.setDetectLists(False).setCustomBounds([f"[{_ENDS_ELSEWHERE}]"])
    theirs = detector.transform(rows).select("place", F.size("sentence").alias("n")).orderBy("place").collect()
    assert counted(spark, list(texts)) == [row["n"] for row in theirs]
