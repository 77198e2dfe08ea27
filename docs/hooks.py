"""What MkDocs calls while it builds the site: pages that follow from the code, and links to them.

Names of tables and settings that stand in a page as code (`gold.content_profiles`, `promotion.max_loss`) become links
to where they are described.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "libs")]

from docs.generated import bundle, flow, jobs, messages, settings, tables  # noqa: E402

PAGES: dict[str, Callable[[], str]] = {
    "reference/tables.md": tables.page,
    "reference/settings.md": settings.page,
    "reference/jobs.md": jobs.page,
    "operations/messages.md": messages.page,
    "operations/jobs.md": bundle.page,
}
_NAME = re.compile(r"(?<!\[)`([a-z_]+(?:\.[a-z_0-9]+)+)(=[^`]*)?`(?!\])")
_FENCE = re.compile(r"^(?:```.*?^```[ \t]*$|#[^\n]*$)", re.MULTILINE | re.DOTALL)  # headings are left alone too


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code."""
    for name, made in PAGES.items():
        files.append(File.generated(config, name, content=made()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the picture of the flow where it is asked for, and link names to their descriptions."""
    text = markdown.replace("<!-- flow -->", _flow_at(page) if "<!-- flow -->" in markdown else "")
    return linked(text, page.file.src_uri)


def linked(markdown: str, place: str) -> str:
    """A page's text with links; fenced code and headings stay as they are. `place` is the page's own path."""
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_linked(markdown[end : fence.start()], place), fence[0]]
        end = fence.end()
    return "".join([*parts, _linked(markdown[end:], place)])


def _linked(text: str, place: str) -> str:
    known = dict.fromkeys(tables.names(), "reference/tables.md")
    known |= dict.fromkeys(settings.names(), "reference/settings.md")

    def link(found: re.Match[str]) -> str:
        target = known.get(found[1])
        if target is None or target == place:
            return found[0]
        return f"[{found[0]}]({posixpath.relpath(target, posixpath.dirname(place) or '.')}#{found[1]})"

    return _NAME.sub(link, text)


def _flow_at(page: Page) -> str:
    folder = posixpath.dirname(page.file.src_uri) or "."
    return flow.picture(posixpath.relpath("reference/jobs.html", folder))
