"""The facade on a small lake: views, time travel, comparisons, jobs, and that all that is shown is escaped."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import linnaeus
from linnaeus import Suite
from linnaeus.contracts import tables
from linnaeus.contracts.errors import ConfigurationError, InputError
from linnaeus.suite.rich_html import Shown
from tests.contents import contents
from tests.suite.conftest import overrides


def test_importing_linnaeus_alone_loads_nothing() -> None:
    said = "import sys, linnaeus; print(sorted({'pyspark', 'mlflow', 'numpy', 'linnaeus.suite'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "Suite" in dir(linnaeus)
    with pytest.raises(AttributeError, match="no attribute 'suit'"):
        _ = linnaeus.suit


def test_wrong_settings_are_said_at_once_and_spark_waits() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown key 'labels\.methd'; the nearest known one is"):
        Suite("local", labels__methd="auto")
    assert Suite.open("local", "labels.method=auto").config.labels.method == "auto"


def test_an_overview_of_the_lake(suite: Suite) -> None:
    html = suite._repr_html_()
    assert "bronze.content" in html and "version 1" in html and "not made yet: run ingest_bronze" in html
    assert "linnaeus: environment local" in repr(suite) and "<" not in repr(suite).split("\n")[0]


def test_rows_are_readable_and_escaped(suite: Suite) -> None:
    shown = suite.show("gold.creator_profiles")
    assert "&lt;b&gt;creator 00&lt;/b&gt;" in shown._repr_html_() and "<b>creator" not in shown._repr_html_()
    assert shown.title.startswith("gold.creator_profiles: Category shares")
    assert "sport: 0.750, politics: 0.250" in repr(shown) or "politics: 0.250, sport: 0.750" in repr(shown)


def test_a_creator(suite: Suite) -> None:
    (row,) = suite.flagged().collect()
    assert (row["area"], round(row["chance"], 3)) == ("spam", 0.9) and suite.flagged("hate").isEmpty()
    with pytest.raises(InputError, match=r"no row of creator 'nobody'; there is no such creator"):
        suite.creator("nobody")
    with pytest.raises(InputError, match=r"their contents are there: suite\.run\('roll_up_creators'\)"):
        suite.creator("creator 01")


def test_the_past(suite: Suite, spark: SparkSession, tmp_path: Path) -> None:
    own = Suite("local", *overrides(tmp_path))
    own.lake.merge(contents(spark, {"a": (None, "one")}), tables.CONTENT)
    between = datetime.datetime.now(datetime.timezone.utc)
    own.lake.merge(contents(spark, {"b": (None, "two")}), tables.CONTENT)
    assert [own.content.count(), own.at(1).content.count(), own.at(between).content.count()] == [2, 1, 1]
    assert own.at(0).content.count() == 0, "a table is made before it has its first rows"
    assert own.at(between.isoformat()).tables.title == f"Tables, as of {between.isoformat()}"
    with pytest.raises(ConfigurationError, match="there is no version 7; its newest is 2"):
        _ = own.at(7).content
    with pytest.raises(ConfigurationError, match="jobs are run on them as they are now"):
        own.at(0).run("score_content")
    with pytest.raises(ConfigurationError, match="explain goes by a time"):
        own.at(0).explain("a")


def test_models_and_a_comparison(suite: Suite) -> None:
    rows = suite.models().rows
    assert rows["version"].tolist() == ["linnaeus_category/2", "linnaeus_category/1"]
    assert rows["role"].tolist() == ["", "champion"] and rows["value"].tolist() == [0.75, 0.5]
    found = suite.compare("champion", 2, model="category", paired=False)
    assert found.figures["slice"].tolist() == ["overall", "language=en"]
    assert found.overall["difference"].tolist() == [0.25] and found.overall["n"].tolist() == [30]
    assert found.why_not == "it was not asked for (paired=False)" and "can&#39;t be told" in found._repr_html_()
    assert found.picture()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_paired_comparison_is_the_gates_and_moves_nothing(suite: Suite) -> None:
    found = suite.compare("linnaeus_category/1", "linnaeus_category/2")
    assert found.decision is not None and found.checks[0].metric == "macro_f1"
    assert ("would be promoted" in found._repr_html_()) == found.decision.promoted
    assert suite.models().rows["role"].tolist() == ["", "champion"] and "gold.promotions" not in suite.tables


@pytest.mark.parametrize(
    ("first", "second", "model", "said"),
    [
        (1, 2, None, "version 1: of which model\\? write 'linnaeus_category/1'"),
        (1, 7, "category", "linnaeus_category has no version '7'; its versions: 2, 1"),
        ("candidate", 1, "category", "linnaeus_category has no version 'candidate'"),
        (1, 2, "categry", "there is no model 'categry'; did you mean 'category'"),
        (1, 2, "risk", "linnaeus_risk has no version '1'; nothing was trained yet"),
    ],
)
def test_versions_that_are_not_there(suite: Suite, first: int, second: int, model: str | None, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        suite.compare(first, second, model=model)


def test_jobs_by_name(suite: Suite) -> None:
    assert {"score_content", "explain", "maintain_tables"} <= set(suite.jobs())
    assert not {"flow", "served_model", "serve_profiles"} & set(suite.jobs())
    with pytest.raises(ConfigurationError, match="there is no job 'score_contents'; did you mean 'score_content'"):
        suite.run("score_contents")
    with pytest.raises(ConfigurationError, match=r"start it apart, python -m jobs\.serve_profiles"):
        suite.run("serve_profiles")
    with pytest.raises(ConfigurationError, match="unknown key"):
        suite.run("score_content", run__ful=True)


@pytest.mark.slow
def test_a_job_is_run_and_told(suite: Suite) -> None:
    ran = suite.run("score_content", scoring__rows_a_run=10)
    assert ran.result is not None and ran.result.rows_written == 10
    assert "rows written" in ran._repr_html_() and "linnaeus_category/1" in repr(ran)
    runs = suite.runs(most=1)
    assert runs.rows["job"].tolist() == ["score_content"] and "score_content" in runs._repr_html_()


def test_embedders_side_by_side(suite: Suite) -> None:
    (stamp,) = suite.embedders()
    found = suite.compare_embedders(stamp, stamp.partition("@")[0], k=5)
    assert (found.rows["shared"] == 5).all() and found.gain == (0.0, 0.0, 0.0)
    assert found.rows["first"].mean() > 0.9, "vectors were made by label"
    assert [row[0] for row in found.neighbours("c00").cells] == [1, 2, 3, 4, 5]
    with pytest.raises(ConfigurationError, match="there are no vectors of 'bge'"):
        suite.compare_embedders("bge", stamp)


@pytest.mark.slow
def test_a_sandbox_is_a_copy_that_goes(suite: Suite) -> None:
    with suite.sandbox(contents=30) as copy:
        folder = Path(str(copy.config.lake.root))
        n = copy.content.count()
        assert 0 < n < 60 and copy.labels.count() == n == copy.tokens.count() == copy.text_embeddings.count()
        whole = suite.content.join(copy.content.select("creator_id").distinct(), "creator_id", "left_semi")
        assert whole.count() == n, "all contents of each creator"
        assert not copy.models().rows.shape[0] and suite.models().rows.shape[0] == 2
        assert folder.is_dir() and "sandbox" in copy.title
    assert not folder.exists()
    with pytest.raises(ConfigurationError, match="take_votes is for a sandbox alone"):
        suite.take_votes()


def test_whatever_is_shown_has_a_title_and_no_raw_text(suite: Suite) -> None:
    for one in (suite, suite.tables, suite.tables.gold, suite.plots, suite.models(), suite.show("bronze.content")):
        assert isinstance(one, Shown) and one.title and "<script" not in one._repr_html_()


def test_a_notebook_shows_a_thing_once(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook rich would show what it prints, also where that goes into a file."""
    shown: list[object] = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *given: shown.append(given))
    assert "bronze.content" in repr(suite.tables)
    assert shown == []
