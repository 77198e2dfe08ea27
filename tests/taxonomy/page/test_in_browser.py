"""The page in a real browser: what it shows, by mouse, by keyboard and by address; nothing breaks out of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from linnaeus.taxonomy.page.html import as_html
from tests.taxonomy.page.browser import Browser, browser
from tests.taxonomy.page.examples import EVIL, example

SEEN = "return [...document.querySelectorAll('#tree li')].filter((one) => one.offsetParent).map((one) => one.ariaLabel)"
TITLE = "return document.querySelector('#node-title').textContent"
ADDRESS = "return decodeURIComponent(location.hash)"
# Where on the map something is told: the pointer is led over all of it, and of the places the middlemost is taken.
FIND = """
const canvas = document.getElementById("map");
canvas.scrollIntoView({ block: "center" });
const box = canvas.getBoundingClientRect();
const found = [];
for (let y = 3; y < box.height; y += 6) for (let x = 3; x < box.width; x += 6) {
  const at = { clientX: box.left + x, clientY: box.top + y };
  canvas.dispatchEvent(new PointerEvent("pointermove", at));
  const tip = document.getElementById("tip");
  if (!tip.hidden && tip.textContent.includes(arguments[0])) found.push([at.clientX, at.clientY]);
}
if (!found.length) return null;
const middle = [0, 1].map((axis) => found.reduce((sum, at) => sum + at[axis], 0) / found.length);
const off = (at) => Math.hypot(at[0] - middle[0], at[1] - middle[1]);
return found.reduce((best, at) => (off(at) < off(best) ? at : best));
"""
INKS = """
const canvas = document.getElementById("map");
const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
const pen = copy.getContext("2d", { willReadFrequently: true });
pen.drawImage(canvas, 0, 0);
const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
let n = 0;
for (let at = 3; at < pixels.length; at += 4) if (pixels[at] > 200) n++;
return n;
"""


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture
def page(window: Browser, tmp_path: Path) -> Iterator[Browser]:
    file = tmp_path / "taxonomy-7.html"
    file.write_text(as_html(example()), encoding="utf-8")
    window.complaints()
    window.open(file)
    yield window
    assert window.complaints() == [], "no error, and nothing that the page's policy had to stop"
    assert window.run("return document.title") == "Topics, version 7", "no script of a title was run"


def test_the_tree_opens_and_is_searched(page: Browser) -> None:
    assert page.run(SEEN) == ["Sport, 30 contents, curated", "Café & <b>bars</b>, 12 contents"]
    page.click_on("#open-all")
    assert len(page.run(SEEN)) == 5
    page.click_on("#close-all")
    page.type("/cafe")  # the first key leads to the search, which does not mind accents
    assert (
        page.run(SEEN)[0].startswith("Café") and page.run("return document.querySelector('mark').innerText") == "Café"
    )
    page.run("document.querySelector('#search').value = ''")
    page.type("penalty")
    assert page.run(SEEN) == ["Sport, 30 contents, curated", "Football, 20 contents"]
    assert page.run("return document.querySelector('#found').innerText") == "1 of 5 topics"
    page.type(["Enter"])
    assert page.run(TITLE) == "Football" and page.run(ADDRESS) == "#node=t-1"
    page.type(["Escape"])
    assert len(page.run(SEEN)) == 4, "all but what is below the other top, which is closed"


def test_keys_alone_are_enough(page: Browser) -> None:
    page.run("document.querySelector('#tree [tabindex=\"0\"]').focus()")
    page.type(["Right", "Right", "Down", "Enter"])
    assert page.run(TITLE) == "Tennis" and page.run(ADDRESS) == "#node=t-2"
    page.type(["Left", "Left", "Down", "Enter"])
    assert page.run(TITLE).startswith("Café") and len(page.run(SEEN)) == 2
    before = page.run(INKS)
    page.run("document.querySelector('#map').focus()")
    page.type(["Escape"])
    assert page.run(ADDRESS) == "" and page.run(TITLE) == "No topic chosen"
    page.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.run(INKS) != before, "the map shows all of them again"


def test_the_map_says_what_a_content_is_and_leads_to_its_topic(page: Browser) -> None:
    assert page.run(INKS) > 500, "something is drawn"
    page.move(*page.run(FIND, "alone"))
    tip: str = page.run("return document.getElementById('tip').innerText")
    assert EVIL[:60] in tip and "Football" in tip and "alone" in tip
    x, y = page.run(FIND, "content-042")
    page.click(x, y)
    assert page.run(TITLE).startswith("Café") and page.run(ADDRESS) == "#node=t-3"
    unplaced = page.run(FIND, "Unplaced: far from every topic")
    assert unplaced is not None
    page.click_on("#zoom-in")
    assert page.run(FIND, "content-042") != [x, y]
    page.click_on("#reset")
    assert page.run(FIND, "content-042") == [x, y]
    page.click_on("#legend button")
    assert page.run(TITLE).startswith("Sport")
    page.click_on("#legend button")
    assert page.run(TITLE) == "No topic chosen"


def test_what_is_told_of_a_node_and_the_ways_to_others(page: Browser) -> None:
    page.click_on(".changes a[href='#node=t-1']")
    assert page.run(TITLE) == "Football"
    text: str = page.run("return document.getElementById('node').innerText")
    for told in ("Sport › Football", "t-1", "47.6% of the placed", "25.0%", "penalty kick", "Title of 8 content-008"):
        assert told in text, told
    assert "Week of 2026-01-19: 0.00%, 0 contents" in text
    page.run("document.querySelector('#node svg').focus()")
    page.type(["Left"])
    assert page.run("return document.querySelector('#node output').innerText").endswith("nothing was published")
    page.click_on(".path a")
    assert page.run(TITLE).startswith("Sport") and "Football 20" in page.run(
        "return document.querySelector('.below').innerText"
    )


def test_an_address_names_a_node(page: Browser, tmp_path: Path) -> None:
    page.open(tmp_path / "taxonomy-7.html", "#node=t-4")
    assert page.run(TITLE) == EVIL and len(page.run(SEEN)) == 3, "its path is open"
    page.open(tmp_path / "taxonomy-7.html", "#node=%ZZ")
    assert page.run(TITLE) == "No topic chosen"


def test_nothing_is_wider_than_the_window(page: Browser, tmp_path: Path) -> None:
    for width in (360, 800, 1600, 1280):
        page.resize(width, 900)
        page.open(tmp_path / "taxonomy-7.html", "#node=t-4")
        wide: dict[str, Any] = page.run(
            "const page = document.documentElement; return { page: page.scrollWidth, window: page.clientWidth }"
        )
        assert wide["page"] <= wide["window"] == width
