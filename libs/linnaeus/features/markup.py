"""HTML of rich-text posts to text: what a reader sees, a line a block. Text that only looks like markup stays as it is.

Parsed by the standard library's html.parser, which reports tags as they come and builds no tree. Those that build one
by HTML5's rules cost far more than a text is worth where it is broken or made to hurt: 110 kB of unclosed <b> in
paragraphs take selectolax and resiliparse 4.5 GB, deep nesting takes them minutes, and leaves inscriptis no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5
from html.parser import HTMLParser

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

# Each begins and ends a line.
_BLOCKS = frozenset(
    "address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav ol optgroup option p "
    "pre search section summary table tbody tfoot thead title tr ul".split()
)
_CELLS = frozenset({"td", "th"})
# What stands in them is not for the reader's eyes.
_UNSEEN = frozenset("audio canvas iframe noembed noframes noscript object script style svg template video".split())
_INLINE = frozenset(
    "a abbr acronym area b base basefont bdi bdo big button cite code col colgroup data datalist del dfn em embed font "
    "frame frameset i img input ins kbd label link map mark math meta meter nobr output param picture progress q rb rp "
    "rt rtc ruby s samp select slot small source span strike strong sub sup textarea time track tt u var wbr".split()
)
_KNOWN = _BLOCKS | _CELLS | _UNSEEN | _INLINE
# Bare, these are nothing but tags. Any other name is a word or a variable too: <time>, a<b.
_SURE = frozenset("p br hr wbr div span li ul ol dl dt dd tr td th tbody h1 h2 h3 h4 h5 h6 em strong img pre".split())
_VARIABLES = frozenset("biqsu")
_SWITCHES = (
    "allowfullscreen|async|autofocus|autoplay|checked|compact|contenteditable|controls|default|defer|disabled|download|"
    "draggable|hidden|inert|ismap|itemscope|loop|multiple|muted|nohref|noshade|novalidate|nowrap|open|playsinline|"
    "readonly|required|reversed|selected|webkitallowfullscreen|mozallowfullscreen"
)
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+)"""
_ATTRIBUTES = rf"""(?:\s+(?:[^\s"'<>/=]+\s*=\s*{_VALUE}|(?:{_SWITCHES})(?=[\s/>])))*"""
_MARKUP = re.compile(
    rf"<(?P<slash>/?)(?P<name>[a-z][a-z0-9:-]*)(?P<attributes>{_ATTRIBUTES})\s*/?>"
    # A declaration is one of the document's type, of XML, or the condition that Word writes before a list.
    r"|(?P<declaration><!doctype\s[^<>]*>|<\?xml[^<>]*>|<!\[(?:if|endif)[^\]<>]*\]>)|(?P<comment><!--)|<"
    r"|&(?P<entity>#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});|&",
    re.IGNORECASE,
)
_END = re.compile(r"</([a-z][a-z0-9:-]*)\s*>", re.IGNORECASE)
# A text without a match holds no markup: most do, and are done with.
_PERHAPS = re.compile(r"<[/a-zA-Z!?]|&#?[a-zA-Z0-9]+;")
_LINE = "\ufdd0"  # a noncharacter: no text means anything by it


def without_markup(text: Column) -> Column:
    """Each text as `plain_text` makes it; null stays null."""
    return _without_markup(text)  # type: ignore[no-any-return]


def plain_text(text: str) -> str:
    """The text that a reader of this HTML sees; any other text, the very same.

    Tags of HTML, closed comments and entities are markup. A tag's name, alone between angle brackets, counts where it
    can't be a word (<br>) or is closed later in the text: `a<b`, `x<y>z`, `<3`, `<joe@x.org>` and `AT&T` are text.
    Blocks stand on lines of their own, without empty ones between; inline elements split no word. From the first block
    on, white space and line ends are a space, as a browser shows them; before it, lines stay.

    Never raises; time and memory grow linearly with the text.
    """
    if _PERHAPS.search(text) is None:
        return text
    marked = _Marked(text)
    if marked.has_tags:
        reader = _Reader()
        reader.feed(marked.text)
        reader.close()
        return _lines("".join(reader.parts))
    return unescape(marked.text) if marked.has_entities else text


class _Marked:
    """A text in which each `<` and `&` that is no markup is written as an entity, so that any parser reads it alike."""

    def __init__(self, text: str) -> None:
        self.has_tags = self.has_entities = False
        self._last_end = {match[1].lower(): match.start() for match in _END.finditer(text)}
        self._last_comment_end = text.rfind("-->")
        self.text = _MARKUP.sub(self._as_markup, text)

    def _as_markup(self, match: re.Match[str]) -> str:
        found = match[0]
        if self._is_entity(match):
            self.has_entities = True
            return found
        if self._is_markup(match):
            self.has_tags = True
            return "" if match["declaration"] else found
        return ("&lt;" if found[0] == "<" else "&amp;") + found[1:].replace("&", "&amp;")

    @staticmethod
    def _is_entity(match: re.Match[str]) -> bool:
        name = match["entity"] or ""
        return name[:1] == "#" or f"{name};" in html5

    def _is_markup(self, match: re.Match[str]) -> bool:
        if match["name"]:
            return self._is_tag(match["name"].lower(), match)
        return bool(match["declaration"] or (match["comment"] and match.end() <= self._last_comment_end))

    def _is_tag(self, name: str, match: re.Match[str]) -> bool:
        if match["slash"]:
            return not match["attributes"] and (name in _KNOWN or not name.isalnum())
        if self._last_end.get(name, -1) > match.start():
            return name in _KNOWN or not name.isalnum()
        if name in _UNSEEN or name in _VARIABLES or name not in _KNOWN:
            return False
        return name in _SURE or bool(match["attributes"])


class _Reader(HTMLParser):
    """Collects what is seen: text, and a mark where a line ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._is_unseen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A block begins a line, a cell a word."""
        self._is_unseen = self._is_unseen or tag in _UNSEEN
        self._separate(tag)

    def handle_endtag(self, tag: str) -> None:
        """A block ends a line."""
        if tag in _UNSEEN:
            self._is_unseen = False  # of whichever: what is left open must not hide the rest of the text
        self._separate(tag)

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if not self._is_unseen:
            self.parts.append(data)

    def _separate(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append(_LINE)
        elif tag in _CELLS:
            self.parts.append(" ")


def _lines(text: str) -> str:
    before, block, after = text.partition(_LINE)
    if not block:
        return text
    lines = [before.strip(), *(" ".join(line.split()) for line in after.split(_LINE))]
    return "\n".join(line for line in lines if line)


# A type by its name would be parsed by the session, and there is none yet when this module is imported.
@F.pandas_udf(StringType())  # type: ignore[attr-defined,call-overload,untyped-decorator]
def _without_markup(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
    for texts in batches:
        yield pd.Series([text if text is None else plain_text(text) for text in texts], dtype=object)
