"""The index of creators against the obvious way: a sorted list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from linnaeus.contracts import tables
from linnaeus.serving.creators import CreatorIndex
from tests.serving.service import rows_of

IDS = ["", "a", "a'b", "a/b", "aa", "b", "é", "中", "\uffff", "𝄞"]
CATEGORIES = ["x", "y", None, "x", "x", "y", "x", None, "z", "x"]

Ids = st.text(alphabet="ab'/é\uffff𝄞", max_size=3)


def index(ids: list[str], categories: list[str | None]) -> CreatorIndex:
    columns = {"creator_id": ids, "category": categories, "n_content": list(range(len(ids)))}
    return CreatorIndex(rows_of(tables.CREATOR_PROFILES, columns))


def test_every_creator_is_found_and_nobody_else() -> None:
    assert sorted(IDS) == IDS
    creators = index(IDS, CATEGORIES)
    for i, one in enumerate(IDS):
        found = creators.get(one)
        assert found is not None and (found["creator_id"], found["n_content"]) == (one, i)
    assert [creators.get(one) for one in ("A", "a'", "ab", "zzz", "𝄞𝄞", "\x00")] == [None] * 6


def test_no_creators() -> None:
    creators = index([], [])
    assert len(creators) == 0 and creators.get("a") is None
    assert creators.page(None, None, 5) == creators.page("x", "a", 5) == []


def test_a_category_that_nobody_has_is_empty() -> None:
    assert index(IDS, CATEGORIES).page("nobody's", None, 5) == []


@given(
    st.dictionaries(Ids, st.sampled_from(["x", "y", "z", None]), max_size=12),
    st.sampled_from(["x", "y", "none", None]),
    st.none() | Ids,
    st.integers(1, 5),
)
def test_pages_are_those_of_a_sorted_list(
    categories: dict[str, str | None], category: str | None, after: str | None, limit: int
) -> None:
    ids = sorted(categories)
    expected = [
        one for one in ids if (after is None or one > after) and (category is None or categories[one] == category)
    ]
    page = index(ids, [categories[one] for one in ids]).page(category, after, limit)
    assert [row["creator_id"] for row in page] == expected[:limit]
