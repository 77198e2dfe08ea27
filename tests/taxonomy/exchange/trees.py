"""Random trees, for round trips."""

from __future__ import annotations

from hypothesis import strategies as st

from linnaeus.taxonomy.exchange.document import Document
from linnaeus.taxonomy.tree import CURATED, TIERS, Node, Tree

# No control characters, and none that XML does not have.
LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")


def texts(letters: st.SearchStrategy[str] = LETTERS) -> st.SearchStrategy[str]:
    """One that begins and ends with no space."""
    return st.text(letters, min_size=1, max_size=12).filter(lambda text: text == text.strip())


@st.composite
def documents(draw: st.DrawFn, plain: bool = False) -> Document:
    """A document in random order; `plain`: with nothing but ids, names, parents and extensions."""
    ids = draw(st.lists(texts(), min_size=1, max_size=9, unique=True))
    levels: dict[str, int] = {}
    nodes: list[Node] = []
    for node_id in ids:
        above = draw(st.sampled_from([None, *[one for one, level in levels.items() if level < TIERS]]))
        levels[node_id] = 1 if above is None else levels[above] + 1
        free = st.none() if plain else st.none() | st.builds(lambda a, b: f"{a}\n{b}", texts(), texts())
        words = texts(st.sampled_from("aßü 語'\"\\"))
        keywords = () if plain else tuple(draw(st.lists(words, max_size=3, unique=True)))
        nodes.append(Node(node_id, draw(texts()), above, draw(free), keywords, origin=CURATED))
    some = st.sets(st.sampled_from(ids))
    return Document(
        Tree.of(nodes),
        order=tuple(draw(st.permutations(ids))),
        title=draw(st.none() | texts()),
        examples={} if plain else {one: tuple(sorted(draw(st.sets(texts(), min_size=1)))) for one in draw(some)},
        thresholds={} if plain else {one: draw(st.floats(0, 1)) for one in draw(some)},
        extensions={one: draw(texts()) for one in draw(some)},
    )
