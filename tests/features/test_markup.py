"""HTML to text: what counts as markup, what stays, and that nothing makes it raise or linger."""

from __future__ import annotations

import html
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.features.markup import plain_text, without_markup

SAME = [
    "",
    " \n ",
    "a < b",
    "<3",
    "I <3 you > me",
    "x<y>z",
    "a<b>c",
    "if a<b and c<d then b>d",
    "a<b and c>d",
    "mail <joe@x.org> or <https://example.com/a?b=c&d=e>",
    "AT&T, R&D & co",
    "https://example.com/?a=1&copy=2&lt=3",
    "no &such; entity, &amp without its end",
    "</3 and >:( and <- and ->",
    "how do I close a <script> tag?",
    "meet at <time> by <address>",
    "see <!-- this",
    "<",
    "&",
    "<b",
    '<a href="x',
    "tabs\tand  spaces\r\nstay",
    "😀 ❤️ 👨‍👩‍👧 🇫🇷",
    "مرحبا <بالعالم> كيف حالك؟",
    "<![CDATA[x]]> <?php echo 1 ?>",
    "\ufdd0",
]
CASES = {
    # Entities, with and without tags; decoded once.
    "Tom &amp; Jerry &#39;s &lt;3 &#x1F602;&nbsp;!": "Tom & Jerry 's <3 😂\u00a0!",
    "&amp;lt;b&amp;gt; R&D": "&lt;b&gt; R&D",
    "&lt;b&gt;bold&lt;/b&gt;": "<b>bold</b>",
    "&#0;&#xD800;&#9999999;": "���",
    # Inline elements split no word, blocks separate lines.
    "un<em>believ</em>able <B>NO</B>W": "unbelievable NOW",
    "<p>one</p><p>two</p>": "one\ntwo",
    "a<br>b<br/>c<br />d": "a\nb\nc\nd",
    "<ul><li>one<li>two</ul>three": "one\ntwo\nthree",
    "<h1>Head</h1>text": "Head\ntext",
    "<table><tr><td>1</td><td>2</td></tr><tr><th>3</th></tr></table>": "1 2\n3",
    "<!DOCTYPE html><html><head><title>T</title></head><body>B</body></html>": "T\nB",
    # White space is HTML's from the first block on.
    "Title\nlines\nstay <i>here</i>\n<p>but\n not   here</p>": "Title\nlines\nstay here\nbut not here",
    "one\ntwo <a href='x'>link</a>\nthree": "one\ntwo link\nthree",
    # Links keep their text, whatever stands in their attributes.
    '<a href="https://x.org/?a>b&c" title=\'"<p>"\'>here</a>': "here",
    '<p>cut <a href="https://x.org">off': "cut off",
    # What is not seen.
    "<script>if (a<b) { x = '<p>no</p>' }</script>yes<style>p {}</style>": "yes",
    "a<!-- no <b>no</b> -->b": "ab",
    "<svg viewBox='0 0 1 1'><text>no</text></svg>yes": "yes",
    "<svg><script></svg></script>still seen": "still seen",
    "<img src=x onerror=alert(1)>": "",
    # Word's own.
    "<o:p></o:p><?xml:namespace prefix = o /><![if !supportLists]>1<![endif]>": "1",
    # Only markup.
    "<p>&nbsp;</p><br>": "",
    "<div><div></div></div>": "",
    # What looks like markup stays among markup.
    "<p>a < b, x<y>z & <joe@x.org></p>": "a < b, x<y>z & <joe@x.org>",
    "<<p>>x": "<\n>x",
    "1<2 && 3>2 &amp;": "1<2 && 3>2 &",
    "<p>שלום <b>עולם</b></p><p>مرحبا</p>": "שלום עולם\nمرحبا",
}
HURTFUL = {
    "deep blocks": "<div>" * 200_000,
    "deep inline": "<b>" * 300_000 + "x" + "</b>" * 300_000,
    "left open in paragraphs": "".join(f"<p><b id={i}>x</p>" for i in range(50_000)),
    "ends of others": "<i>" * 150_000 + "</b>" * 150_000,
    "unfinished tags": "<a " * 333_000,
    "unfinished values": "<a b=\" <a b=' " * 70_000,
    "unfinished comments": "<!--" * 250_000,
    "late end of a comment": "<!--" * 250_000 + "-->" + "<!--",
    "late end of a script": "<script>" * 125_000 + "</script>",
    "half ends in a script": "<script>" + "</scrip" * 150_000 + "</script>",
    "white space in a tag": "<a" + " " * 1_000_000,
    "unfinished names": "<" + "a" * 1_000_000,
    "unfinished entities": "&#" * 500_000 + "&" + "a" * 500_000,
    "declarations": "<!doctype " * 100_000 + "<![if " * 100_000 + "<?xml" * 100_000,
    "attributes": "<a" + ' x="y"' * 170_000,
}
PIECES = ["<", ">", "/", "&", ";", "#", "!", "-", "--", "?", "[", '"', "'", "=", " ", "\n", "a", "b", "p", "br", "é"]
PIECES += ["<p>", "</p>", "<b>", "</b>", "<!--", "-->", "<script>", "</script>", "&lt;", "&#", "<![", "]]>", "\x00"]


@pytest.mark.parametrize("text", SAME)
def test_what_only_looks_like_markup_stays_as_it_is(text: str) -> None:
    assert plain_text(text) == text


@pytest.mark.parametrize("text", CASES)
def test_markup_becomes_what_a_reader_sees(text: str) -> None:
    assert plain_text(text) == CASES[text]


@given(st.text())
def test_a_text_written_as_html_comes_back(text: str) -> None:
    written = html.escape(text.replace("\ufdd0", ""))
    assert plain_text(f"<p>{written}</p>") == " ".join(html.unescape(written).split())
    assert plain_text(f"{written} <b></b>") == html.unescape(written) + " "


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_nothing_makes_it_raise_and_no_letter_is_made_up(text: str) -> None:
    found = plain_text(text)
    assert len(found) <= len(text)
    assert found.count("é") <= text.count("é")


@pytest.mark.parametrize("name", HURTFUL)
def test_a_text_made_to_hurt_is_done_in_seconds(name: str) -> None:
    start = time.process_time()
    plain_text(HURTFUL[name])
    assert time.process_time() - start < 60, name  # one second of the processor's at most, usually


def test_five_megabytes_of_rich_text_keep_every_word() -> None:
    paragraph = "<p>The <b>quick</b> br<i>own</i> fox &amp; <a href='https://x.org/?a=1&b=2'>friends</a></p>\n"
    times = 5_000_000 // len(paragraph)
    assert plain_text(paragraph * times) == "\n".join(["The quick brown fox & friends"] * times)


def test_a_column_of_texts(spark: SparkSession) -> None:
    texts = [*CASES, *SAME, None]
    rows = spark.createDataFrame(list(enumerate(texts)), "place int, text string")
    found = rows.select("place", without_markup(F.col("text")).alias("text")).orderBy("place").collect()
    assert [row["text"] for row in found] == [*CASES.values(), *SAME, None]
