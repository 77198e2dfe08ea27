"""The IAB Content Taxonomy's own file, one of a few lines in its form, and files that are not of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.exchange import as_json
from linnaeus.taxonomy.exchange.document import Document
from linnaeus.taxonomy.exchange.iab import read, write
from linnaeus.taxonomy.tree import CURATED, Node, Tree
from tests.taxonomy.exchange.trees import documents

HEADERS = (
    "Relational ID System\t\t\tTiny v1\t\t\t\tExtension\r\n"
    "Unique ID\tParent\tName\tTier 1\tTier 2\tTier 3\tTier 4\t\r\n"
)
TINY = HEADERS + (
    "150\t\tArts\tArts\t\t\t\t\r\n"
    "007\tJLBCU7\tBéla & Co\tMusic\tBéla & Co\t\t\tSCD\r\n"
    "JLBCU7\t\tMusic\tMusic\t\t\t\t\r\n"
    "9\t007\tQuartets\tMusic\tBéla & Co\tQuartets\t\t\r\n"
    "1E3\t9\tNo. 4\tMusic\tBéla & Co\tQuartets\tNo. 4\t\r\n"
)


OF_1_0 = "IAB Code\tTier\tIAB Category\r\nIAB1\tTier 1\tArts\r\nIAB1-2\tTier 2\tMusic\r\n"
ROWS = "1\t\tCars\tCars\t\t\t\r\n2\t1\tVans\tCars\tVans\t\t\r\n"
MADE = {  # by hand, in the form of each version
    "1.0": OF_1_0,
    "2.0": HEADERS.replace("Relational", "New Relational").replace("Tiny v1", "v2").replace("\tExtension", "") + ROWS,
    "2.1": HEADERS + ROWS.replace("Vans\t\t", "Vans\t\t\tSCD"),
    "3.1": HEADERS + ROWS,
    "products": "Unique ID\tParent ID\tName\tTier 1\tTier 2\tTier 3\r\n" + ROWS,
    "moved": (
        "Unique  id\tTier 1\tTier 2\tName\tParent\tExtension Notes\r\n"
        "1\tCars\t\tCars\r\n2\tCars\tVans\tVans\t1\tSCD\r\n"
    ),
}


@pytest.mark.parametrize(
    ("version", "nodes", "title", "extensions"),
    [
        ("1.0", [("IAB1", "Arts", None), ("IAB1-2", "Music", "IAB1")], None, {}),
        ("2.0", [("1", "Cars", None), ("2", "Vans", "1")], "v2", {}),
        ("2.1", [("1", "Cars", None), ("2", "Vans", "1")], "Tiny v1", {"2": "SCD"}),
        ("3.1", [("1", "Cars", None), ("2", "Vans", "1")], "Tiny v1", {}),
        ("products", [("1", "Cars", None), ("2", "Vans", "1")], None, {}),
        ("moved", [("1", "Cars", None), ("2", "Vans", "1")], None, {"2": "SCD"}),
    ],
)
def test_the_form_of_each_version(
    version: str, nodes: list[tuple[str, str, str | None]], title: str | None, extensions: dict[str, str]
) -> None:
    document = read(MADE[version].encode(), version)
    assert [(node.id, node.name, node.parent) for node in document.ordered()] == nodes
    assert (document.title, document.extensions, document.notes) == (title, extensions, ())
    assert read(write(document), "again").tree == document.tree


def test_every_odd_row_is_told_and_the_parents_count() -> None:
    """2.2 leaves tier columns empty, 3.0 spells a name otherwise there than in the name's column."""
    odd = TINY.replace("150\t\tArts\tArts", "150\t\tArts\t")  # none at all: nothing is said otherwise
    odd = odd.replace("Music\tMusic\t", "Music\tmusic\t").replace("Quartets\tNo. 4", "\tNo. 4")
    document = read(odd, "odd.tsv")
    assert document.tree == read(TINY, "tiny.tsv").tree
    assert document.notes == (
        "line 5: the tier columns say music, the parents Music, which count",
        "line 7: the tier columns say Music > Béla & Co > (empty) > No. 4, "
        "the parents Music > Béla & Co > Quartets > No. 4, which count",
    )
    assert write(document) == TINY


def test_a_few_lines() -> None:
    document = read(TINY.encode(), "tiny.tsv")
    assert [(node.id, node.name, node.parent) for node in document.ordered()] == [
        ("150", "Arts", None),
        ("007", "Béla & Co", "JLBCU7"),
        ("JLBCU7", "Music", None),
        ("9", "Quartets", "007"),
        ("1E3", "No. 4", "9"),
    ]
    assert document.tree.level("1E3") == 4 and {node.origin for node in document.tree} == {CURATED}
    assert (document.extensions, document.title, document.notes) == ({"007": "SCD"}, "Tiny v1", ())
    assert write(document) == TINY


