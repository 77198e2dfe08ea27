"""Texts as people read them, so that a word is found however it is written: composed or not, wide, with hidden signs.

What a rule names and what is searched for it go through the same functions.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Any

# Forms of the apostrophe and the hyphen, as tokens have them; and the signs that compatibility would make letters of:
# `free™` is no word `freetm`.
_SIGNS = str.maketrans("\u2019\u2018\u02bc\u00b4\uff07\u2010\u2011\u2122\u2120", "'''''--  ")
_HAS_SIGNS = re.compile(f"[{''.join(map(chr, _SIGNS))}]")  # most texts have none, and translating takes long
_DOTTED_I = "i\u0307"  # what the capital İ of Turkish is in lower case; it looks like i
# What shows no sign of its own goes, but a joiner between two pictures and the letters behind a black flag: the picture
# that they make is another.
_NOT_SHOWN = (
    r"(\U0001F3F4[\U000E0020-\U000E007F]+|\p{Extended_Pictographic}\p{Emoji_Modifier}?\uFE0F?\u200D"
    r"(?=\p{Extended_Pictographic}))|\p{Default_Ignorable_Code_Point}+"
)


def legible(text: str) -> str:
    """The text without invisible signs, in Unicode's compatible composed form (NFKC), its blanks and line ends a space.

    Letters stay capital or small. The characters that show nothing are those of the property
    Default_Ignorable_Code_Point (Unicode Standard Annex 44).
    """
    if not text.isascii():
        text = text.translate(_SIGNS) if _HAS_SIGNS.search(text) else text
        text = unicodedata.normalize("NFKC", _not_shown().sub(r"\1", text))
    return " ".join(text.split())


def folded(text: str) -> str:
    """The text in its legible form, capital and small letters alike (Unicode's full case folding)."""
    return folded_case(legible(text))


def folded_case(text: str) -> str:
    """A legible text with capital and small letters alike."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text.casefold()).replace(_DOTTED_I, "i")


@functools.cache
def _not_shown() -> Any:
    import regex  # here, as a command that reads no text need not wait for it

    return regex.compile(_NOT_SHOWN)
