"""Words of scripts that are written without blanks between words: Chinese, Japanese, Thai, Lao, Khmer and Burmese.

By ICU's word breaks, which know these languages by dictionaries (Unicode Standard Annex 29, Unicode text segmentation,
section 4, leaves them to such). Other scripts are left as they are. Which segmenter was chosen, and by what figures:
tests/benchmarks/segmenters.md.
"""

from __future__ import annotations

import re
import unicodedata

from icu4py import icu_version
from icu4py.breakers import WordBreaker

MADE_BY = f"ICU {icu_version}"  # another one may find other words

# Of the private use area, so that no word has one. Both stand where a word ends and another begins without a blank.
JOINT = "\ue002"  # between two words of these scripts
EDGE = "\ue003"  # between a word of these scripts and one of another

# Letters and their marks; digits and punctuation are not among them.
_SOUTH_EAST_ASIAN = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ecf\u0edc-\u0edf"  # Lao
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
)
_EAST_ASIAN = (
    "\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\U00020000-\U000323af"
    "\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\U0001aff0-\U0001b16f"
)
LETTERS = _SOUTH_EAST_ASIAN + _EAST_ASIAN  # as a class of a regular expression has them
_VARIANTS = "\U000e0100-\U000e01ef"  # which form of the character before is meant
_LETTER = re.compile(f"[{LETTERS}]")
_MARKS = re.compile(f"[{JOINT}{EDGE}]")
_RUN = re.compile(f"[{LETTERS}][{LETTERS}{_VARIANTS}]*")
# Signs that show nothing: within a word they would hide it from the dictionaries.
_INVISIBLE = re.compile(f"[{JOINT}{EDGE}\u00ad\u200c-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]+")
_ZERO_WIDTH_SPACE = "\u200b"
# Writers of Khmer and its neighbours put it between words; in other scripts it only hides what is written.
_WRITTEN_BREAK = re.compile(f"(?<=[{_SOUTH_EAST_ASIAN}]){_ZERO_WIDTH_SPACE}+(?=[{_SOUTH_EAST_ASIAN}])")


def set_apart(text: str) -> str | None:
    """The text with JOINT and EDGE between words of these scripts; None for one without a letter of them.

    Signs that show nothing are left out. All else stays, and so do the words themselves.
    """
    if text.isascii() or _LETTER.search(text) is None:
        return None
    plain = _WRITTEN_BREAK.sub(JOINT, _INVISIBLE.sub("", text)).replace(_ZERO_WIDTH_SPACE, "")
    return _RUN.sub(_with_marks, plain)


def words_of(text: str) -> list[str]:
    """The text in pieces: words of every script, and each sign or blank between them. Joined they are the text again,
    less the signs that `set_apart` leaves out."""
    parts = _MARKS.split(set_apart(text) or text)
    return [piece for part in parts for piece in WordBreaker(part, "")]


def _with_marks(run: re.Match[str]) -> str:
    """A run of letters with JOINT between its words, and EDGE where a word of another script touches it."""
    text, start, end = run.string, run.start(), run.end()
    words = JOINT.join(WordBreaker(run[0], ""))
    before = EDGE if start > 0 and _is_of_word(text[start - 1]) else ""
    after = EDGE if end < len(text) and _is_of_word(text[end]) else ""
    return before + words + after


def _is_of_word(sign: str) -> bool:
    return sign.isalnum() or unicodedata.category(sign).startswith("M")
