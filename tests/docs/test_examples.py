"""Examples that are marked to be run do run, top to bottom of their page, on tables that look like the suite's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deltalake import write_deltalake

from tests.docs.pages import PAGES, ROOT, blocks

MARKED = [page for page in PAGES if any(block.is_run for block in blocks(page, "python"))]
_LAKE = "/tmp/first-lake"


def small_lake(root: Path) -> None:
    """What ingest_bronze, build_tokens and build_embeddings leave, as far as the examples look at it."""
    rng = np.random.default_rng(5)
    ids = [f"post-{number}" for number in range(40)]
    creators = [f"creator-{number % 8}" for number in range(40)]
    vectors = rng.normal(size=(40, 12))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    languages = ["en", "de"] * 20
    tables = {
        "bronze/content": {"content_id": ids, "creator_id": creators, "body": ["a text"] * 40},
        "silver/tokens": {"content_id": ids, "language": languages},
        "silver/embeddings": {"content_id": ids, "embedding": list(vectors.astype("float32"))},
    }
    for name, columns in tables.items():
        write_deltalake(root / name, pd.DataFrame(columns))


@pytest.mark.parametrize("page", MARKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_marked_examples_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small_lake(tmp_path / "lake")
    texts = tmp_path / "texts" / "someone"
    texts.mkdir(parents=True)
    (texts / "one.txt").write_text("a text of some length " * 20)
    (texts / "short.txt").write_text("too short")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        if block.is_run:
            code = block.code.replace(_LAKE, str(tmp_path / "lake")).replace("/usr/share/doc", str(tmp_path / "texts"))
            exec(compile(code, str(block), "exec"), names)  # the page is the repository's own
    said = capsys.readouterr().out
    assert "40 contents of 8 creators" in said and len(re.findall(r"^0\.\d{3} ", said, re.MULTILINE)) == 5
    assert (tmp_path / "first-picture.png").stat().st_size > 5_000
    assert (tmp_path / "posts.jsonl").read_text().count("\n") == 1


def test_the_quick_start_is_marked() -> None:
    assert MARKED == [ROOT / "docs" / "quick-start.md"]
