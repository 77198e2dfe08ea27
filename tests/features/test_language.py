"""The language of a text."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.features.language import UNDETERMINED, language

CASES = {
    "The committee will publish its report on the future of public transport next week.": "en",
    "Le comité publiera son rapport sur l'avenir des transports publics la semaine prochaine.": "fr",
    "El comité publicará la próxima semana su informe sobre el futuro del transporte público.": "es",
    "Der Ausschuss wird nächste Woche seinen Bericht über die Zukunft des Nahverkehrs veröffentlichen.": "de",
    "Комитет опубликует свой доклад о будущем общественного транспорта на следующей неделе.": "ru",
    "委員会は来週、公共交通の将来に関する報告書を公表する予定です。": "ja",
    "": UNDETERMINED,
    " \n ": UNDETERMINED,
    "12345 67.89 %": UNDETERMINED,
    "!!! 😀 ???": UNDETERMINED,
    "a": UNDETERMINED,
    "7 x 7": UNDETERMINED,
}


def test_languages_in_one_batch(spark: SparkSession) -> None:
    rows = spark.createDataFrame([*((text,) for text in CASES), (None,)], "text string").coalesce(1)
    found = {
        row["text"]: row["language"] for row in rows.select("text", language(F.col("text")).alias("language")).collect()
    }
    assert found == {**CASES, None: UNDETERMINED}


def test_two_letters_on_two_lines_are_letters_enough(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("a\nb",)], "text string")
    row = rows.select(language(F.col("text")).alias("language")).first()
    assert row is not None and row["language"] != UNDETERMINED


def test_a_batch_without_any_letter(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("1",), ("2",)], "text string").coalesce(1)
    found = rows.select(language(F.col("text")).alias("language")).collect()
    assert [row["language"] for row in found] == [UNDETERMINED, UNDETERMINED]


def test_the_first_lines_decide(spark: SparkSession) -> None:
    english = next(text for text, code in CASES.items() if code == "en")
    german = next(text for text, code in CASES.items() if code == "de")
    rows = spark.createDataFrame([(english * 15 + german * 200,)], "text string")
    row = rows.select(language(F.col("text")).alias("language")).first()
    assert row is not None and row["language"] == "en"
