"""build_tokens as a job: rich text in, rows of silver.tokens out; nothing written for a wrong setting."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs import build_tokens, ingest_bronze
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig
from tests.jobs import tiny

RICH = "<p>Listen to the <b>new</b> album at https://example.com/a?b=c&amp;d=1.</p><p>It is &lt;3!</p>"
CONTENT = [
    {"content_id": "rich", "creator_id": "a", "title": "My first album is here", "body": RICH},
    {"content_id": "german", "creator_id": "a", "body": "Das ist das Haus, in dem wir alle zusammen wohnen."},
    {"content_id": "markup", "creator_id": "b", "body": "<p><br></p>"},
    {"content_id": "picture", "creator_id": "b", "kind": "image", "uri": "a.png"},
]

LABELS = [{"item_id": "rich", "facet": "risk.spam", "label": "no"}]


def test_rich_text_is_tokenised_as_it_is_read(spark: SparkSession, make_config: MakeConfig, tmp_path: Path) -> None:
    sources = tiny.write(tmp_path / "sources", CONTENT, LABELS)
    config = make_config(*tiny.FAST, *sources, "tokens.stop_words=[en, de]")
    ingest_bronze.main(config)
    assert build_tokens.main(config).rows_written == len(CONTENT)
    rows = {row[c.CONTENT_ID]: row for row in Lake(spark, config).read(tables.TOKENS).collect()}
    rich = rows["rich"]
    assert rich[c.TOKENS] == ["first", "album", "listen", "new", "album", "https://example.com/a?b=c&d=1", "3"]
    assert (rich[c.LANGUAGE], rich[c.N_TOKENS], rich[c.N_SENTENCES]) == ("en", 7, 3)
    plain = "My first album is here\nListen to the new album at https://example.com/a?b=c&d=1.\nIt is <3!"
    assert rich[c.STATISTICS]["n_characters"] == pytest.approx(math.log1p(len(plain)), rel=1e-6)
    assert (rows["german"][c.LANGUAGE], rows["german"][c.TOKENS]) == ("de", ["haus", "zusammen", "wohnen"])
    for name in ("markup", "picture"):
        row = rows[name]
        assert (row[c.TOKENS], row[c.LANGUAGE], row[c.N_SENTENCES]) == ([], "und", 0)
        assert set(row[c.STATISTICS].asDict().values()) == {0.0}
    assert build_tokens.main(config).rows_read == 0
    again = make_config(*tiny.FAST, *sources, "tokens.ngrams=[1, 2]", "features.bigrams=false")
    assert build_tokens.main(again).rows_written == len(CONTENT)


@pytest.mark.parametrize(
    "setting",
    [
        "tokens.stop_words=[xx]",
        "tokens.languages=[en, xx]",
        "tokens.languages=[]",
        "tokens.clean_up_patterns=['[a-']",
        "tokens.normal_form=lemma",
    ],
)
def test_a_wrong_setting_writes_nothing(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path, setting: str
) -> None:
    config = make_config(*tiny.FAST, *tiny.write(tmp_path / "sources", CONTENT[:1], LABELS), setting)
    ingest_bronze.main(config)
    with pytest.raises(ConfigurationError, match="tokens"):
        build_tokens.main(config)
    assert not Lake(spark, config).exists(tables.TOKENS)
