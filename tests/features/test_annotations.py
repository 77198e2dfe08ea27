"""Annotations as expressions are those of Spark NLP's own stages."""

from __future__ import annotations

from pyspark.ml import Pipeline
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sparknlp.annotator import Stemmer, Tokenizer
from sparknlp.base import DocumentAssembler

from linnaeus.features.annotations import documents, tokens

TEXTS = ["The cats sat.", "Ärger, 日本語", " ", "two\nlines"]


def test_documents_are_those_of_the_assembler(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(text,) for text in TEXTS], "text string")
    theirs = DocumentAssembler().setInputCol("text").setOutputCol("theirs").transform(rows)
    both = theirs.withColumn("ours", documents(F.array("text")))
    assert both.schema["ours"].metadata == {"annotatorType": "document"}
    assert [row["ours"] for row in both.collect()] == [row["theirs"] for row in both.collect()]


def test_stages_read_both(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(["cats", "running"],), ([],)], "words array<string>")
    rows = rows.withColumn("token", tokens(F.col("words")))
    rows = rows.withColumn("document", documents(F.array(F.array_join("words", " "))))
    stages = [
        Stemmer().setInputCols(["token"]).setOutputCol("stem"),
        Tokenizer().setInputCols(["document"]).setOutputCol("again"),
    ]
    found = Pipeline(stages=stages).fit(rows).transform(rows).select("stem.result", "again.result").collect()
    assert [tuple(row) for row in found] == [(["cat", "run"], ["cats", "running"]), ([], [])]
