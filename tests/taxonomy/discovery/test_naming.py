"""Names of topics: what tells a node from those beside it, on texts that can be counted by hand."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from linnaeus.taxonomy.discovery.naming import Lexicon, Seen, Shares, are_forms, named, told_apart, without_repeats
from linnaeus.taxonomy.discovery.vectors import Places
from linnaeus.taxonomy.tree import CURATED, Node, Tree

Text = set[str]


class Corpus:
    """Texts (sets of terms) of leaves, in a tree: each leaf's `parent` is a node above it."""

    def __init__(
        self,
        leaves: Mapping[str, Sequence[Text]],
        parent: Mapping[str, str] | None = None,
        curated: Sequence[Node] = (),
    ) -> None:
        above = parent or {}
        self.terms = tuple(sorted({term for texts in leaves.values() for text in texts for term in text}))
        members = {leaf: [leaf] for leaf in leaves}
        for leaf, over in above.items():
            members.setdefault(over, []).append(leaf)
        place = {leaf: at for at, leaf in enumerate(leaves)}
        fixed = {node.id for node in curated}
        self.texts = list(leaves.values())
        self.members = {
            node: np.array([place[leaf] for leaf in own], np.int32)
            for node, own in members.items()
            if node not in fixed
        }
        sizes_of = {node: sum(len(leaves[leaf]) for leaf in members[node]) for node in self.members}
        nodes = [
            Node(node, "", above.get(node), keywords=self._candidates(node), size=size)
            for node, size in sizes_of.items()
        ]
        self.tree = Tree.of([*curated, *nodes])
        counts = np.array([self._seen(texts).having for texts in leaves.values()])
        sizes = np.array([len(texts) for texts in leaves.values()])
        shares = Shares(sparse.csr_matrix(counts / sizes[:, None]), sizes)
        self.lexicon = Lexicon(self.terms, self._seen([text for texts in leaves.values() for text in texts]), shares)

    def _seen(self, texts: Sequence[Text]) -> Seen:
        having = np.array([sum(term in text for text in texts) for term in self.terms], dtype=float)
        return Seen(having, np.full(len(self.terms), float(len(texts))))

    def seen(self, places: Places) -> Seen:
        return self._seen([text for at in places.tolist() for text in self.texts[at]])

    def _candidates(self, node: str) -> tuple[str, ...]:
        having = self.seen(self.members[node]).having
        return tuple(self.terms[at] for at in np.argsort(-having, kind="stable") if having[at] > 0)

    def named(self, n_keywords: int = 10) -> dict[str, Node]:
        return named(self.tree, self.members, self.seen, self.lexicon, n_keywords)

    def names(self) -> dict[str, str]:
        return {node: one.name for node, one in self.named().items()}


def texts(n: int, *always: str, **sometimes: int) -> list[Text]:
    """So many texts with all of `always`, and each of `sometimes` (blanks as underscores) in so many of the first."""
    return [{*always, *(term.replace("_", " ") for term, k in sometimes.items() if at < k)} for at in range(n)]


SPORT = {
    "football": texts(40, "sport", team=36, match=34, goal=24, striker=20),
    "tennis": texts(40, "sport", team=36, match=34, racket=24, serve=20),
    "music": texts(80, "song", band=60),
}
ABOVE = {"football": "games", "tennis": "games"}


def test_a_name_tells_a_node_from_its_siblings_and_says_no_word_of_its_parents() -> None:
    names = Corpus(SPORT, ABOVE).names()
    assert names == {
        "games": "sport, team, match",
        "music": "song, band",
        "football": "goal, striker",
        "tennis": "racket, serve",
    }


def test_below_a_curated_node_its_words_are_not_said_again() -> None:
    curated = [Node("games", "Sport and games", origin=CURATED)]
    names = Corpus(SPORT, ABOVE, curated).names()
    assert names == {"football": "goal, striker", "tennis": "racket, serve", "music": "song, band"}


