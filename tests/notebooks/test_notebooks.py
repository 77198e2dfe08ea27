"""Notebooks run top to bottom, cell by cell, on a small lake, and make their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import pytest
from pyspark.sql import SparkSession

from jobs import aggregate_labels, build_embeddings, build_tokens, ingest_bronze
from linnaeus.contracts.config import repository
from tests.conftest import MakeConfig
from tests.jobs import tiny

NOTEBOOKS = (repository() or Path()) / "notebooks"
SEPARATOR = "# COMMAND ----------"
HEADER = "# Databricks notebook source"


def cells(path: Path) -> list[str]:
    """Cells of a notebook in Databricks' source format."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith(HEADER)
    return [cell.strip() for cell in text.removeprefix(HEADER).split(SEPARATOR)]


@pytest.mark.slow
def test_explore_content(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matplotlib.use("Agg")
    config = make_config(*tiny.FAST, *tiny.write(tmp_path / "sources", *tiny.records()))
    for job in (ingest_bronze, build_tokens, build_embeddings, aggregate_labels):
        job.main(config)
    import matplotlib.pyplot as plt

    titles: list[str] = []

    def show() -> None:
        titles.extend(axes.get_title() for axes in plt.gcf().axes)
        plt.close("all")

    monkeypatch.setattr(plt, "show", show)
    names: dict[str, Any] = {"SETTINGS": [f"lake.root={config.lake.root}"]}
    for cell in cells(NOTEBOOKS / "explore_content.py"):
        if cell and not cell.startswith("# MAGIC"):
            exec(compile(cell, "explore_content", "exec"), names)  # the cell is the repository's own
    assert names["content"].count() == 120
    assert [title.split(" (")[0] for title in titles] == [
        "Tokens a text",
        "Language",
        "Labels",
        "Embeddings by category",
    ]
