"""Notebooks in Databricks' source format as Jupyter's: `python -m linnaeus.suite.notebooks notebooks build/notebooks`.

In the source format a notebook is a Python file; a line `# COMMAND ----------` ends a cell, and lines that begin with
`# MAGIC` are a cell of Markdown (`%md`) or of another magic. Databricks opens it as it is; Jupyter opens what this
makes. Nothing is lost on the way: `to_source(to_ipynb(text))` is the text.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.files import write_whole

HEADER = "# Databricks notebook source"
SEPARATOR = "# COMMAND ----------"
MAGIC = "# MAGIC"
PARAMETERS = "# Parameters"
_MARKDOWN = "%md"
_FORMAT = {"nbformat": 4, "nbformat_minor": 5}
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


@dataclass(frozen=True)
class Cell:
    """A cell: Markdown or code, without the marks of the source format."""

    kind: str  # markdown or code
    text: str


def read_source(text: str, where: str = "notebook") -> list[Cell]:
    """The cells of a notebook in Databricks' source format. Raises ConfigurationError for a file that is none."""
    if not text.startswith(HEADER):
        raise ConfigurationError(f"{where}: a notebook's first line is {HEADER!r}")
    parts = [part.strip("\n") for part in text.removeprefix(HEADER).split(SEPARATOR)]
    return [_cell(part) for part in parts if part.strip()]


def _cell(part: str) -> Cell:
    lines = part.split("\n")
    if not all(line.startswith(MAGIC) for line in lines):
        return Cell("code", part)
    bare = [line.removeprefix(MAGIC).removeprefix(" ") for line in lines]
    if bare[0].strip() == _MARKDOWN:
        return Cell("markdown", "\n".join(bare[1:]))
    return Cell("code", "\n".join(bare))  # %pip, %sh: Jupyter knows them as well


def to_ipynb(cells: Sequence[Cell], parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A notebook of Jupyter's format 4.5, without outputs; `parameters` are set after the cell that begins with
    `# Parameters`.

    Raises ConfigurationError where there are parameters and no such cell.
    """
    made = list(cells)
    if parameters is not None:
        place = next((at for at, one in enumerate(made) if one.text.startswith(PARAMETERS)), None)
        if place is None:
            raise ConfigurationError(f"there is no cell that begins with {PARAMETERS!r} to set parameters after")
        own = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        made.insert(place + 1, Cell("code", own))
    return {"cells": [_as_json(cell, at) for at, cell in enumerate(made)], "metadata": _METADATA, **_FORMAT}


def _as_json(cell: Cell, place: int) -> dict[str, Any]:
    identity = hashlib.sha256(f"{place}\n{cell.text}".encode()).hexdigest()[:12]
    found: dict[str, Any] = {"id": identity, "cell_type": cell.kind, "metadata": {}, "source": cell.text}
    return found if cell.kind == "markdown" else found | {"outputs": [], "execution_count": None}


def to_source(notebook: Mapping[str, Any]) -> str:
    """A notebook of Jupyter's as Databricks' source: what was edited in one can be kept in the other."""
    parts = []
    for cell in notebook["cells"]:
        text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        is_magic = cell["cell_type"] == "markdown" or text.startswith("%")
        lines = [_MARKDOWN] if cell["cell_type"] == "markdown" else []
        marked = [f"{MAGIC} {line}".rstrip() for line in [*lines, *text.split("\n")]]
        parts.append("\n".join(marked) if is_magic else text)
    return HEADER + "\n" + f"\n\n{SEPARATOR}\n\n".join(parts) + "\n"


def convert(source: Path, target: Path) -> list[Path]:
    """Write an .ipynb into `target` for every notebook of a folder, and every notebook of Jupyter's back where `source`
    is one. Raises ConfigurationError for a folder without notebooks."""
    if source.suffix == ".ipynb":
        text = to_source(json.loads(source.read_text(encoding="utf-8")))
        return [write_whole(target / f"{source.stem}.py", text)]
    files = sorted(source.glob("*.py"))
    if not files:
        raise ConfigurationError(f"{source}: there are no notebooks in it")
    made = []
    for file in files:
        notebook = to_ipynb(read_source(file.read_text(encoding="utf-8"), str(file)))
        made.append(
            write_whole(target / f"{file.stem}.ipynb", json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")
        )
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m linnaeus.suite.notebooks", description=__doc__)
    parser.add_argument("source", type=Path, help="a folder of notebooks, or one .ipynb to turn back")
    parser.add_argument("target", type=Path, help="the folder to write to")
    options = parser.parse_args(arguments)
    for path in convert(options.source, options.target):
        print(path)


if __name__ == "__main__":
    main()