def test_boilerplate_of_all_topics_is_in_no_name_nor_keyword() -> None:
    given_texts = {
        topic: texts(60, "said", reuters=at, tuesday=20, **dict.fromkeys(own, 20))
        for topic, at, own in (
            ("war", 45, ("iraq", "troops")),
            ("money", 50, ("shares", "profit")),
            ("play", 35, ("season", "coach")),
            ("space", 40, ("nasa", "mars")),
        )
    }
    found = Corpus(given_texts).named()
    for node in found.values():
        assert not {"said", "reuters", "tuesday"} & {*node.name.split(", "), *node.keywords}
    assert [found[topic].name for topic in given_texts] == [
        "iraq, troops",
        "profit, shares",
        "coach, season",
        "mars, nasa",
    ]


def test_keywords_are_the_candidates_that_tell_and_the_terms_of_the_name_last() -> None:
    one = texts(40, "said", goal=38, match=34, team=30, derby=28, striker=20)
    corpus = Corpus({"one": one, "other": texts(90, "said", match=2, team=1, song=80)})
    found = corpus.named(6)["one"]
    assert found.name == "goal, derby, match"
    assert found.keywords == ("goal", "match", "team", "derby", "striker")
    assert corpus.named(3)["one"].keywords == ("goal", "match", "derby")
    corpus.tree = Tree.of([replace(node, keywords=("said", "match", "striker")) for node in corpus.tree])
    assert corpus.named(4)["one"].keywords == ("match", "striker", "goal", "derby")


def test_no_word_stands_twice_in_any_of_its_forms() -> None:
    one = texts(40, "ap", "ap ap", win=38, wins=36, winner=34, final=30)
    names = Corpus({"one": one, "other": texts(40, "else")}).names()
    assert names["one"] == "ap, win, final"


def test_a_phrase_stands_before_its_words_and_a_pair_by_chance_does_not() -> None:
    one = texts(40, prime=32, minister=36, prime_minister=30, talks=30, talks_minister=3)
    two = texts(40, talks=2, market=30, shares=25, market_shares=8)
    names = Corpus({"one": one, "two": two, "rest": texts(400, "else", talks=60)}).names()
    assert names["one"] == "prime minister, talks"
    assert names["two"].startswith("market, shares")


def test_names_are_given_once_and_a_node_without_words_has_one() -> None:
    same = {"a": texts(30, "goal", "match"), "b": texts(29, "goal", "match"), "c": texts(80, "song")}
    bare = {"d": texts(9), "e": texts(8)}
    names = Corpus({**same, **bare}, curated=[Node("x", "Song", origin=CURATED)]).names()
    assert len({name.casefold() for name in names.values()} | {"song"}) == len(names) + 1
    assert names["a"] == "goal, match" and names["b"] == "goal, match 2"
    assert (names["d"], names["e"]) == ("Topic", "Topic 2")
    assert Corpus({"d": texts(9), "e": texts(8)}).names() == {"d": "Topic", "e": "Topic 2"}  # no term at all
    assert Corpus({"d": texts(9, "one")}).names() == {"d": "one"}


@pytest.mark.parametrize(
    ("one", "other"),
    [("win", "wins"), ("win", "win"), ("company", "companies"), ("Iraq", "Iraqi"), ("play", "played"), ("vin", "vins"),
     ("jeu", "jeux"), ("Wahl", "Wahlen"), ("выборы", "выборов"), ("partido", "partidos")],
)  # fmt: skip
def test_forms_of_a_word_are_one(one: str, other: str) -> None:
    assert are_forms(one, other) and are_forms(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("iraq", "iran"), ("film", "fill"), ("us", "use"), ("sport", "spot"), ("ap", "apple"), ("", "a")]
)
def test_other_words_are_others(one: str, other: str) -> None:
    assert not are_forms(one, other) and not are_forms(other, one)


def test_terms_without_repeats() -> None:
    terms = ["world cup", "cup final", "final", "brazil", "world"]
    assert without_repeats(terms, 3) == ("world cup", "final", "brazil")
    assert without_repeats(terms, 1, {"cups"}) == ("final",)
    assert without_repeats(["cup cups", "ap ap", "goal"], 3) == ("goal",)


