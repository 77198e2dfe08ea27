"""One Jupyter kernel in which notebooks are run as a user runs them: cell by cell, with what each shows kept."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from linnaeus.contracts.config import repository
from linnaeus.suite.notebooks import read_source, to_ipynb
from tests.patience import PATIENCE

ROOT = repository() or Path()
_FORGET = "%reset -f"


class Shown:
    """What an executed notebook shows."""

    def __init__(self, notebook: Any) -> None:
        self.notebook = notebook
        outputs = [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]
        self._data = [one.data for one in outputs if "data" in one]
        self.printed = "".join(one.text for one in outputs if one.output_type == "stream" and one.name == "stdout")

    @property
    def pictures(self) -> list[bytes]:
        """PNG files, in order."""
        return [base64.b64decode(one["image/png"]) for one in self._data if "image/png" in one]

    @property
    def said(self) -> list[str]:
        """What stands for the pictures where they are not seen."""
        return [one["text/plain"].removeprefix("Picture: ") for one in self._data if "image/png" in one]

    @property
    def html(self) -> str:
        """All that is shown as HTML."""
        return "\n".join(one["text/html"] for one in self._data if "text/html" in one)

    @property
    def words(self) -> str:
        """The same as a reader sees it: without tags, scripts and style."""
        bare = re.sub(r"<style.*?</style>", " ", self.html, flags=re.S)
        return " ".join(re.sub(r"<[^>]+>", " ", bare).split())


class Kernel:
    """A kernel with the Spark session of the notebooks that it runs; they share nothing else."""

    def __init__(self) -> None:
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(cwd=str(ROOT))

    def run(self, name: str, **parameters: Any) -> Shown:
        """Run notebooks/<name>.py from top to bottom. Raises CellExecutionError for a cell that fails."""
        text = (ROOT / "notebooks" / f"{name}.py").read_text(encoding="utf-8")
        return self._run(to_ipynb(read_source(text, name), parameters))

    def say(self, code: str) -> Shown:
        """Run one cell."""
        return self._run({"cells": [_cell(code)], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})

    def _run(self, document: dict[str, Any]) -> Shown:
        document["cells"].insert(0, _cell(_FORGET))
        notebook = nbformat.from_dict(document)
        nbformat.validate(notebook)
        NotebookClient(notebook, km=self._manager, timeout=int(PATIENCE)).execute()
        return Shown(notebook)

    def end(self) -> None:
        """Stop it, and the JVM that it started."""
        self._manager.shutdown_kernel(now=False)


def _cell(code: str) -> dict[str, Any]:
    return dict(nbformat.v4.new_code_cell(code))
