"""convert_taxonomy: from file to file, out of the tables, and into them."""

from __future__ import annotations

import datetime
import itertools
import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs import convert_taxonomy
from jobs._taxonomy import in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime import command
from linnaeus.runtime.lake import Lake
from linnaeus.taxonomy.exchange import form_of
from linnaeus.taxonomy.exchange.document import Document
from linnaeus.taxonomy.tree import CURATED, DISCOVERED, Node, Tree
from linnaeus.taxonomy.versions import rows_of
from tests.conftest import MakeConfig
from tests.contents import contents
from tests.taxonomy.exchange.test_iab import TINY


@pytest.fixture
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a session is built")

    for module in (command, convert_taxonomy):
        monkeypatch.setattr(module, "build_session", refuse)


def convert(*settings: str) -> int:
    """The command's exit status."""
    arguments = ["--env", "local", *[part for one in settings for part in ("--set", f"exchange.{one}")]]
    return command.run_command(
        "convert_taxonomy", convert_taxonomy.main, arguments, how=convert_taxonomy.execute_where_needed
    )


@pytest.mark.usefixtures("no_session")
def test_from_file_to_file_without_spark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiny.tsv").write_text(TINY, encoding="utf-8", newline="")
    names = ["tiny.tsv", "tiny.json", "deep/tiny.jsonld", "tiny.rdf", "tiny.ttl", "back.tsv"]
    for source, target in itertools.pairwise(names):
        settings = (f"source={tmp_path / source}", f"target={tmp_path / target}", "base_uri=https://x.org/t/")
        assert convert(*settings) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["job"], last["rows_read"], last["table_versions"]) == ("convert_taxonomy", 5, {})
    assert "<https://x.org/t/JLBCU7>" in (tmp_path / "tiny.ttl").read_text(encoding="utf-8")
    back = form_of("back.tsv").read((tmp_path / "back.tsv").read_bytes(), "back.tsv")
    tiny = form_of("tiny.tsv").read(TINY.encode(), "tiny.tsv")
    assert (back.tree, back.extensions, back.title) == (tiny.tree, tiny.extensions, tiny.title)
    assert convert(f"source={tmp_path / 'tiny.tsv'}", f"target={tmp_path / 'tiny.yml'}") == 0
    assert "left out: extensions of 1 node, which .yml does not hold\n" in capsys.readouterr().out
    assert not [one.name for one in tmp_path.rglob(".*")]  # nothing unfinished


