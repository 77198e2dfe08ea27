"""Names of topics: of terms that tell a node from those beside it, phrases before their words, no word twice.

A term's score is the product of three numbers:

- the root of the share of a topic's texts that have it, as mean over the texts at or below the node: what one topic
  alone has names that one, not the node above;
- how much more often it stands in them than in the other texts below the node's parent, and than in all other texts,
  the lesser of the two: the logarithm of the odds ratio, with the corpus as prior and less its uncertainty (Monroe,
  Colaresi and Quinn, 2008, Fightin' words, equations 15 to 22; here texts are counted, not words);
- how unevenly it is spread over the node and the topics that are not below it, one less its normalised entropy (Dumais,
  1991, Improving the retrieval of information from external sources): boilerplate stands in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
from scipy import sparse

from linnaeus.taxonomy.discovery.terms import apart
from linnaeus.taxonomy.discovery.vectors import Doubles, Places
from linnaeus.taxonomy.tree import Node, Tree

TERMS = 3  # of a name
_PRIOR = 50.0  # texts that are as the whole corpus is, beside those that are seen
_TINY = 1e-9
_DEVIATIONS = 1.645  # of the bound above which 95% of true differences lie
_PHRASE = 0.3  # NPMI of its words (Bouma, 2009) from which a pair is a phrase
_LEAST = 0.1  # of the best term's score, that another must have
_STANDS_FOR = 0.5  # share of a word's texts from which a phrase stands for it
_SIGNS = re.compile(r"[\s.,;:!?/&()\[\]\"]+")  # between the words of a name that a person gave
_STEM, _ENDING = 3, 3  # characters that forms of a word have in common at least, and that they end in at most


@dataclass(frozen=True, eq=False)
class Seen:
    """In how many texts each term stands (terms,), and of how many texts (terms,)."""

    having: Doubles
    texts: Doubles

    def __sub__(self, other: Seen) -> Seen:
        return Seen(self.having - other.having, self.texts - other.texts)

    @property
    def share(self) -> Doubles:
        """Of the texts that have each term, 0 where there are no texts."""
        return np.asarray(self.having / np.maximum(self.texts, _TINY))


@dataclass(frozen=True, eq=False)
class Shares:
    """The shares of each topic's texts that have each term (topics, terms), and how many texts it has (topics,)."""

    of_topics: sparse.csr_matrix
    sizes: npt.NDArray[np.int64]

    def roots(self, places: Places) -> Doubles:
        """The root of the share of a topic's texts that have each term (terms,), as mean over these topics' texts."""
        return self._mean(self._roots, places)

    def unevenness(self, places: Places) -> Doubles:
        """One less the entropy of each term's (terms,) spread over these topics, as one, and each of the others, where
        1 is that of an even spread."""
        n = len(self.sizes) - len(places) + 1
        if n < 2:
            return np.ones(self.of_topics.shape[1])
        own = self._mean(self.of_topics, places)
        every, every_part = self._sums
        total = every - _sum(self.of_topics[places]) + own
        parts = every_part - _sum(self._parts[places]) + own * np.log(np.maximum(own, _TINY))
        entropy = np.log(np.maximum(total, _TINY)) - parts / np.maximum(total, _TINY)
        return np.asarray(np.where(total > _TINY, np.clip(1 - entropy / np.log(n), 0.0, 1.0), 1.0))

    @cached_property
    def _roots(self) -> sparse.csr_matrix:
        return self.of_topics.sqrt()

    @cached_property
    def _parts(self) -> sparse.csr_matrix:
        """Each share times its logarithm."""
        found = self.of_topics.copy()
        found.data = found.data * np.log(np.maximum(found.data, _TINY))
        return found

    @cached_property
    def _sums(self) -> tuple[Doubles, Doubles]:
        return _sum(self.of_topics), _sum(self._parts)

    def _mean(self, values: sparse.csr_matrix, places: Places) -> Doubles:
        weights = self.sizes[places] / max(1, self.sizes[places].sum())
        return np.asarray(weights @ values[places]).reshape(-1)


