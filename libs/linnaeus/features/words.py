"""A text made ready for Spark NLP's tokenizer, which knows the spaces and punctuation of ASCII alone.

To it a no-break space, an ellipsis or an emoji is a part of a word: `Hello…world` is one. And an exception of its own
keeps whatever stands about it, brackets and full stops too, so links and names are set apart here, each behind a mark
that the tokenizer is then told to keep whole.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from linnaeus.contracts.unspaced import EDGE, JOINT

MARK = "\ue000"  # of the private use area: taken out of every text before it is put in

EASY = "\ue001"  # likewise
BETWEEN = "\n"  # of words that are joined: no word has one

# In Java's syntax. What shows no sign of its own: marks of direction, joiners, the forms of emoji, private use.
_DROPPED = r"[\p{Cf}\p{Co}\x{FE00}-\x{FE0F}\x{20E3}\x{FFFD}]"
_DROPPED_FROM_APART = rf"[{_DROPPED}&&[^{JOINT}{EDGE}]]"
_SPACES = r"[\p{Z}\x{85}\x{1C}-\x{1F}]+"
# Forms of the apostrophe and the hyphen that belong into a word, and those of ASCII.
_IN_WORDS = ("\u2019\u2018\u02bc\u00b4\uff07\u2010\u2011", "'''''--")
# Punctuation and pictures beyond ASCII; not the dot of Catalan nor the accents of Hebrew, which stand within words.
_SET_APART = r"([\p{P}\x{2190}-\x{2BFF}\x{1F000}-\x{1FAFF}&&[^\x{00}-\x{7F}\x{B7}\x{5F3}\x{5F4}]])"

# No word: coded data, or signs by the thousand, over which the tokenizer's time grows with the square of their number.
_LONGEST_RUN = 1000
_TOO_LONG = rf"[^\s{JOINT}{EDGE}]{{{_LONGEST_RUN + 1},}}"

_LETTER = r"\p{L}\p{M}\p{N}_"
_ENDS_NO_LINK = r"""\s<>"'.,;:!?)\]}*_"""
# In a script without blanks a name may be of several words; of two scripts, without a blank, only a hashtag is.
_NAME = _LETTER + JOINT
# All begin where no word goes on and have bounded repeats, so that a long text without any is read once.
_PATTERNS = {
    "url": rf"(?<![{_LETTER}])(?i:https?://|www\.)[^\s<>\"{EDGE}]{{0,2048}}[^{_ENDS_NO_LINK}{JOINT}{EDGE}]",
    "email": rf"(?<![{_NAME}.%+-])[{_NAME}.%+-]{{1,64}}@(?:[{_NAME}-]{{1,63}}\.){{1,8}}[\p{{L}}{JOINT}]{{2,63}}",
    "hashtag": rf"(?<![{_LETTER}&#/])#(?=[\p{{M}}\p{{N}}_{EDGE}]{{0,64}}\p{{L}})[{_NAME}{EDGE}]{{1,140}}",
    "mention": rf"(?<![{_LETTER}@.%+-])@[{_LETTER}](?:[{_NAME}.-]{{0,62}}[{_LETTER}])?",
}
# What each has: a text without is not searched for it.
_SIGNS = {"url": r"://|(?i:www\.)", "email": "@", "hashtag": "#", "mention": "@"}
# The signs that Spark NLP's tokenizer takes off a word's ends; to it U+2187 is a space, and U+2188 keeps a word whole.
_TAKEN_OFF = r""".,;:!?*\-()"'"""
_SPACE = r"\s\x{2187}"
_WHOLE, _ENDS = rf"[^{_SPACE}]*", _SPACE + _TAKEN_OFF
# An exception behind its mark, as far as the tokenizer leaves it whole.
_MARKED = rf"{MARK}({_WHOLE}\x{{2188}}{_WHOLE}|(?:{_WHOLE}[^{_ENDS}])?)"
# Neighbouring words without such a sign at an end: the tokenizer's tokens are they themselves.
_EASY = rf"(?<![^{_SPACE}])(?:[^{_ENDS}]++(?:[{_TAKEN_OFF}]++[^{_ENDS}]++)*+(?=[{_SPACE}]|\z){BETWEEN}?+)++"


def spaced(text: Column, apart: Column | None = None) -> Column:
    """The text with every space a plain one, and punctuation and emoji beyond ASCII standing alone.

    What goes on for more than a thousand characters without any of them is left out. `apart` is the same text with
    marks between its words, as `contracts/unspaced.set_apart` makes it, or null: it is read instead, and keeps them.
    """
    shown = F.regexp_replace(text, _DROPPED, "")
    if apart is not None:
        shown = F.coalesce(F.regexp_replace(apart, _DROPPED_FROM_APART, ""), shown)
    bare = F.translate(shown, *_IN_WORDS)
    signs_apart = F.regexp_replace(bare, _SET_APART, " $1 ")
    plain = F.regexp_replace(F.when(is_ascii(text), text).otherwise(signs_apart), _SPACES, " ")
    return F.regexp_replace(plain, _TOO_LONG, " ")


def is_ascii(text: Column) -> Column:
    """Whether a text has a byte a character."""
    return F.octet_length(text) == F.length(text)


def marked(text: Column, exceptions: tuple[str, ...]) -> Column:
    """The text with each link, e-mail address, hashtag and mention, as asked, alone behind MARK."""
    if not exceptions:
        return text
    chosen = "|".join(pattern for name, pattern in _PATTERNS.items() if name in exceptions)
    signs = "|".join(sign for name, sign in _SIGNS.items() if name in exceptions)
    return F.when(text.rlike(signs), F.regexp_replace(text, chosen, f" {MARK}$0 ")).otherwise(text)


def without_joints(text: Column) -> Column:
    """A text without the marks of `contracts/unspaced`."""
    return F.translate(text, JOINT + EDGE, "")


def with_blanks(apart: Column) -> Column:
    """A text with blanks in the places of these marks."""
    return F.translate(apart, JOINT + EDGE, "  ")


def unmarked(text: Column) -> tuple[Column, Column]:
    """A marked text with nothing but the mark of each exception, and the exceptions (array<string>) in their order."""
    has_none = ~text.contains(MARK)
    bare = F.when(has_none, text).otherwise(F.regexp_replace(text, _MARKED, MARK))
    none = F.array().cast("array<string>")
    return bare, F.when(has_none, none).otherwise(F.regexp_extract_all(text, F.lit(_MARKED), F.lit(1)))


def shortened(text: Column) -> tuple[Column, Column]:
    """A text as the tokenizer needs it, and what is left out (array<string>, words with BETWEEN between them).

    EASY stands for neighbouring words that the tokenizer would leave as they are: three of four words of a text, over
    each of which it spends microseconds.
    """
    lines = F.regexp_replace(text, r"\s+", BETWEEN)
    return F.regexp_replace(lines, _EASY, EASY + BETWEEN), F.regexp_extract_all(lines, F.lit(_EASY), F.lit(0))


def put_back(text: Column, mark: str, left_out: Column) -> Column:
    """A text with each of `left_out` (array<string>) in the place of its mark."""
    pairs = F.zip_with(F.split(text, mark), left_out, lambda before, one: F.concat(before, F.coalesce(one, F.lit(""))))
    return F.when(F.size(left_out) == 0, text).otherwise(F.array_join(pairs, ""))
