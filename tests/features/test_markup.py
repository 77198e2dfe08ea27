"""HTML to text: what counts as markup, what stays, and that nothing makes it raise or linger."""

from __future__ import annotations

import html
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.features.markup import plain_text, text_and_links

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
    "is x <p and q> y?",
    "<strong opinion> and <time flies>",
    "a <b and c<d",
    "<https://example.com/a?b=c&d=e>",
    "<a-b> and <x:y>",
    "</sarcasm> </joe@x.org>",
    '<a href="x" <b>',
    '<p class="never closed>, he said',
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
    # Attributes as HTML's tokeniser reads them: bare, without quotes, stuck together, without a value.
    "<p data-v-7ba5bd90>Hello <b data-v-7ba5bd90>world</b></p>": "Hello world",
    "<p _ngcontent-ng-c1512>x": "x",
    "<div v-cloak @click='a' :id=b #ref *ngIf [c]=d (e)=f>x": "x",
    "<a href=https://example.org/?a=b>x</a>": "x",
    "<img src=data:image/png;base64,iVBORw0KGgo=>x": "x",
    '<a href="x"class="y">z</a>': "z",
    "a<br/ >b<br / / >c<br/id=d>e": "a\nb\nc\ne",
    "<p class=>x</p><p class= >y</p>": "x\ny",
    "<p\nclass\n=\f'a'\t>x": "x",
    '<p ="a">x</p><p "a">y</p><p a"b\'c=`d`>z</p>': "x\ny\nz",
    '<p class="a"">x</p><P Class=A>y': "x\ny",
    "<p hidden class=a/>x": "x",
    '<p>x</p class="a">y</p\n>': "x\ny",
    "<div dir auto>x": "x",
    "<b and c>x</b>": "x",
    '<img alt="a > b" src=x>c': "c",
    '<my-card title="a"/>x<my-card a>y</my-card>': "xy",
    # Ends of comments; elements that hold no tags.
    "<p>a<!-->b<!--->c<!-- d --!>e<!--f--->g</p>": "abceg",
    "<title>a <b> &amp; c</title><textarea><p>d</textarea>": "a <b> & c\n<p>d",
    "<xmp>a &amp; <b></xmp>": "a &amp; <b>",
    "<script>'</scripts>' </SCRIPT\n>a": "a",
    # What is left open hides nothing.
    "<svg><!-- </svg> --><p>a": "a",
    "<object><video></video>no</object>yes": "yes",
}
LINKS = {
    '<a href="//bit.ly/x">a</a>': ["//bit.ly/x"],
    "<a HREF=https&colon;//a.example/?b=c&amp;d=e>a</a>": ["https://a.example/?b=c&d=e"],
    "<a href=''>a</a><a href>b</a><a name=x>c</a>": [],
    "<img src='a'><form action=b><button formaction=c>d</button></form>": ["a", "b", "c"],
    "<p title='https://a.example'>https://b.example</p>": [],
    "<!-- <a href=a> --><script><a href=b></script>": [],
    "<a href=a\"b c='d'>": ['a"b'],
    "no markup": [],
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
    "tags in values": "<a " + ' x="<a "' * 125_000,
    "unfinished values in turns": '<a x=" y=\' <a z=\'" w="' * 40_000,
    "tags of no name in values": "<x " + " a='<x '" * 125_000 + ">",
    "tags of a namespace in values": "<x:y " + " a='<x:y '" * 100_000 + ">",
    "own tags in values": "<x-y " + " a='<x-y '" * 100_000 + ">",
    "words beside names": "<b " + "a " * 400_000 + "<b " * 60_000,
    "an unfinished end": "</title" + "x=" * 400_000,
    "pictures": "<svg><svg></svg>" * 60_000,
    "titles": "<title>" * 140_000 + "</title>",
    "spaces before a value": "<p a" + " " * 500_000 + "=" + " " * 500_000,
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


@pytest.mark.parametrize("text", LINKS)
def test_addresses_of_links(text: str) -> None:
    assert text_and_links(text)[1] == LINKS[text]


WORDS = st.sampled_from(["one", "two", "é", "無料", "a > b", "3", "it's", '"', "=", "/"])
NAMES = st.sampled_from(
    ["class", "data-v-7ba5bd90", "_ngcontent-ng-c1512", "href", "@click", "v-on:x", "[a]", "é", "hidden"]
)
VALUES = st.text(st.sampled_from("ab<>/='\"& \n&;éあ?:-"), max_size=8)
ATTRIBUTES = st.lists(st.tuples(NAMES, st.none() | VALUES), max_size=4)
INLINE = st.sampled_from(["b", "a", "span", "em", "font", "my-card", "time"])
BLOCK = st.sampled_from(["p", "div", "li", "h2", "blockquote", "section"])
UNSEEN = st.sampled_from(["<!--no <b>no</b>-->", "<!-->", "<script>no<p></script>", "<style >p {}</style >"])
Tree = tuple[str, list[tuple[str, str | None]], list[object]]
LEAF = WORDS | st.tuples(st.just("br"), ATTRIBUTES, st.just([])) | st.builds("{}".format, WORDS)
TREES = st.recursive(
    LEAF, lambda inner: st.tuples(INLINE | BLOCK, ATTRIBUTES, st.lists(inner, max_size=4)), max_leaves=12
)


@st.composite
def serialised(draw: st.DrawFn, tree: object) -> str:
    """HTML of a tree, each of its attributes and ends in any of the ways that HTML's tokeniser takes."""
    if isinstance(tree, str):
        return html.escape(tree, quote=draw(st.booleans())) + draw(st.just("") | UNSEEN)
    name, attributes, children = tree  # type: ignore[misc]
    start = "<" + draw(st.sampled_from([name, name.upper()]))
    for key, value in attributes:
        start += (
            draw(st.sampled_from([" ", "\n", " / "])) if not start.endswith(("'", '"')) or draw(st.booleans()) else ""
        )
        start += key + (draw(written(value)) if value is not None else "")
    start += draw(st.sampled_from(["", " ", "\t"])) + (draw(st.sampled_from(["", " /", "/ "])) if name == "br" else "")
    inside = "".join(draw(serialised(child)) for child in children)
    end = "" if name == "br" else f"</{name}{draw(st.sampled_from(['', ' ', ' id=x']))}>"
    return f"{start}>{inside}{end}"


@st.composite
def written(draw: st.DrawFn, value: str) -> str:
    """The value of an attribute with its sign."""
    is_bare = value != "" and not set(value) & set(" \n<>\"'=`")
    quote = draw(st.sampled_from(['"', "'", ""] if is_bare else ['"', "'"]))
    escaped = value.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&#39;")
    around = draw(st.sampled_from(["=", " = ", "=\n"]))
    return f"{around}{quote}{escaped}{quote}" + ("" if quote else " ")


def _pieces(tree: object) -> list[str | None]:
    """What is seen of a tree, None where a line ends."""
    if isinstance(tree, str):
        return [tree]
    name, _, children = tree  # type: ignore[misc]
    inside = list(itertools.chain.from_iterable(map(_pieces, children)))
    return [None, *inside, None] if name in "br p div li h2 blockquote section".split() else inside


@given(st.data(), st.lists(TREES, max_size=4))
def test_any_html_of_a_tree_is_read_as_the_tree(data: st.DataObject, trees: list[object]) -> None:
    whole = ("div", [], trees)
    text = data.draw(serialised(whole))
    lines = [
        "".join(map(str, group))
        for is_end, group in itertools.groupby(_pieces(whole), lambda one: one is None)
        if not is_end
    ]
    expected = [" ".join(line.split()) for line in lines]
    assert plain_text(text) == "\n".join(line for line in expected if line)