def _sum(values: sparse.csr_matrix) -> Doubles:
    return np.asarray(values.sum(axis=0), dtype=np.float64).reshape(-1)


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The terms (words, and pairs of neighbours with a blank between them), the texts of the whole corpus, and the
    topics' shares."""

    terms: tuple[str, ...]
    corpus: Seen
    shares: Shares

    @cached_property
    def parts(self) -> Places:
        """Places (terms, 2) of the words of each pair; -1 for a word, and where a word is none of the terms."""
        place_of = {term: place for place, term in enumerate(self.terms)}
        split = [term.split(" ") for term in self.terms]
        return np.array(
            [[place_of.get(word, -1) for word in words] if len(words) == 2 else [-1, -1] for words in split], np.int32
        ).reshape(-1, 2)

    def those(self, places: npt.NDArray[np.int64]) -> frozenset[str]:
        """The terms at these places."""
        return frozenset(self.terms[place] for place in places.tolist())

    @cached_property
    def can_name(self) -> npt.NDArray[np.bool_]:
        """Which terms (terms,) are words, or phrases: pairs whose words stand together far more often than by chance,
        and are not one word twice."""
        share = np.maximum(self.corpus.share, _TINY)
        left, right = self.parts.T
        is_pair = np.array([" " in term for term in self.terms], bool)
        is_known = (left >= 0) & (right >= 0)
        together = np.minimum(share, 1 - _TINY)
        npmi = (np.log(together) - np.log(share[left]) - np.log(share[right])) / -np.log(together)
        twice = np.array([are_forms(*term.split(" ", 1)) if " " in term else False for term in self.terms], bool)
        return np.asarray(~is_pair | (is_known & (npmi >= _PHRASE) & ~twice))


def named(
    tree: Tree, members: Mapping[str, Places], seen: Callable[[Places], Seen], lexicon: Lexicon, n_keywords: int
) -> dict[str, Node]:
    """The discovered nodes by id, with names and keywords: `members` has the places of the topics at each or below it,
    `seen` counts the texts of such, and a node's keywords are candidates, the weightiest first.

    A name stands once in the tree, and has no word that the name of a node above it has. Keywords are those that tell a
    node from the corpus, and the terms of its name. Nodes above choose first, then the larger ones.
    """
    taken = {node.name.casefold() for node in tree if node.id not in members}
    words = {node.id: _SIGNS.split(node.name.casefold()) for node in tree}
    found: dict[str, Node] = {}
    for node_id in sorted(members, key=lambda one: (tree.level(one), -tree.nodes[one].size, one)):
        node, places = tree.nodes[node_id], members[node_id]
        own, worth = seen(places), lexicon.shares.roots(places) * lexicon.shares.unevenness(places)
        telling = lexicon.those(_enough(told_apart(own, worth, [lexicon.corpus], lexicon)))
        keywords = apart([one for one in node.keywords if one in telling] or node.keywords, n_keywords)
        beside = lexicon.corpus if node.parent is None else seen(_below(node.parent, tree, members))
        terms = ranked(told_apart(own, worth, [beside, lexicon.corpus], lexicon), lexicon, n_keywords)
        said = {word for above in tree.path(node_id)[:-1] for word in words[above]}
        name, first = _name(_chosen(terms, keywords, n_keywords, said), taken)
        taken.add(name.casefold())
        words[node_id] = _SIGNS.split(name.casefold())
        found[node_id] = replace(node, name=name, keywords=_with_terms(keywords, first, n_keywords))
    return found


def _below(parent: str, tree: Tree, members: Mapping[str, Places]) -> Places:
    """Topics at or below a node; below a curated one, those that were discovered there."""
    if parent in members:
        return members[parent]
    return np.concatenate([members[one] for one in tree.children[parent] if one in members])


def _with_terms(keywords: Sequence[str], terms: Sequence[str], n: int) -> tuple[str, ...]:
    """n keywords, the terms among them: those that are not come last."""
    others = [one for one in keywords if one not in terms][: max(0, n - len(terms))]
    kept = [one for one in keywords if one in terms or one in others]
    return (*kept, *(one for one in terms if one not in kept))[:n]


