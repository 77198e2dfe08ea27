"""Texts a second of build_tokens beside Spark NLP's own chain of stages, on the same real texts, in one run.

    .venv/bin/python tests/benchmarks/token_chain.py [--texts 20000] [--rounds 3] [--set SECTION.KEY=VALUE]

Ours is all that build_tokens does to a text: HTML is read, the language told, tokens and their stems made, sentences
counted, and the statistics of its form taken. The chain is assembler, sentences, tokenizer, normaliser, stop words and
stemmer. They take turns, after one round that is not counted. At the end the tokens of all texts are compared, under
like settings: no exceptions, texts already prepared and words that no blank parts set apart, and a tokenizer that reads
a text whole, as ours does.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.ml import Pipeline
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from sparknlp.annotator import Normalizer, SentenceDetector, Stemmer, StopWordsCleaner, Tokenizer
from sparknlp.base import DocumentAssembler

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Config, Tokens, load_config
from linnaeus.features.reading import read_texts
from linnaeus.features.statistics import statistics as text_statistics
from linnaeus.features.text import text
from linnaeus.features.tokens import _stop_words, tokenize
from linnaeus.features.words import spaced, with_blanks
from linnaeus.runtime.spark import build_session
from tests.benchmarks.support import print_table, timed
from tests.benchmarks.texts import as_frame, distinct

OURS = "build_tokens, with stems"
DEFAULTS = "build_tokens, as it is set"
CHAIN = "Spark NLP: assembler, sentences, tokenizer, normaliser, stop words, stemmer"
SPLIT = "Spark NLP: assembler, sentences, tokenizer"
_ASKED = "1.7"


def main() -> None:
    """Measure, print and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    config = load_config("local", ["spark.master=local[2]", *options.set])
    session = build_session(config, "benchmark")
    texts = as_frame(session, distinct(config, options.texts)).select(c.CONTENT_HASH, text().alias(c.TEXT)).cache()
    mean = texts.agg(F.avg(F.length(c.TEXT))).first()
    assert mean is not None
    speeds = _speeds(_ways(config, texts), options.texts, options.rounds)
    _print(speeds, f"{options.texts:,} texts of {mean[0]:.0f} characters, {options.rounds} rounds in turn")
    _compare(config.tokens, texts)
    session.stop()


def _ways(config: Config, texts: DataFrame) -> dict[str, Callable[[], DataFrame]]:
    stems = config.tokens.model_copy(update={"normal_form": "stem"})
    return {
        OURS: lambda: _ours(texts, stems),
        DEFAULTS: lambda: _ours(texts, config.tokens),
        CHAIN: lambda: _through(texts, _chain(config.tokens, of_sentences=True)).select("stem.result"),
        SPLIT: lambda: _through(texts, _chain(config.tokens, of_sentences=True)[:3]).select("token.result"),
    }


def _ours(texts: DataFrame, settings: Tokens) -> DataFrame:
    rows = tokenize(read_texts(texts, settings), settings)
    return rows.select(
        c.CONTENT_HASH,
        c.LANGUAGE,
        c.TOKENS,
        c.N_TOKENS,
        text_statistics(F.col(c.TEXT), F.col(c.APART)).alias(c.STATISTICS),
        c.N_SENTENCES,
    )


def _chain(settings: Tokens, of_sentences: bool) -> list[Any]:
    stages: list[Any] = [DocumentAssembler().setInputCol(c.TEXT).setOutputCol("document")]
    if of_sentences:
        stages.append(SentenceDetector().setInputCols(["document"]).setOutputCol("sentence"))
    normalizer = Normalizer().setInputCols(["token"]).setOutputCol("normal").setLowercase(settings.lowercase)
    normalizer = normalizer.setCleanupPatterns(list(settings.clean_up_patterns))
    stop_words = StopWordsCleaner().setInputCols(["normal"]).setOutputCol("clean").setStopWords(_stop_words("en"))
    return [
        *stages,
        Tokenizer().setInputCols(["sentence" if of_sentences else "document"]).setOutputCol("token"),
        normalizer.setMinLength(settings.min_length).setMaxLength(settings.max_length),
        stop_words,
        Stemmer().setInputCols(["clean"]).setOutputCol("stem"),
    ]


def _through(rows: DataFrame, stages: list[Any]) -> DataFrame:
    return Pipeline(stages=stages).fit(rows.limit(0)).transform(rows)


def _speeds(ways: dict[str, Callable[[], DataFrame]], n: int, rounds: int) -> dict[str, list[float]]:
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for counted in range(rounds + 1):
        for name, way in ways.items():
            rows = way()
            with timed() as clock:
                rows.write.format("noop").mode("overwrite").save()
            if counted:
                speeds[name].append(n / clock.seconds)
                print(f"{name}: {speeds[name][-1]:.0f} texts/s", file=sys.stderr, flush=True)
    return speeds


def _print(speeds: dict[str, list[float]], on: str) -> None:
    rows = []
    for name, values in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(speeds[OURS], values, strict=True))
        shown = "" if name == OURS else f"**{ratio:.2f}**" + (f" (asked: {_ASKED})" if name == CHAIN else "")
        rows.append((name, *(f"{one:,.0f}" for one in (statistics.median(values), min(values), max(values))), shown))
    header = ("what", "texts a second, median", "min", "max", f"{OURS}, to it")
    print_table(f"Tokens: {on}", header, rows)


def _compare(settings: Tokens, texts: DataFrame) -> None:
    """Raises SystemExit where tokens differ."""
    alike = settings.model_copy(
        update={"normal_form": "stem", "exceptions": (), "stop_words": ("en",), "detect_sentences": False}
    )
    plain = read_texts(texts, settings).withColumn(c.LANGUAGE, F.lit("en"))
    ours = tokenize(plain, alike).select(c.CONTENT_HASH, c.TOKENS)
    ready = plain.select(c.CONTENT_HASH, with_blanks(spaced(F.col(c.TEXT), F.col(c.APART))).alias(c.TEXT))
    theirs = _through(ready, _chain(alike, of_sentences=False)).select(c.CONTENT_HASH, "stem.result")
    both = ours.join(theirs, c.CONTENT_HASH)
    found = both.agg(F.count(F.lit(1)), F.count_if(F.col(c.TOKENS) == F.col("result"))).first()
    assert found is not None
    print(f"\nTokens under like settings: the same in {found[1]:,} of {found[0]:,} texts.")
    if found[0] != found[1]:
        raise SystemExit("the tokens are not those of Spark NLP's chain")


if __name__ == "__main__":
    main()
