"""Texts a second that rules are applied to, beside a pattern of Java's a rule, on the same real texts, in turns.

    .venv/bin/python tests/benchmarks/rules.py [--texts 20000] [--rounds 3]

The patterns are those that rules were before they read what people read: they find less.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Area, RiskAreas, Rule, load_config
from linnaeus.features.markup import text_and_links
from linnaeus.features.text import text
from linnaeus.inference.rules import with_rules
from linnaeus.runtime.spark import build_session
from tests.benchmarks.support import print_table, timed
from tests.benchmarks.texts import as_frame, distinct

_WORDS = (
    "free money,wire transfer,bitcoin,giveaway,click here,winner,urgent,loan,casino,viagra,password,account,gift card,"
    "crypto,invest,lottery,prize,cheap,discount,subscribe"
).split(",")
_FEW = (
    Rule(id="lures", words=tuple(_WORDS[:3]), level="high"),
    Rule(id="shorteners", domains=("bit.ly", "t.co"), level="medium"),
)
_MANY = tuple(
    Rule(id=f"r{i}", words=tuple(f"{one} {i}" if i else one for one in _WORDS), domains=(f"bit{i}.ly",), level="high")
    for i in range(10)
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    config = load_config("local", ["spark.master=local[2]"])
    session = build_session(config, "benchmark")
    levels = F.create_map(F.lit("spam"), F.lit("low")).alias(c.RISK_LEVEL)
    texts = as_frame(session, distinct(config, options.texts)).select(text().alias(c.TEXT), levels).cache()
    rows = []
    for name, rules in (("2 rules", _FEW), ("10 rules of 20 words and a domain", _MANY)):
        patterns = _speeds(lambda rules=rules: _by_patterns(texts, rules), options)  # type: ignore[misc]
        ours = _speeds(lambda rules=rules: _by_search(texts, rules), options)  # type: ignore[misc]
        rows.append((name, f"{patterns:,.0f}", f"{ours:,.0f}", f"**{ours / patterns:.2f}**"))
    print_table("Rules", ("what", "patterns, texts a second", "with_rules", "ratio"), rows)
    session.stop()


def _speeds(way: Callable[[], DataFrame], options: argparse.Namespace) -> float:
    """The median of some rounds, after one that is not counted."""
    found = []
    for _ in range(options.rounds + 1):
        rows = way()
        with timed() as clock:
            rows.write.format("noop").mode("overwrite").save()
        found.append(options.texts / clock.seconds)
    return statistics.median(found[1:])


def _by_search(texts: DataFrame, rules: tuple[Rule, ...]) -> DataFrame:
    areas = RiskAreas(areas=(Area(id="spam", name="Spam", rules=rules),))
    return with_rules(texts, F.col(c.TEXT), areas, text_and_links).select(c.RISK_LEVEL, c.RISK_REASONS)


def _by_patterns(texts: DataFrame, rules: tuple[Rule, ...]) -> DataFrame:
    fired = [F.when(_matches(rule, F.col(c.TEXT)), F.lit(rule.id)) for rule in rules]
    return texts.select(c.RISK_LEVEL, F.array_compact(F.array(*fired)).alias("fired"))


def _matches(rule: Rule, text: Column) -> Column:
    words, domains = ("|".join(map(re.escape, found)) for found in (rule.words, rule.domains))
    found = F.lit(False)
    if words:
        found = found | text.rlike(rf"(?iu)(?<![\p{{L}}\p{{N}}])(?:{words})(?![\p{{L}}\p{{N}}])")
    if domains:
        ends = r"(?=[\s/?#:,;)\]\"'>]|\.?$|\.\s)"
        found = found | text.rlike(rf"(?iu)(?:https?://|www\.)(?:[^\s/?#]*[.@])?(?:{domains}){ends}")
    return found


if __name__ == "__main__":
    main()
