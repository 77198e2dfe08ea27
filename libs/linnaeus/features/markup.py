"""HTML of rich-text posts to text: what a reader sees, a line a block. Text that only looks like markup stays as it is.

Tags are read as HTML's own tokeniser reads them (the HTML Standard, 13.2.5), by patterns and in one pass; no tree is
built. Parsers that build one by HTML's rules cost far more than a text is worth where it is broken or made to hurt:
110 kB of unclosed <b> in paragraphs take selectolax and resiliparse 4.5 GB, deep nesting takes them minutes, and leaves
inscriptis no text.
"""

from __future__ import annotations

import functools
import re
from html import unescape
from html.entities import html5

# Each begins and ends a line.
_BLOCKS = frozenset(
    "address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav ol optgroup option p "
    "pre search section summary table tbody tfoot thead title tr ul xmp".split()
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
# Of the sure ones those that are a word or a variable beside other words: <strong opinion>, <p and q>.
_WORDS = frozenset("p em strong pre".split())
_SWITCHES = frozenset(
    "allowfullscreen async autofocus autoplay checked compact contenteditable controls default defer disabled download "
    "draggable hidden inert ismap itemscope loop multiple muted nohref noshade novalidate nowrap open playsinline "
    "readonly required reversed selected webkitallowfullscreen mozallowfullscreen".split()
)
# In them there are no tags but their own end: to a browser that runs scripts, noscript is one of them.
_RAW = frozenset("iframe noembed noframes noscript script style textarea title xmp".split())
_DECODED = frozenset({"textarea", "title"})
# Attributes whose value is an address.
_ADDRESSES = frozenset("action data formaction href poster src xlink:href".split())

_BLANK = r"\t\n\f\r "
_NAME = rf"[a-z][^{_BLANK}/><]*"
_MARKUP = re.compile(
    rf"<(?P<slash>/?)(?P<name>{_NAME})|(?P<comment><!--)"
    # A declaration is one of the document's type, of XML, or the condition that Word writes before a list.
    r"|(?P<declaration><!doctype\b[^<>]*>|<\?xml\b[^<>]*>|<!\[(?:if|endif)[^\]<>]*\]>)",
    re.IGNORECASE,
)
# One attribute with the blanks before it, or the end of the tag. A `<` outside of quotes begins something else: so a
# tag that never ends is given up there, and `a <b and c<d` is text.
_ATTRIBUTE = re.compile(
    rf"""[{_BLANK}/]*(?:(?P<end>>)|(?P<name>=[^{_BLANK}/>=<]*|[^{_BLANK}/>=<]+)(?![^{_BLANK}/>=<])"""
    rf"""(?:[{_BLANK}]*(?P<is>=)[{_BLANK}]*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'"""
    rf"""|(?P<bare>[^{_BLANK}>"'<][^{_BLANK}><]*)(?=[{_BLANK}>])|(?=>))|(?![{_BLANK}]*=)))"""
)
_END = re.compile(rf"</({_NAME})(?![^{_BLANK}/><])[^<>]*>", re.IGNORECASE)
_COMMENT_END = re.compile(r"--!?>")
# An own element, or a namespace's: <my-card>, <o:p>.
_OWN = re.compile(r"[a-z][a-z0-9]*[-:][a-z0-9:-]*")
_ENTITY = re.compile(r"&(?P<entity>#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
# A text without a match holds no markup: most do, and are done with.
_PERHAPS = re.compile(r"<[/a-zA-Z!?]|&#?[a-zA-Z0-9]+;")
_LINE = "\ufdd0"  # a noncharacter: no text means anything by it


def plain_text(text: str) -> str:
    """The text that a reader of this HTML sees; any other text, the very same.

    Tags of HTML, closed comments and entities are markup. A tag's name, alone between angle brackets, counts where it
    can't be a word (<br>) or is closed later in the text: `a<b`, `x<y>z`, `<3`, `<joe@x.org>` and `AT&T` are text. It
    counts beside attributes too, unless they are words: `<p and q>` is text.
    Blocks stand on lines of their own, without empty ones between; inline elements split no word. From the first block
    on, white space and line ends are a space, as a browser shows them; before it, lines stay.

    Never raises; time and memory grow linearly with the text.
    """
    return text_and_links(text)[0]


def text_and_links(text: str) -> tuple[str, list[str]]:
    """The text as `plain_text` makes it, and the addresses in its tags' attributes (`href`, `src` and their like).

    An address that only stands in the text is not among them.
    """
    if _PERHAPS.search(text) is None:
        return text, []
    page = _Page(text)
    return page.read(), page.links


class _Page:
    """Reads a text once, from markup to markup."""

    def __init__(self, text: str) -> None:
        self.links: list[str] = []
        self._text = text
        self._last_end = {match[1].lower(): match.start() for match in _END.finditer(text)}
        self._last_comment_end = max(text.rfind("-->"), text.rfind("--!>"))
        self._no_end: set[int] = set()  # places between attributes from which no tag's end is reached
        self._parts: list[str] = []
        self._unseen: str | None = None  # the element in which nothing is seen
        self._hidden: list[str] = []

    def read(self) -> str:
        """What is seen."""
        done = at = 0
        has_tags = False
        while match := _MARKUP.search(self._text, at):
            end = self._end_of(match)
            at = match.start() + 1 if end is None else end
            if end is not None:
                has_tags = True
                self._see(_decoded(self._text[done : match.start()]))
                done = at = self._after(match, end)
        self._see(_decoded(self._text[done:]))
        # What is left open must not hide the rest of the text.
        seen = "".join(self._parts + self._hidden)
        return _lines(seen) if has_tags else seen

    def _end_of(self, match: re.Match[str]) -> int | None:
        """Where a piece of markup ends; None for what is none."""
        if match["name"]:
            return self._end_of_tag(match)
        return match.end() if match["declaration"] else self._end_of_comment(match.end())

    def _end_of_comment(self, start: int) -> int | None:
        for empty in (">", "->"):
            if self._text.startswith(empty, start):
                return start + len(empty)
        found = _COMMENT_END.search(self._text, start) if start <= self._last_comment_end else None
        return found.end() if found else None

    def _end_of_tag(self, match: re.Match[str]) -> int | None:
        name = match["name"].lower()
        is_own = _OWN.fullmatch(name) is not None
        if match["slash"]:
            found = self._attributes(match.end()) if name in _KNOWN or is_own else None
            return found[1] if found else None
        is_closed = self._last_end.get(name, -1) > match.start()
        # Whatever its attributes are it is no tag: in their values there may be more of its kind, looked through again.
        if not (name in _KNOWN or is_own) or not (is_closed or _may_be_left_open(name)):
            return None
        found = self._attributes(match.end())
        if found is None or not (is_closed or _is_tag(name, found[0])):
            return None
        self.links += [unescape(value) for key, value in map(_pair, found[0]) if key in _ADDRESSES and value]
        return found[1]

    def _attributes(self, start: int) -> tuple[list[re.Match[str]], int] | None:
        """The attributes of a tag from behind its name, and where it ends; None where it does not end."""
        found: list[re.Match[str]] = []
        at, passed = start, [start]
        while at not in self._no_end and (match := _ATTRIBUTE.match(self._text, at)):
            if match["end"]:
                return found, match.end()
            found.append(match)
            at = match.end()
            passed.append(at)
        self._no_end.update(passed)
        return None

    def _after(self, match: re.Match[str], end: int) -> int:
        """Take a piece of markup in; where the text goes on."""
        name = (match["name"] or "").lower()
        if name in _BLOCKS:
            self._see(_LINE)
        elif name in _CELLS:
            self._see(" ")
        if match["slash"]:
            self._show_again(name)
            return end
        is_closed = self._last_end.get(name, -1) >= end
        is_shown = self._unseen is None
        if name in _UNSEEN and is_shown and is_closed:
            self._unseen = name
        if name not in _RAW or not is_closed or not is_shown:  # in a picture (svg) a style is no raw text
            return end
        return self._raw(name, end)

    def _show_again(self, name: str) -> None:
        if name == self._unseen:
            self._unseen = None
            self._hidden.clear()

    def _raw(self, name: str, start: int) -> int:
        """Take in what has no tags: to the end of its element."""
        found = _end_of_raw(name).search(self._text, start)
        end = found.start() if found else len(self._text)
        content = self._text[start:end]
        self._see(_decoded(content) if name in _DECODED else content)
        return end

    def _see(self, part: str) -> None:
        (self._parts if self._unseen is None else self._hidden).append(part)


def _may_be_left_open(name: str) -> bool:
    """Whether a name that is never closed can be a tag's."""
    return "-" in name or (name in _KNOWN and name not in _UNSEEN and name not in _VARIABLES)


def _is_tag(name: str, attributes: list[re.Match[str]]) -> bool:
    """Whether a name that is never closed is a tag's, by what stands beside it."""
    if any(one["is"] for one in attributes):
        return True
    if name not in _KNOWN:
        return False
    is_told = any(not one["name"].isalpha() or one["name"].lower() in _SWITCHES for one in attributes)
    return is_told or (name in _SURE and (not attributes or name not in _WORDS))


def _pair(attribute: re.Match[str]) -> tuple[str, str | None]:
    return attribute["name"].lower(), attribute["double"] or attribute["single"] or attribute["bare"]


@functools.cache  # of nine names
def _end_of_raw(name: str) -> re.Pattern[str]:
    return re.compile(rf"</{name}(?=[{_BLANK}/>])", re.IGNORECASE)


def _decoded(text: str) -> str:
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    name = match["entity"]
    return unescape(match[0]) if name[0] == "#" or f"{name};" in html5 else match[0]


def _lines(text: str) -> str:
    before, block, after = text.partition(_LINE)
    if not block:
        return text
    lines = [before.strip(), *(" ".join(line.split()) for line in after.split(_LINE))]
    return "\n".join(line for line in lines if line)
