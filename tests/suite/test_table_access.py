"""Tables by attribute: completion, docstrings, and errors that teach."""

from __future__ import annotations

from pathlib import Path

import pytest

import jobs
from linnaeus import Suite
from linnaeus.contracts import tables
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.suite.table_access import MADE_BY, NoSuchTableError, NotMadeError, documentation, no_such

JOBS = {path.stem for path in Path(jobs.__path__[0]).glob("*.py")} | {"discover_taxonomy"}


def test_every_table_has_a_job_that_makes_it() -> None:
    assert set(MADE_BY) == set(tables.BY_NAME)
    assert set(MADE_BY.values()) <= JOBS


def test_what_the_contracts_say_is_the_docstring() -> None:
    said = documentation(tables.CONTENT_PROFILES)
    assert said.startswith("gold.content_profiles: Category and risk of each content")
    assert "Key: content_id. Made by: python -m jobs.score_content." in said
    assert "category_probability : float\n    " in said


def test_completion_and_help_know_all_tables(suite: Suite) -> None:
    assert {"bronze", "silver", "gold", "ops"} <= set(dir(suite.tables))
    gold = {table.name for table in tables.ALL if table.layer == "gold"}
    assert gold <= set(dir(suite.tables.gold)) and gold <= set(dir(suite))
    assert "The node with the largest share" in type(suite.tables.gold).creator_profiles.__doc__
    assert list(suite.tables) == [table.full_name for table in tables.ALL]


def test_a_table_is_a_frame_with_a_docstring(suite: Suite) -> None:
    assert suite.tables.bronze.content.count() == suite.content.count() == suite.tables["bronze.content"].count() == 60
    assert (suite.content.__doc__ or "").startswith("bronze.content: Contents as supplied")
    assert "bronze.content" in suite.tables and "bronze.votes" not in suite.tables


@pytest.mark.parametrize(
    ("layer", "name", "said"),
    [
        (
            "gold",
            "contnt",
            "gold has no table 'contnt'; did you mean suite.tables.gold.content_profiles or suite.tables.",
        ),
        ("gold", "creator_profile", "did you mean suite.tables.gold.creator_profiles"),
        (None, "emebddings", "there is no table 'emebddings'; did you mean suite.tables.silver.embeddings"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(layer: str | None, name: str, said: str) -> None:
    assert said in str(no_such(name, layer))
    assert "bronze.content" in str(no_such("contnt", "gold"))


def test_wrong_names_at_each_place(suite: Suite) -> None:
    with pytest.raises(NoSuchTableError, match=r"did you mean suite\.tables\.gold\.content_profiles"):
        _ = suite.tables.gold.contnt_profiles
    with pytest.raises(NoSuchTableError, match="did you mean gold"):
        _ = suite.tables.glod
    with pytest.raises(NoSuchTableError, match=r"did you mean suite\.tables\.bronze\.content\?"):
        _ = suite.tables.content
    with pytest.raises(AttributeError, match=r"a suite has no 'explan'; did you mean suite\.explain"):
        _ = suite.explan
    with pytest.raises(ConfigurationError, match="there is no table 'x'"):
        _ = suite.tables["x"]
    assert not hasattr(suite.tables.gold, "contnt"), "as for any attribute, so that completion goes on"


def test_a_table_that_is_not_made_yet_says_who_makes_it(suite: Suite) -> None:
    with pytest.raises(
        NotMadeError, match=r"gold\.topic_assignments was not made yet; suite\.run\('discover_taxonomy'\)"
    ):
        _ = suite.tables.gold.topic_assignments
    assert "not made yet: run discover_taxonomy" in suite.tables.gold._repr_html_()