def test_the_score_is_that_of_the_formula() -> None:
    inside, every = Seen(np.array([30.0, 0]), np.array([40.0, 40])), Seen(np.array([40.0, 50]), np.array([100.0, 100]))
    corpus = Seen(np.array([50.0, 80]), np.array([200.0, 200]))
    lexicon = Lexicon(("goal", "song"), corpus, Shares(sparse.csr_matrix((0, 2)), np.zeros(0, np.int64)))

    def log_odds(k: float, n: float) -> float:
        return math.log((k + 50 * 0.25) / (n + 50 - k - 50 * 0.25))

    ratios = [
        log_odds(30, 40) - log_odds(k, n) - 1.645 * math.sqrt(1 / (30 + 12.5) + 1 / (k + 12.5))
        for k, n in ((10, 60), (20, 160))
    ]
    found = told_apart(inside, np.array([0.75, 0]), [every, corpus], lexicon)
    assert found.tolist() == pytest.approx([0.75 * min(ratios), 0])


def test_what_one_topic_has_names_it_and_not_the_node_above() -> None:
    topics = {
        "football": texts(40, goal=38, fans=16),
        "tennis": texts(40, racket=38, fans=16),
        "golf": texts(40, hole=38, fans=16),
        "songs": texts(120, "song"),
    }
    names = Corpus(topics, dict.fromkeys(["football", "tennis", "golf"], "sport")).names()
    assert names["sport"].startswith("fans")


def test_what_all_topics_have_alike_weighs_nothing_and_what_one_has_weighs_one() -> None:
    shares = Shares(
        sparse.csr_matrix(np.array([[0.9, 0.5, 0.8, 0], [0.9, 0, 0, 0], [0.9, 0, 0.8, 0]])), np.array([1, 2, 1])
    )
    of_two = 1 - math.log(2) / math.log(3)
    for at in range(3):
        assert shares.unevenness(np.array([at])) == pytest.approx([0, 1, of_two, 1])
    # Topics below one node count as one: of the texts of the first two a third have 0.8, which are 0.8 / 3 and 0.8.
    assert shares.unevenness(np.array([0, 2])) == pytest.approx([0, 1, 1, 1])
    of_both = 1 + (0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    assert shares.unevenness(np.array([0, 1])) == pytest.approx([0, 1, of_both, 1])
    assert shares.unevenness(np.arange(3)).tolist() == [1, 1, 1, 1]
    assert shares.roots(np.array([0, 1])) == pytest.approx([math.sqrt(0.9), math.sqrt(0.5) / 3, math.sqrt(0.8) / 3, 0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 4))
def test_names_are_unique_without_repeats_and_first_among_keywords(seed: int, n_leaves: int, n_above: int) -> None:
    rng = np.random.default_rng(seed)
    words = [f"{a}{b}" for a in ("go", "mar", "ap", "ton") for b in ("ne", "nes", "xt", "k")]
    terms = [*words, *(f"{words[i]} {words[j]}" for i, j in rng.integers(0, len(words), (6, 2)))]
    leaves = {
        f"leaf {at}": [{term for term in terms if rng.random() < rate} for _ in range(int(rng.integers(1, 25)))]
        for at, rate in enumerate(rng.random(n_leaves) ** 2)
    }
    corpus = Corpus(leaves, {leaf: f"above {at % n_above}" for at, leaf in enumerate(leaves)})
    found = corpus.named()
    assert len({one.name.casefold() for one in found.values()}) == len(found) == len(corpus.members)
    for one in found.values():
        own = re.findall(r"[^\W\d]+", one.name)
        assert not any(are_forms(left, right) for at, left in enumerate(own) for right in own[:at])
        named_terms = re.sub(r" \d+$", "", one.name).split(", ")
        assert named_terms == ["Topic"] or set(named_terms) <= set(one.keywords)
