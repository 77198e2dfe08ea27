"""Notebooks run top to bottom as a user runs them, on one small lake in one kernel, and show their pictures."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts.config import repository
from linnaeus.suite.notebooks import PARAMETERS, read_source, to_ipynb, to_source
from tests import missing
from tests.tiny_embedder import make_embedder

FOLDER = (repository() or Path()) / "notebooks"
ALL = sorted(path.stem for path in FOLDER.glob("*.py"))
PNG = b"\x89PNG"
missing.need_package("nbclient")

from tests.golden import Golden, copied  # noqa: E402
from tests.jobs import flowed  # noqa: E402
from tests.jobs.flowed import settings  # noqa: E402
from tests.notebooks.kernel import Kernel, Shown  # noqa: E402


@pytest.mark.parametrize("name", ALL)
def test_a_notebook_is_for_people_and_calls_the_library(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    cells = read_source(text, name)
    code = [cell.text for cell in cells if cell.kind == "code"]
    assert cells[0].kind == "markdown" and cells[0].text.startswith("# ")
    assert sum(cell.kind == "markdown" for cell in cells) >= 0.5 * len(code), "prose between the cells"
    assert sum(one.startswith(PARAMETERS) for one in code) == 1
    for one in code:
        if not one.startswith("%"):
            compile(one, name, "exec")
        assert "matplotlib" not in one and "Window" not in one, "what draws and computes lives in the library"
        assert len(one.split("\n")) <= 15, "a cell that long is a function of the library"
    assert to_source(to_ipynb(cells)) == text


@pytest.fixture(scope="module")
def folder(spark: SparkSession, golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a lake that a flow has filled."""
    return copied(golden.made(flowed.NAME, flowed.make), tmp_path_factory.mktemp("notebooks"))


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[Kernel]:
    """A kernel, in which the notebooks share a Spark session."""
    made = Kernel()
    try:
        yield made
    finally:
        made.end()


def check(shown: Shown, parts: list[str]) -> None:
    """The notebook shows these pictures, told by parts of what they say."""
    assert len(shown.said) == len(parts), shown.said
    assert not [said for said, part in zip(shown.said, parts, strict=True) if part not in said]
    assert all(one.startswith(PNG) and len(one) > 5_000 for one in shown.pictures)


@pytest.mark.slow
def test_explore_content(kernel: Kernel, folder: Path) -> None:
    shown = kernel.run("explore_content", SETTINGS=settings(folder))
    pictures = [
        "Contents published a month, 2024-01 to 2024-01",
        "How long are the texts?: most have",
        "Languages of the texts",
        "1 of 121 contents (0.8%) are copies of another",
        "Share of the contents with a label: category 60%, risk.spam 40%",
        "Contents by label of category, risk.spam",
        "72 contents by category",
        "How much do creators publish?: most have 1–2",
        "of 60 creators make at least half of one category",
        "Contents by the probability of spam",
    ]
    check(shown, pictures)
    assert "gold.topic_assignments not made yet: run discover_taxonomy" in shown.words


@pytest.mark.slow
def test_why_flagged(kernel: Kernel, folder: Path) -> None:
    shown = kernel.run("why_flagged", SETTINGS=settings(folder))
    assert "flagged" in shown.words and "yes-creator-" in shown.words
    assert "risk: recomputed by linnaeus_risk/1: equal to the row" in shown.words
    assert "<mark style=" in shown.html, "the words that weigh are marked in the text"
    assert shown.said[-1].startswith("Why yes, not no?")
    assert "score_content" in shown.words


@pytest.mark.soak
@pytest.mark.slow
def test_votes_to_promotion(kernel: Kernel, folder: Path) -> None:
    shown = kernel.run("votes_to_promotion", SETTINGS=settings(folder), CONTENTS=200, FIRST_SHARE=0.5, METHOD="wawa")
    assert "constructed from the gold labels" in shown.printed
    assert "there was no champion" in shown.words
    assert "linnaeus_category/2 asked to take the place of linnaeus_category/1, it would be" in shown.words
    assert "promote_model ━" in shown.words, "a progress bar"
    assert "annotators of category" in shown.said[0] and len(shown.pictures) == 3
    assert shown.said[2].startswith("Reliability of linnaeus_category/2")


@pytest.mark.soak
@pytest.mark.slow
def test_another_embedder(kernel: Kernel, folder: Path, tmp_path: Path) -> None:
    other = {"name": "tiny", "path": str(make_embedder(tmp_path / "tiny", 8)), "dimension": 8}
    shown = kernel.run("another_embedder", SETTINGS=settings(folder), CONTENTS=200, K=5, OTHER=other)
    assert "neighbours are the same by all-MiniLM-L6-v2-int8 and tiny" in shown.said[0]
    assert "linnaeus_category/2" in shown.words and "not asked for" in shown.words
    assert len(shown.pictures) == 4


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jobs.discover_taxonomy") is None, reason="topics are not discovered yet")
def test_taxonomy_from_scratch(kernel: Kernel, folder: Path) -> None:
    shown = kernel.run("taxonomy_from_scratch", SETTINGS=settings(folder), CONTENTS=200, TOPICS=4)
    assert "What most are about" in shown.words and "Topics, version 2 (made by curation)" in shown.words
    assert len(shown.pictures) == 2