@pytest.mark.usefixtures("no_session")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((), "neither exchange.source nor exchange.target is set"),
        (("source=broken.tsv", "target=kept.json"), "broken.tsv, line 4: the parent 'x' is no id of the file"),
        (("source=broken.tsv",), "broken.tsv, line 4"),
        (("source=tiny.xls", "target=kept.json"), "no form has the extension '.xls'; known: .tsv, .ttl"),
        (("source=tiny.tsv", "target=kept.csv"), "no form has the extension '.csv'; known: .tsv, .ttl"),
        (("source=tiny.xls",), "no form has the extension '.xls'"),
        (("source=gone.tsv", "target=kept.json"), "gone.tsv can't be read: No such file"),
        (("source=tiny.tsv", "target=folder.json"), "folder.json can't be written: Is a directory"),
        (("source=tiny.tsv", "target=kept.json", "base_uri=no uri"), "exchange.base_uri"),
    ],
)
def test_what_can_t_be_done_is_said_and_nothing_written(
    settings: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.tsv").write_text(TINY, encoding="utf-8", newline="")
    (tmp_path / "broken.tsv").write_text(TINY.replace("007\tJLBCU7", "007\tx"), encoding="utf-8", newline="")
    (tmp_path / "kept.json").write_text("as it was")
    (tmp_path / "folder.json").mkdir()
    files = [one if one.startswith("base") else one.replace("=", f"={tmp_path}/") for one in settings]
    assert convert(*files) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and not said.out
    assert (tmp_path / "kept.json").read_text() == "as it was"
    assert len(list(tmp_path.iterdir())) == 4


FOUND = Tree.of(
    [
        Node("topic-1", "ball, goal", keywords=("ball", "goal"), size=2, creator_share=1.0, centroid=(0.6, 0.8)),
        Node("topic-2", "tune", size=1, creator_share=0.5, centroid=(0.8, 0.6)),
    ]
)


@pytest.mark.slow
def test_out_of_the_tables_and_into_them(spark: SparkSession, make_config: MakeConfig, tmp_path: Path) -> None:
    lake = Lake(spark, make_config())
    with pytest.raises(ConfigurationError, match="no tree of topics is in force"):
        convert_taxonomy.main(make_config(f"exchange.target={tmp_path / 'tree.json'}"))
    placed = [(name, node, 0.9, 1, None, 0.8, "topic") for name, node in zip("abc", FOUND.nodes, strict=False)]
    placed.append(("c", "topic-1", 0.9, 1, {"topic-1": 0.9}, 0.8, "topic"))
    lake.merge(contents(spark, {name: (None, name) for name in "abc"}), tables.CONTENT)
    lake.append(spark.createDataFrame(placed, schemas.TOPIC_ASSIGNMENTS), tables.TOPIC_ASSIGNMENTS)
    lake.append(spark.createDataFrame(rows_of(FOUND, 1), schemas.TAXONOMY_NODES), tables.TAXONOMY_NODES)
    first = (1, "discovery", datetime.datetime(2026, 1, 1), None, "an embedder", "x", "{}", None)
    lake.append(spark.createDataFrame([first], schemas.TAXONOMY_VERSIONS), tables.TAXONOMY_VERSIONS)

    # Out.
    assert convert_taxonomy.main(make_config(f"exchange.target={tmp_path / 'tree.json'}")).rows_read == 2
    assert form_of("tree.json").read((tmp_path / "tree.json").read_bytes(), "tree.json").tree == FOUND

    # In: a node above one that is there, which is renamed; the other stays.
    source = tmp_path / "edited.yml"
    source.write_text(
        "nodes:\n- {id: sport, name: Sport, description: Games}\n"
        "- {id: topic-1, name: Football, parent: sport, examples: [goal]}\n"
    )
    done = convert_taxonomy.main(make_config(f"exchange.source={source}"))
    assert done.details["taxonomy"] == "version 2 in force: 3 nodes, 2 of them from the file"
    assert done.details["changes"] == "1 birth, 1 rename, 1 move"
    assert done.details["left out"] == "examples, which the tree in force does not hold"
    newest = in_force(lake)
    assert newest is not None and (newest.row[c.MADE_BY], newest.row[c.EMBEDDER]) == ("import", "an embedder")
    assert list(newest.tree) == [
        Node("sport", "Sport", None, "Games", size=2, origin=CURATED, creator_share=1.0),
        Node("topic-1", "Football", "sport", None, ("ball", "goal"), 2, CURATED, 1.0),
        Node("topic-2", "tune", size=1, origin=DISCOVERED, creator_share=1.0),
    ]
    assert newest.tree.nodes["topic-1"].centroid == pytest.approx((0.6, 0.8))
    assert lake.read(tables.TOPIC_SHARES_BY_CREATOR).where("node_id = 'sport'").count() == 1

    # The same again makes no version.
    again = convert_taxonomy.main(make_config(f"exchange.source={source}"))
    assert (again.rows_written, again.details["taxonomy"]) == (0, "version 2, in force, has it all")


def test_what_the_file_does_not_have_stays_or_is_retired(make_config: MakeConfig) -> None:
    file = Document(Tree.of([Node("topic-1", "Football", keywords=("kick",), origin=CURATED), Node("new", "New")]))
    kept, replaced = (
        convert_taxonomy.imported(file, FOUND, make_config(f"exchange.replace={how}").exchange)
        for how in ("false", "true")
    )
    known = Node("topic-1", "Football", None, None, ("kick",), 2, CURATED, 1.0)
    assert list(kept) == [Node("new", "New"), known, FOUND.nodes["topic-2"]]
    assert list(replaced) == [Node("new", "New"), known]
    # Moved by the file, a node would have those below it at a tier too many.
    before = Tree.of([Node("x1", "X"), Node("x2", "X", "x1"), Node("x3", "X", "x2")])
    file = Document(Tree.of([Node("a", "A"), Node("b", "B", "a"), Node("x1", "X", "b")]))
    with pytest.raises(ConfigurationError, match="beside the tree in force: node 'x3' is at tier 5"):
        convert_taxonomy.imported(file, before, make_config("exchange.source=f.tsv").exchange)
