"""A text made ready for Spark NLP's tokenizer, which knows the spaces and punctuation of ASCII alone.

To it a no-break space, an ellipsis or an emoji is a part of a word: `Hello…world` is one. And an exception of its own
keeps whatever stands about it, brackets and full stops too, so links and names are set apart here, each behind a mark
that the tokenizer is then told to keep whole.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

MARK = "\ue000"  # of the private use area: taken out of every text before it is put in

# In Java's syntax. What shows no sign of its own: marks of direction, joiners, the forms of emoji, private use.
_DROPPED = r"[\p{Cf}\p{Co}\x{FE00}-\x{FE0F}\x{20E3}\x{FFFD}]"
_SPACES = r"[\p{Z}\x{85}\x{1C}-\x{1F}]+"
# Forms of the apostrophe and the hyphen that belong into a word, and those of ASCII.
_IN_WORDS = ("\u2019\u2018\u02bc\u00b4\uff07\u2010\u2011", "'''''--")
# Punctuation and pictures beyond ASCII; not the dot of Catalan nor the accents of Hebrew, which stand within words.
_SET_APART = r"([\p{P}\x{2190}-\x{2BFF}\x{1F000}-\x{1FAFF}&&[^\x{00}-\x{7F}\x{B7}\x{5F3}\x{5F4}]])"

# No word: coded data, or signs by the thousand, over which the tokenizer's time grows with the square of their number.
_LONGEST_RUN = 1000
_TOO_LONG = rf"\S{{{_LONGEST_RUN + 1},}}"

_LETTER = r"\p{L}\p{M}\p{N}_"
_ENDS_NO_LINK = r"""\s<>"'.,;:!?)\]}*_"""
# All begin where no word goes on and have bounded repeats, so that a long text without any is read once.
_PATTERNS = {
    "url": rf"(?<![{_LETTER}])(?i:https?://|www\.)[^\s<>\"]{{0,2048}}[^{_ENDS_NO_LINK}]",
    "email": rf"(?<![{_LETTER}.%+-])[{_LETTER}.%+-]{{1,64}}@(?:[{_LETTER}-]{{1,63}}\.){{1,8}}\p{{L}}{{2,63}}",
    "hashtag": rf"(?<![{_LETTER}&#/])#(?=[\p{{M}}\p{{N}}_]{{0,64}}\p{{L}})[{_LETTER}]{{1,140}}",
    "mention": rf"(?<![{_LETTER}@.%+-])@[{_LETTER}](?:[{_LETTER}.-]{{0,62}}[{_LETTER}])?",
}


def spaced(text: Column) -> Column:
    """The text with every space a plain one, and punctuation and emoji beyond ASCII standing alone.

    What goes on for more than a thousand characters without any of them is left out.
    """
    bare = F.translate(F.regexp_replace(text, _DROPPED, ""), *_IN_WORDS)
    apart = F.regexp_replace(F.regexp_replace(bare, _SET_APART, " $1 "), _SPACES, " ")
    return F.regexp_replace(apart, _TOO_LONG, " ")


def marked(text: Column, exceptions: tuple[str, ...]) -> Column:
    """The text with each link, e-mail address, hashtag and mention, as asked, alone behind MARK."""
    if not exceptions:
        return text
    chosen = "|".join(pattern for name, pattern in _PATTERNS.items() if name in exceptions)
    return F.regexp_replace(text, chosen, f" {MARK}$0 ")
