"""The page as a file: whole by itself, closed to other people's markup, and found by an erasure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from linnaeus.contracts.hashed_ids import CREATOR, ITEM, Hasher
from linnaeus.runtime.file_search import Wanted, search_file, take_out
from linnaeus.taxonomy.page.data import About, Content, Point, page_data
from linnaeus.taxonomy.page.html import as_html
from linnaeus.taxonomy.tree import Tree
from tests.taxonomy.page.examples import ABOUT, EVIL, ODD_IDS, TREE, example


class Parsed(HTMLParser):
    """What a browser makes of the page: elements, texts of scripts and styles, other texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._within = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        self.texts.append((self._within, data))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text_of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


@pytest.fixture(scope="module")
def html() -> str:
    return as_html(example())


def test_texts_of_others_stay_texts(html: str) -> None:
    parsed = Parsed(html)
    assert [one.get("type") for one in parsed.of("script")] == ["application/json", None]
    assert not parsed.of("img") and not parsed.of("b"), "no element of theirs"
    data, script = parsed.text_of("script")
    assert "broken" not in script
    read = json.loads(data)
    assert read == example().data
    assert read["nodes"][4]["name"] == EVIL and any(one.startswith("</script><script>") for one in read["titles"])
    assert "<" not in data and "Café" in data, "letters are not written as escapes: that would double the file"


def test_nothing_is_loaded_and_no_other_script_is_run(html: str) -> None:
    parsed = Parsed(html)
    linked = [one[name] for _, one in parsed.tags for name in ("src", "href", "srcset", "action") if name in one]
    assert linked and all((one or "").startswith("#node=") for one in linked)
    assert {unquote((one or "")[6:]) for one in linked} <= set(TREE.nodes)
    assert re.findall(r"https?:[^\"'\s]+", html) == ["http://www.w3.org/2000/svg"], "a name, not an address"
    assert "@import" not in html and "url(" not in html
    policy = next(one["content"] or "" for one in parsed.of("meta") if one.get("http-equiv"))
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        text = parsed.text_of(tag)[-1]
        found = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{found}'" in policy, tag
    assert not [name for _, one in parsed.tags for name in one if name.startswith("on") or name == "style"]


def test_what_it_says_of_the_version(html: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", html.split("<main>")[0]).split())
    assert "Topics, version 7 Made 2026-11-26 09:05 UTC by take back, which takes up version 5 again" in text
    assert "Ann &amp; Bob" in text and "Contents 50" in text and "Unplaced 16.0% 8 contents" in text
    assert "Topics 5 2 at the top, 3 without any below, 1 curated" in text and "Embedder minilm:1:2" in text
    changes = re.sub(r"<[^>]+>", "", html.split('class="changes"')[1].split("<template")[0])
    assert "Games sport is now called Sport sport" in changes and "Births 2" in changes
    assert '<a href="#node=t-3">' in html and '<a href="#node=t-9">' not in html, "what is gone can't be shown"


@pytest.mark.parametrize("content_id", [*ODD_IDS, "content-008", "not-drawn-1"])
def test_an_erasure_takes_out_a_page_that_names_the_content(tmp_path: Path, html: str, content_id: str) -> None:
    folder = tmp_path / "reports" / "taxonomy"
    folder.mkdir(parents=True)
    (folder / "taxonomy-7.html").write_text(html, encoding="utf-8")
    hasher = Hasher("salt")
    others = Wanted(frozenset({hasher.of(ITEM, f"{content_id}-other1"), hasher.of(CREATOR, "creator-0001")}), hasher)
    assert take_out(tmp_path, others) == []
    own = Wanted(frozenset({hasher.of(ITEM, content_id)}), hasher)
    assert take_out(tmp_path, own) == [folder / "taxonomy-7.html"]
    assert not list(folder.iterdir()) and not search_file(folder / "taxonomy-7.html", own)


def test_a_page_without_anything() -> None:
    html = as_html(page_data(About(1, "import", ABOUT.made_at), Tree.of([])))
    assert "There is no map" in html and "<p>None.</p>" in html and 'id="map"' not in html


def test_five_thousand_points_of_long_titles_fit_two_megabytes() -> None:
    rng, ids = np.random.default_rng(0), list(TREE.nodes)
    vectors = rng.normal(size=(5000, 8)).astype(np.float32)
    given = [
        Point(Content(f"{n:08d}-0000-0000-0000-000000000000", "Заголовок " * 12), ids[n % 5], 0.5, vectors[n])
        for n in range(5000)
    ]
    assert len(as_html(page_data(ABOUT, TREE, points=given)).encode()) < 2_000_000
