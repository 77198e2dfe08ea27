"""What of the risk areas' rules stands in a text: words between the boundaries of words, and links to domains.

A text is searched once for all words of all rules (Aho and Corasick (1975), Efficient string matching: an aid to
bibliographic search), so that its time grows with the text and what is found, not with the number of rules.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ahocorasick_rs import AhoCorasick

from linnaeus.contracts.config import RiskAreas, Rule
from linnaeus.contracts.hosts import canonical_host, linked_host, with_parents
from linnaeus.contracts.legible import folded, folded_case, legible

# Raise it when texts are searched in another way: contents that were scored under rules are then scored anew.
READING = 2

_ZERO_WIDTH_SPACE = "\u200b"
_AT_ONCE = 50_000  # characters: what is found in a text that is made to hurt fills no memory
_AROUND = 64  # characters on either side of a word, among which its boundaries are looked for
# The signs that join letters to one word by UAX 29, but those of Catalan and Hebrew that stand within words.
_SIGN = (
    r"[[\p{WB=MidLetter}\p{WB=MidNumLet}\p{WB=MidNum}\p{WB=Single_Quote}\p{WB=Double_Quote}\p{WB=ExtendNumLet}]"
    r"--[\xB7\u05F4]]"
)
_JOINING = rf"(?V1)(?<!\p{{WB=Numeric}}){_SIGN}|{_SIGN}(?!\p{{WB=Numeric}})"
# Never behind the sign that puts a letter of Burmese, Khmer or Tai Tham below the one before.
_BOUNDARY = r"(?w)(?<![\u1039\u17D2\u1A60])\b"
# Where a link's host begins, and the most that may belong to it. What belongs to a name that people write before an @.
_USER = r"[\p{L}\p{M}\p{N}._~!$&'()*+,;=:%@-]{0,256}@"
_LINK = (
    rf"(?i)(?:(?<=[a-z0-9])://(?:{_USER})?|(?<![a-z0-9._@/-])(?=www\.))"
    r"(\[[0-9a-f:.]{2,45}\]|(?:[\p{L}\p{M}\p{N}\p{So}._\u3002-]|%[0-9a-f]{2}){1,255})"
)
# Where a host may end though more follows: languages without blanks or with endings, and pictures, leave no space.
_GOES_ON = (
    r"(?<=[a-zA-Z0-9])(?=[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"
    r"|(?=[\p{So}\u3002])"
)
_ENDS_NO_HOST = "._-\u3002"


@dataclass(frozen=True)
class Needle:
    """A word or a domain of a rule, as the rule has it."""

    area: str
    rule: str
    written: str


class RuleSearch:
    """The words and domains of rules, ready to be searched for."""

    def __init__(self, needles: Iterable[tuple[Needle, bool]]) -> None:
        """Of needles, each with whether it is a domain."""
        self.needles: list[Needle] = []
        words: dict[str, list[int]] = defaultdict(list)
        self._domains: dict[str, list[int]] = defaultdict(list)
        for needle, is_domain in needles:
            forms, place = (self._domains if is_domain else words), len(self.needles)
            self.needles.append(needle)
            for form in _hosts(needle.written) if is_domain else _forms(needle.written):
                forms[form].append(place)
        self._words, self._of_word = list(words), list(words.values())
        self._overlap = max(map(len, words), default=0)
        self._automaton = AhoCorasick(self._words) if words else None

    @classmethod
    def of(cls, areas: RiskAreas) -> RuleSearch:
        """All rules of all areas, in their order."""
        rules = [(area.id, rule) for area in areas.areas for rule in area.rules]
        return cls(needle for area, rule in rules for needle in _needles(area, rule))

    def found(self, seen: str, links: Sequence[str]) -> list[Needle]:
        """What stands in a text as it is seen, or in the addresses of its links; in the order of the rules."""
        places: set[int] = set()
        for text in _readings(seen):
            places.update(self._words_in(folded_case(text)))
            if self._domains and ("://" in text or "www." in text.lower()):
                places.update(self._domains_of(_hosts_in(text)))
        if self._domains and links:
            places.update(self._domains_of(host for link in set(links) if (host := linked_host(link))))
        return [self.needles[place] for place in sorted(places)]

    def _words_in(self, text: str) -> set[int]:
        places: set[int] = set()
        if self._automaton is None:
            return places
        left = set(range(len(self._words)))
        for start in range(0, len(text), _AT_ONCE):
            part = text[start : start + _AT_ONCE + self._overlap]
            for word, first, end in self._automaton.find_matches_as_indexes(part, overlapping=True):
                if word in left and _stands_alone(text, start + first, start + end):
                    left.discard(word)
                    places.update(self._of_word[word])
        return places

    def _domains_of(self, hosts: Iterable[str]) -> Iterator[int]:
        for host in set(hosts):
            for name in with_parents(host):
                yield from self._domains.get(name, ())


def _needles(area: str, rule: Rule) -> Iterator[tuple[Needle, bool]]:
    for word in rule.words:
        yield Needle(area, rule.id, word), False
    for domain in rule.domains:
        yield Needle(area, rule.id, domain), True


def _forms(word: str) -> set[str]:
    """How a word may stand in a folded text: capitals of Turkish have lost the difference between ı and i."""
    plain = folded(word)
    return {plain, plain.replace("ı", "i")}


def _hosts(domain: str) -> set[str]:
    host = canonical_host(domain)
    return {host} if host else set()


def _readings(seen: str) -> set[str]:
    """The text in its legible form. A space of no width parts words, or is nothing: both are tried."""
    found = {legible(seen)}
    return found | {legible(seen.replace(_ZERO_WIDTH_SPACE, " "))} if _ZERO_WIDTH_SPACE in seen else found


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a part of a text begins and ends at boundaries of words.

    Boundaries are the default ones of Unicode Standard Annex 29, with one difference, which the annex leaves to its
    users: a sign between letters ends a word (`l'offre`, `free.Click`, `_free_`), between digits it does not (`3,419`).
    Never within a character that is written with several: an accent, a vowel's sign, a picture of several.
    """
    first = max(0, start - _AROUND)
    around = _compiled(_JOINING).sub("|", text[first : end + _AROUND])
    boundary = _compiled(_BOUNDARY)
    return bool(boundary.match(around, start - first) and boundary.match(around, end - first))


def _hosts_in(text: str) -> Iterator[str]:
    """The hosts of links that stand in a legible text, with `://` or as `www.`."""
    for match in _compiled(_LINK).finditer(text):
        written = match[1]
        ends = [len(written)]
        if not written.isascii():
            ends += [one.start() for one in _compiled(_GOES_ON).finditer(written)]
        for end in ends:
            host = canonical_host(written[:end].rstrip(_ENDS_NO_HOST))
            if host:
                yield host


@functools.cache
def _compiled(pattern: str) -> Any:
    import regex  # here, as a command that reads no text need not wait for it

    return regex.compile(pattern)