def test_as_other_programs_save_it() -> None:
    lines = [line.rstrip("\t") for line in TINY.split("\r\n")]
    lines[0] = TINY.split("\r\n")[0] + "\t\t"  # columns of nothing at the end, or none
    saved = "\ufeff" + "\n".join(["", *lines[:3], "\t\t\t", *lines[3:]])
    assert write(read(saved.encode(), "saved.tsv")) == TINY
    assert write(read(saved, "saved.tsv")) == TINY
    assert write(read(TINY.encode("utf-16"), "unicode-text.tsv")) == TINY
    without_tiers = HEADERS + "1\t\tArts\t\t\t\t\t\r\n"
    assert write(read(without_tiers, "short.tsv")) == HEADERS + "1\t\tArts\tArts\t\t\t\t\r\n"


def test_iab_s_own_file_whole(shared_data: Path) -> None:
    content = (shared_data / "taxonomy" / "iab-content-3.1.tsv").read_bytes()
    document = read(content, "iab.tsv")
    assert (len(document.tree), len(document.tree.children[None])) == (704, 37)
    assert set(document.extensions.values()) == {"SCD"} and len(document.extensions) == 63
    assert document.tree.nodes["324"].parent == "JLBCU7"
    # Two of its rows have a tier between a node and its parent.
    assert [note.split(":")[0] for note in document.notes] == ["line 232", "line 520"]
    assert write(document).encode() == content
    assert write(as_json.read(as_json.write(document), "iab.json")).encode() == content


@settings(max_examples=30)
@given(documents(plain=True))
def test_round_trip(document: Document) -> None:
    again = read(write(document).encode(), "random.tsv")
    title = document.title or "Tiered Categories"
    assert again == dataclasses.replace(document, title=title)


def test_tier_columns_that_say_more_stay_until_the_node_moves() -> None:
    odd = TINY.replace("9\t007\tQuartets\tMusic\tBéla & Co\tQuartets", "9\tJLBCU7\tQuartets\tMusic\tOld\tQuartets")
    odd = odd.replace("\tBéla & Co\tQuartets\tNo. 4", "\tQuartets\tNo. 4\t")
    document = read(odd, "odd.tsv")
    assert document.notes == (
        "line 6: the tier columns say Music > Old > Quartets, the parent of '9' is Music, which counts",
    )
    assert write(document) == odd
    moved = [dataclasses.replace(node, parent="150") if node.id == "9" else node for node in document.tree]
    assert "9\t150\tQuartets\tArts\tQuartets\t\t\t\r\n" in write(dataclasses.replace(document, tree=Tree.of(moved)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "f.tsv: the file is empty; headings and"),
        ("\n\n", "f.tsv: the file is empty"),
        (TINY.split("\r\n", 2)[2], "f.tsv, line 1: neither of the first two rows begins with 'Unique ID', nor the"),
        (TINY.split("\r\n")[0], "f.tsv, line 1: neither of the first two rows begins with 'Unique ID', nor the"),
        (TINY.replace("Tier 2", "Tier II", 1), "f.tsv, line 2: the tier columns are 1, 3, 4; columns are headed"),
        (TINY.replace("\tName", "\tLabel"), "f.tsv, line 2: no column is headed 'Name'; columns are headed"),
        (OF_1_0 + "IAB9-1\tTier 2\tX", "f.tsv, line 4: the parent 'IAB9' is no id of the file; add its row"),
        (OF_1_0 + "IAB2\tTier 1\tX\tY", "f.tsv, line 4: 4 columns; the form has 3, take the tabs out of names"),
        (TINY.replace("150\t\t", "\t\t"), "f.tsv, line 3: no id"),
        (TINY + "7\t\t\t\t\t\t\t", "f.tsv, line 8: no name"),
        (TINY.replace("150\t\t", "9\t\t"), "f.tsv, line 6: id '9' stands in line 3 too"),
        (TINY.replace("JLBCU7\t\t", "X\t\t"), "f.tsv, line 4: the parent 'JLBCU7' is no id of the file"),
        (TINY.replace("JLBCU7\t\t", "JLBCU7\t1E3\t"), "f.tsv, line 4: node '007' is below itself"),
        (TINY + "5\t1E3\tMesto\tMusic\tBéla & Co\tQuartets\tNo. 4\t", "f.tsv, line 8: node '5' is at tier 5"),
        (TINY.replace("SCD", "SCD\tmore"), "f.tsv, line 4: 9 columns; the form has 8"),
        (TINY.replace("150\t\t", f"{'1' * 201}\t\t"), f"f.tsv, line 3: '{'1' * 40}' can't be a node's id"),
        (TINY.encode("latin-1"), "f.tsv: not UTF-8 (byte 129); save it as UTF-8"),
        (TINY.encode("utf-16")[:-1], "f.tsv: not UTF-16 (byte "),
    ],
)
def test_what_is_not_of_the_form(content: str | bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(content, "f.tsv")
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_a_tab_in_a_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="node 'a' has a tab or a line break"):
        write(Document(Tree.of([Node("a", "A\tB")])))
