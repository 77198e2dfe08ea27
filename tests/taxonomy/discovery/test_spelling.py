"""Terms as people write them, read off texts."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.taxonomy.discovery.spelling import as_token, spelled, spellings, terms_of, titled
from linnaeus.taxonomy.tree import CURATED, Node, Tree


@pytest.mark.parametrize(
    ("word", "token", "written"),
    [
        ("(U.S.)", "us", "U.S."),
        ("US,", "us", "US"),
        ("Iraq's", "iraqs", "Iraq's"),
        ("iPhone!", "iphone", "iPhone"),
        ("«École»", "école", "École"),
        ("हिन्दी।", "हिन्दी", "हिन्दी"),
        ("end.", "end", "end"),
        ("--", "", ""),
        ("&", "", "&"),
        ("x" * 41, "", ""),
    ],
)
def test_a_word_is_a_token_without_signs_in_lower_case(word: str, token: str, written: str) -> None:
    assert as_token(word) == (token, written)


def test_terms_are_spelled_as_most_texts_have_them(spark: SparkSession) -> None:
    texts = [
        "The US and the Bank of England: iPhone sales.",
        "US trade. Tell us of the BANK OF ENGLAND.",
        "The Bank of England met; a bank in the north of England did not.",
        "A prime minister, the prime minister and (the) Prime Minister",
        "Dungeons & Dragons; dungeons -- and dragons",
        None,
        "",
    ]
    frame = spark.createDataFrame([(one,) for one in texts], f"{c.TEXT} string").repartition(3)
    wanted = {
        "us",
        "bank england",
        "iphone",
        "prime minister",
        "england",
        "sales",
        "nowhere",
        "north england",
        "dungeons dragons",
    }
    assert spellings(frame, wanted) == {
        "us": "US",
        "bank england": "Bank of England",
        "iphone": "iPhone",
        "prime minister": "prime minister",
        "england": "England",
        "sales": "sales",
        "north england": "north of England",
        "dungeons dragons": "Dungeons & Dragons",
    }
    assert spellings(frame, set()) == {}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("US", "US"),
        ("prime minister", "Prime Minister"),
        ("Bank of England", "Bank of England"),
        ("lord of the rings", "Lord of the Rings"),
        ("iPhone", "iPhone"),
        ("don't", "Don't"),
        ("été", "Été"),
        ("फ़िल्म", "फ़िल्म"),
    ],
)
def test_a_term_in_a_name_begins_with_a_capital(written: str, name: str) -> None:
    assert titled(written) == name


def test_discovered_nodes_are_spelled_and_curated_ones_stay() -> None:
    tree = Tree.of(
        [
            Node("a", "us, bank england", keywords=("us", "bank england", "rate")),
            Node("b", "us talk", keywords=("us",), origin=CURATED),
        ]
    )
    assert terms_of(tree) == {"us", "bank england", "rate"}
    found = spelled(tree, {"us": "US", "bank england": "Bank of England"})
    assert (found.nodes["a"].name, found.nodes["a"].keywords) == (
        "US, Bank of England",
        ("US", "Bank of England", "rate"),
    )
    assert found.nodes["b"] == tree.nodes["b"]
    numbered = Tree.of([Node("a", "bank england, us 2", keywords=("us", "bank england"))])
    assert spelled(numbered, {"us": "US", "bank england": "Bank of England"}).nodes["a"].name == "Bank of England, US 2"
