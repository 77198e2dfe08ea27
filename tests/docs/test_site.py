"""The site is built strictly, every link in it leads to a page and a place that are there, and nothing is loaded from
elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from linnaeus.contracts import tables
from tests import missing
from tests.docs.pages import ROOT
from tests.patience import PATIENCE

missing.need_package("mkdocs")


class Page(HTMLParser):
    """What a page of HTML points to (`links`), what it loads (`loaded`), and its places (`anchors`)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("link", "script", "img", "source", "iframe"):
            self.loaded += [
                given[name] for name in ("href", "src") if name in given and given.get("rel") != "canonical"
            ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {
        "NO_MKDOCS_2_WARNING": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "libs"), str(ROOT)]),
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    broken, checked = [], 0
    for file, page in pages.items():
        if file.name == "404.html":  # its links are those of the site's root
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            checked += 1
            where = pages.get(target)
            if not target.is_file() or (parts.fragment and where and unquote(parts.fragment) not in where.anchors):
                broken.append(f"{file.relative_to(site)}: {link}")
    assert not broken
    assert checked > 1000


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page]) -> None:
    elsewhere = {link for page in pages.values() for link in page.loaded if urlsplit(link).netloc}
    assert not elsewhere


def test_names_of_tables_and_settings_lead_to_their_descriptions(site: Path) -> None:
    text = (site / "concepts" / "promotion.html").read_text(encoding="utf-8")
    assert '<a href="../reference/tables.html#gold.promotions"><code>gold.promotions</code></a>' in text
    assert '<a href="../reference/settings.html#promotion.max_loss"><code>promotion.max_loss</code></a>' in text


def test_the_dictionary_is_on_the_site(site: Path, pages: dict[Path, Page]) -> None:
    assert {table.full_name for table in tables.ALL} <= pages[site / "reference" / "tables.html"].anchors
    text = (site / "reference" / "tables.html").read_text(encoding="utf-8")
    for table in tables.ALL:
        assert all(f"<code>{name}</code>" in text for name in table.schema.names), table.full_name


def test_docstrings_are_shown_as_they_are_written(site: Path) -> None:
    text = (site / "reference" / "contracts.html").read_text(encoding="utf-8")
    assert "overlaid by conf/&lt;env&gt;.yml" in text or "overlaid by conf/&lt;env>.yml" in text


def test_the_reference_has_functions_with_their_docstrings(pages: dict[Path, Page], site: Path) -> None:
    page = pages[site / "reference" / "runtime.html"]
    assert {"linnaeus.runtime.lake.Lake.read", "linnaeus.runtime.spark.build_session"} <= page.anchors
    assert not [name for name in page.anchors if name.startswith("linnaeus.") and "._" in name], "private names"
