"""Commands in the pages and in README: the job, module or file is there, and so is every setting; examples compile."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from jobs import erase_creator, explain, flow
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, load_config
from tests.docs.pages import PAGES, README, ROOT, Block, blocks, commands, indented, module_of, settings_of

SHELL = [block for page in PAGES for block in blocks(page, "bash")]
PYTHON = [block for page in PAGES for block in blocks(page, "python")]
SECTIONS = {explain.__name__: "explain", erase_creator.__name__: "erase"}  # whose settings may be given by their keys
_NAME = re.compile(r"(?<!`)`([a-z_]+(?:\.[a-z_]+)+)(?:=[^`]*)?`(?!`)")
_TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
# Spark's own settings (ours have one dot), and facets.
_OF_OTHERS = re.compile(r"spark\.\w+\.|risk\.(?!path$)")
_OTHERS = {"cd", "curl", "git"}  # programs that are not ours and that a page may call


def check(words: list[str]) -> None:
    """A command that can be given: what it runs is there, its settings are known and of the right form."""
    program, module = words[0], module_of(words)
    if module is not None:
        check_module(module, words)
    elif Path(program).name.startswith("python"):
        script = next((word for word in words[1:] if word.endswith(".py")), None)
        assert script is None or (ROOT / script).is_file(), script
    elif program == "make":
        assert set(words[1:]) <= _TARGETS, words
    else:
        assert program in _OTHERS or program.startswith(".venv/bin/"), f"{program}: no command that is checked"


def check_module(module: str, words: list[str]) -> None:
    """A module that can be run, and the settings that it is given."""
    if module.partition(".")[0] not in ("jobs", "tests", "linnaeus"):
        return
    if "<" in module:  # `python -m jobs.<job>` speaks of all of them
        return
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    if module.startswith("jobs."):
        assert hasattr(importlib.import_module(module), "command"), f"{module} is no job"
        section = SECTIONS.get(module, "")
        given = [one if "." in one.partition("=")[0] else f"{section}.{one}" for one in settings_of(words)]
        load_config(words[words.index("--env") + 1] if "--env" in words else "local", given)


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_commands_of_the_pages(block: Block) -> None:
    found = list(commands(block.code))
    assert found
    for words in found:
        check(words)


def test_commands_of_readme() -> None:
    checked = 0
    for code in indented(README):
        for words in commands(code):
            if words[0] in ("make", "curl") or Path(words[0]).name.startswith("python"):
                check(words)
                checked += 1
    assert checked > 10
    # Within lines of prose too.
    for module in re.findall(r"`(?:\.venv/bin/)?python -m ([a-z_.<>]+)", README.read_text(encoding="utf-8")):
        check_module(module, [])
    for script in re.findall(r"`python (\S+\.py)", README.read_text(encoding="utf-8")):
        assert (ROOT / script).is_file(), script
    for target in re.findall(r"`make ([a-z-]+)", README.read_text(encoding="utf-8")):
        assert target in _TARGETS, target


def test_jobs_a_flow_is_asked_for_are_in_its_graph() -> None:
    graph = flow.read_graph(ROOT / "databricks.yml")
    asked = [words for block in SHELL for words in commands(block.code) if "--only" in words]
    assert asked
    for words in asked:
        assert flow.choose(graph, words[words.index("--only") + 1])


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("python -m jobs.no_such_job --env local", "no_such_job"),
        ("python -m jobs.score_content --env nowhere", "nowhere"),
        ("python -m jobs.score_content --env local --set scoring.no_such=1", "no_such"),
        ("python -m jobs.score_content --env local --set scoring.rows_a_run=many", "rows_a_run"),
        ("make nothing", "nothing"),
        ("python tests/benchmarks/no_such.py", "no_such"),
        ("rm -rf /", "no command that is checked"),
    ],
)
def test_what_is_wrong_is_found(command: str, problem: str) -> None:
    (words,) = commands(command)
    with pytest.raises(Exception, match=problem):
        check(words)


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_examples_compile(block: Block) -> None:
    compile(block.code, str(block), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_tables_and_settings_are_known(page: Path) -> None:
    """In code: what begins with a layer or a section of the settings is a table or a setting."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    settings = _settings(Config)
    beginnings = {name.partition(".")[0] for name in settings} | {table.layer for table in tables.ALL}
    for name in _NAME.findall(text):
        is_file = name.endswith((".py", ".md", ".html", ".csv", ".jsonl", ".yml"))
        if name.partition(".")[0] in beginnings and not is_file and not _OF_OTHERS.match(name):
            assert name in settings or name in tables.BY_NAME, f"`{name}` is neither a setting nor a table"


def _settings(model: type) -> set[str]:
    """Dotted names of settings and of the sections that hold them."""
    found: set[str] = set()
    for name, info in model.model_fields.items():  # type: ignore[attr-defined]
        inner = info.annotation
        if isinstance(inner, type) and hasattr(inner, "model_fields"):
            found |= {f"{name}.{one}" for one in _settings(inner)}
        found.add(name)
    return found
