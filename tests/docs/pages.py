"""The documentation's pages and README as text: their blocks of code, and the commands and settings in these."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = (*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md")))
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<code>.*?)^ *```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)
_RUN = "<!-- run -->"


@dataclass(frozen=True)
class Block:
    """A block of code: on which line of which page, in what language; `is_run` where it is marked to be run."""

    page: Path
    line: int
    language: str
    code: str
    is_run: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, language: str) -> Iterator[Block]:
    """A page's fenced blocks of a language, from top to bottom."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        if found["language"] == language:
            code = re.sub(f"^{found['indent']}", "", found["code"], flags=re.MULTILINE)
            is_run = text[: found.start()].rstrip().endswith(_RUN)
            yield Block(page, text.count("\n", 0, found.start()) + 1, language, code, is_run)


def indented(page: Path) -> Iterator[str]:
    """A page's blocks that are indented by four spaces, as README's commands are."""
    for found in _INDENTED.finditer(page.read_text(encoding="utf-8")):
        if code := "\n".join(line[4:] for line in found[0].splitlines()).strip():
            yield code


def commands(code: str) -> Iterator[list[str]]:
    """The command lines of a block as words; continued lines are one, comments and assignments before them left out."""
    for line in code.replace("\\\n", " ").splitlines():
        for part in re.split(r"\s&&\s|\s\|\s", line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:  # prose or a program, no command
                continue
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words:
                yield words


def module_of(words: list[str]) -> str | None:
    """`jobs.flow` of `.venv/bin/python -m jobs.flow …`; None where no module is run."""
    if Path(words[0]).name.startswith("python") and "-m" in words[:2]:
        return words[2]
    return None


def settings_of(words: list[str]) -> list[str]:
    """What follows each `--set`."""
    return [words[place + 1] for place, word in enumerate(words[:-1]) if word == "--set"]
