"""Pages that are made from the code say all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from docs.generated import bundle, flow, jobs, messages, settings
from docs.generated import tables as dictionary
from jobs.flow import read_graph
from linnaeus.contracts import errors, tables
from linnaeus.contracts.config import load_config
from linnaeus.contracts.tables import Table
from tests.docs.pages import DOCS, ROOT


@pytest.fixture(scope="module")
def dictionary_page() -> str:
    return dictionary.page()


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.full_name)
def test_the_dictionary_has_every_table_and_column(table: Table, dictionary_page: str) -> None:
    section = dictionary_page.split(f"{{ #{table.full_name} }}")[1].split("\n### ")[0].split("\n## ")[0]
    rows = {line.split("|")[1].strip(" `"): line for line in section.splitlines() if line.startswith("| `")}
    assert [name for name in rows if "." not in name] == table.schema.names
    for field in table.schema.fields:
        assert dictionary.cell(field.metadata["comment"]) in rows[field.name]
    for name in table.required:
        assert ("key" if name in table.key else "yes") in rows[name].split("|")[3]
    for name, condition in table.checks.items():
        assert f"`{name}`: `{condition}`" in section
    assert f"{table.description}." in section


def test_fields_inside_a_column_have_rows_of_their_own(dictionary_page: str) -> None:
    assert "| `statistics.n_characters` | float |" in dictionary_page
    assert "| `confusion.truth` | string |" in dictionary_page
    assert "| `risk` | map&lt;string, float&gt; |" in dictionary_page


def test_every_layer_is_told() -> None:
    assert {table.layer for table in tables.ALL} == set(dictionary._LAYERS)


def test_every_setting_stands_on_its_page_once_with_its_comment() -> None:
    page = settings.page()
    for name in settings.names():
        assert page.count(f'<a id="{name}">') == 1, name
    assert set(settings.read()) == set(settings.names()), "conf/base.yml and the types name different settings"
    for setting in settings.read().values():
        assert dictionary.cell(setting.comment) in page
    assert "number of documents" not in page  # no comment is made up


def test_comments_go_to_the_setting_they_stand_at() -> None:
    own = settings.read()
    assert own["promotion.error_rate"].comment == "how often a candidate that is no better may be promoted"
    # Before a key, at its end, and gone on with on the next line.
    assert own["scoring.rows_a_run"].comment.startswith("Contents scored a run at most")
    assert own["training.logistic.max_terms"].comment.endswith("for each")
    assert own["tokens.clean_up_patterns"].default == [r"[^\p{L}\p{M}\p{N}$£€]"]
    assert own["taxonomy.path"].comment == ""
    all_comments = re.findall(r"(?<=# ).+$", (ROOT / "conf" / "base.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sum(bool(one.comment) for one in own.values()) > 0.7 * len(own) and len(all_comments) > 100


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("promotion.error_rate", "number, above 0, below 0.5"),
        ("training.tree", "flat or local"),
        ("lake.root", "text or null"),
        ("embedder.batch_size", "whole number, at least 1"),
        ("tokens.stop_words", "list of text"),
    ],
)
def test_kinds_are_told_in_words(name: str, kind: str) -> None:
    assert settings.kind_of(dict(settings._fields(type(load_config("local"))))[name]) == kind


def test_every_job_stands_on_its_page() -> None:
    page = jobs.page()
    expected = {file.stem for file in (ROOT / "jobs").glob("[a-z]*.py") if "\ndef command(" in file.read_text()}
    assert set(jobs.names()) == expected and "score_content" in expected
    for name in expected:
        assert f"## {name} {{ #{name} }}" in page and f"python -m jobs.{name} " in page
    section = page.split("{ #score_content }")[1].split("\n## ")[0]
    assert "| 2 | NoChampionError | neither … nor … has a version with the alias champion" in section
    assert "| 1 | UnfitError |" in section


def test_messages_are_those_of_the_code() -> None:
    found = {(one.error, one.text) for one in messages.read()}
    assert ("ConfigurationError", "decision.by is not set; say who decides, --set decision.by=NAME") in found
    assert len(found) > 60
    raised = {one.error for one in messages.read()}
    assert {"ConfigurationError", "InputError", "NoChampionError", "UnfitError", "SetupError"} <= raised


def test_every_class_of_errors_is_told_with_its_exit_status() -> None:
    page = (DOCS / "operations" / "errors.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+Error) \| (\d) \|", page, re.MULTILINE))
    concrete = {name: kind for name, kind in messages.classes().items() if kind is not errors.LinnaeusError}
    assert rows == {name: str(kind.exit_status) for name, kind in concrete.items()}


def codes_of_quarantine() -> set[str]:
    """Codes in the code: literals, and fields that can be missing or unreadable."""
    text = "\n".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("libs/linnaeus/bronze/clean.py", "libs/linnaeus/bronze/deduplicate.py",
                     "libs/linnaeus/bronze/records.py", "jobs/build_embeddings.py")
    )  # fmt: skip
    from linnaeus.bronze import clean
    from linnaeus.bronze.exports.reading import ANSWER_CODES
    from linnaeus.bronze.records import unreadable
    from linnaeus.contracts import columns as c

    names = "_FAILED|MALFORMED|INVALID_UTF8|REPEATED_HEADER|UNREADABLE_ID|SUPERSEDED|CONFLICTING"
    found = set(re.findall(rf'^(?:{names}) = "(\w+)"', text, re.MULTILINE)) | set(ANSWER_CODES)
    found |= set(re.findall(r'"((?:missing|unknown)_[a-z_]+|body_too_large|nul_byte)"', text))
    for names in re.findall(r"_missing\((c\.[A-Z_, c.]+)\)", text):
        found |= {f"missing_{getattr(c, name.strip()[2:])}" for name in names.split(",")}
    found |= {f"unreadable_{getattr(c, name)}" for name in re.findall(r"_unreadable\(c\.([A-Z_]+)\)", text)}
    # Of any field of any source half a character may come.
    fields = (*clean.CONTENT_FIELDS, *clean.CREATOR_FIELDS, *clean.VOTE_FIELDS, *clean.GOLD_FIELDS)
    return found | {unreadable(name) for name in fields}


def test_every_code_of_quarantine_is_told() -> None:
    page = (DOCS / "operations" / "quarantine.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[a-z].*?) \|", page, re.MULTILINE)
    told = {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}
    assert told == codes_of_quarantine()
    assert len(told) >= 18


def test_every_job_of_the_bundle_is_told() -> None:
    page = bundle.page()
    for name, job in yaml.safe_load((ROOT / "databricks.yml").read_text())["resources"]["jobs"].items():
        section = page.split(f"{{ #{name} }}")[1].split("\n## ")[0]
        for task in job["tasks"]:
            assert f"`{task['task_key']}`" in section
        if job.get("timeout_seconds"):
            assert re.search(rf"\| \[{name}\]\(#{name}\) .*\d+ (h|min) \|", page)


def test_the_picture_has_every_job_of_the_flow_and_every_dependency() -> None:
    graph = read_graph(ROOT / "databricks.yml")
    picture = flow.picture("jobs.html")
    assert set(re.findall(r'href="jobs.html#(\w+)"', picture)) == set(graph)
    assert picture.count("<path ") == sum(len(needed) for needed in graph.values())
    places = re.findall(r'<rect x="(\d+)" y="(\d+)"', picture)
    assert len(set(places)) == len(graph), "two boxes on one place"


def test_pages_are_made_by_the_hook_and_stand_in_the_navigation() -> None:
    hooks = (DOCS / "hooks.py").read_text(encoding="utf-8")
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in re.findall(r'^    "(\S+\.md)": ', hooks, re.MULTILINE):
        assert page in navigation and not Path(DOCS / page).exists()