def _chosen(terms: Sequence[str], keywords: Sequence[str], most: int, said: Collection[str]) -> tuple[str, ...]:
    """Terms of a name: the keywords where none tells the node apart, words of names above where there is no other."""
    tried = (without_repeats(given, most, words) for words in (said, ()) for given in (terms, keywords))
    return next((found for found in tried if found), ())


def _name(terms: Sequence[str], taken: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """A name that is not taken, of the first terms or of more of them, and the terms."""
    for n in range(TERMS, max(TERMS, len(terms)) + 1):
        name = ", ".join(terms[:n]) or "Topic"
        if name.casefold() not in taken:
            return name, tuple(terms[:n])
    name, number = ", ".join(terms[:TERMS]) or "Topic", 2
    while f"{name} {number}".casefold() in taken:
        number += 1
    return f"{name} {number}", tuple(terms[:TERMS])


def told_apart(node: Seen, worth: Doubles, beside: Sequence[Seen], lexicon: Lexicon) -> Doubles:
    """How well each term (terms,) tells the node's texts from the others of each of `beside`, which have the node's
    among them; 0 for a term that does not. `worth` (terms,) is what a term counts besides.

    A phrase that stands in most of the texts of one of its words counts at least as that word does.
    """
    ratio = np.minimum.reduce([_surely_more(node, every - node, lexicon) for every in beside])
    scores = worth * np.maximum(ratio, 0.0)
    of_words = scores.copy()
    for part in lexicon.parts.T:
        stands_for = (part >= 0) & (scores > 0) & (node.having >= _STANDS_FOR * node.having[part])
        scores = np.where(stands_for, np.maximum(scores, of_words[part]), scores)
    return np.asarray(scores)


def _surely_more(node: Seen, others: Seen, lexicon: Lexicon) -> Doubles:
    """The logarithm (terms,) of the odds ratio of the node's texts and others, less its uncertainty."""
    inside, outside = _with_prior(node, lexicon), _with_prior(others, lexicon)
    deviation = np.sqrt(1 / np.maximum(inside.having, _TINY) + 1 / np.maximum(outside.having, _TINY))
    return np.asarray(_log_odds(inside) - _log_odds(outside) - _DEVIATIONS * deviation)


def _with_prior(seen: Seen, lexicon: Lexicon) -> Seen:
    return Seen(seen.having + _PRIOR * lexicon.corpus.share, seen.texts + _PRIOR)


def _log_odds(seen: Seen) -> Doubles:
    return np.asarray(np.log(np.maximum(seen.having, _TINY) / np.maximum(seen.texts - seen.having, _TINY)))


def ranked(scores: Doubles, lexicon: Lexicon, most: int) -> list[str]:
    """The words and phrases that score at least a tenth of the best, the highest first; of equal ones phrases, then by
    the alphabet. So many that `most` should be left without repeats."""
    places = _enough(np.where(lexicon.can_name, scores, 0.0))
    kept = places[np.argsort(-scores[places], kind="stable")][: 4 * most]
    return [
        term for _, _, term in sorted((-scores[at], " " not in lexicon.terms[at], lexicon.terms[at]) for at in kept)
    ]


def _enough(scores: Doubles) -> npt.NDArray[np.int64]:
    return np.flatnonzero((scores > 0) & (scores >= _LEAST * scores.max(initial=0.0)))


def without_repeats(terms: Sequence[str], most: int, said: Collection[str] = ()) -> tuple[str, ...]:
    """At most so many of the terms, in their order: none has a word twice, or one that a term before it has or that is
    among `said`, in any of its forms."""
    chosen: list[str] = []
    words = list(said)
    for term in terms:
        own = term.split(" ")
        pairs = [*product(own, words), *combinations(own, 2)]
        if len(chosen) < most and not any(are_forms(*pair) for pair in pairs):
            chosen.append(term)
            words += own
    return tuple(chosen)


def are_forms(one: str, other: str) -> bool:
    """Whether two words look like forms of one: one begins with the other, or both with more letters than differ.

    By letters and not by a stemmer, as texts are of many languages and a topic's is not known. Where it is wrong, a
    name goes without its next best word.
    """
    short, long = sorted((one, other), key=len)
    common = next((at for at, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    if len(long) - common > _ENDING or common < _STEM:
        return short == long
    return common == len(short) or common > _STEM
