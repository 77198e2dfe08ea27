"""Databricks' source format and Jupyter's, there and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.suite.notebooks import Cell, convert, main, read_source, to_ipynb, to_source

SOURCE = """# Databricks notebook source
# MAGIC %md
# MAGIC # Title
# MAGIC
# MAGIC Some *prose*:
# MAGIC
# MAGIC     indented = 1

# COMMAND ----------

# Parameters: what may be another
N = 1

# COMMAND ----------

# MAGIC %pip install something

# COMMAND ----------

# A comment alone is code
print(N)


print("two lines below")
"""


def test_cells() -> None:
    cells = read_source(SOURCE)
    assert [cell.kind for cell in cells] == ["markdown", "code", "code", "code"]
    assert cells[0].text == "# Title\n\nSome *prose*:\n\n    indented = 1"
    assert cells[2] == Cell("code", "%pip install something")
    assert cells[3].text == '# A comment alone is code\nprint(N)\n\n\nprint("two lines below")'


def test_there_and_back() -> None:
    notebook = to_ipynb(read_source(SOURCE))
    assert to_source(notebook) == SOURCE
    as_lines = json.loads(json.dumps(notebook))
    for cell in as_lines["cells"]:  # as Jupyter itself writes it
        cell["source"] = cell["source"].splitlines(keepends=True)
    assert to_source(as_lines) == SOURCE
    assert len({cell["id"] for cell in notebook["cells"]}) == 4


def test_parameters_come_after_theirs() -> None:
    notebook = to_ipynb(read_source(SOURCE), {"N": 2, "WHO": "it's"})
    assert notebook["cells"][2]["source"] == 'N = 2\nWHO = "it\'s"'
    with pytest.raises(ConfigurationError, match="no cell that begins with '# Parameters'"):
        to_ipynb([Cell("code", "N = 1")], {"N": 2})


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.py").write_text(SOURCE, encoding="utf-8")
    main([str(tmp_path), str(tmp_path / "made")])
    assert capsys.readouterr().out == f"{tmp_path / 'made' / 'one.ipynb'}\n"
    (back,) = convert(tmp_path / "made" / "one.ipynb", tmp_path / "back")
    assert back.read_text(encoding="utf-8") == SOURCE
    with pytest.raises(ConfigurationError, match="there are no notebooks in it"):
        convert(tmp_path / "back" / "none", tmp_path)
    with pytest.raises(ConfigurationError, match="x: a notebook's first line is"):
        read_source("print(1)", "x")
