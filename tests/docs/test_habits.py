"""What people do by habit works: the hooks before a commit, `make help`, text files, the changelog."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import missing
from tests.docs import text_files
from tests.docs.pages import ROOT


def tracked() -> list[Path]:
    """Files that git has and that are there."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        missing.skip("no checkout of git")
    said = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [file for name in said.split("\0") if name and (file := ROOT / name).is_file()]


def test_text_files_are_as_they_should_be() -> None:
    files = tracked()
    found = [f"{file.relative_to(ROOT)}: {one}" for file in files for one in text_files.problems(file)]
    assert not found and len(files) > 100


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.py", "x = 1 \n", "spaces at the end of a line"),
        ("a.py", "x = 1", "not one line feed at the end"),
        ("a.py", "x = 1\n\n", "not one line feed at the end"),
        ("a.py", "x = 1\r\n", "carriage returns"),
        ("a.py", "<<<<<<< ours\n", "marks of a conflict"),
        ("a.yml", "a: [1\n", "no YAML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, name: str, text: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert text_files.main([str(tmp_path / name)]) == 1
    assert problem in capsys.readouterr().out


@pytest.mark.parametrize(("name", "text"), [("a.py", ""), ("a.py", "x = 1\n"), ("a.yml", "a: !!python/name:b.c\n")])
def test_a_file_that_is_right(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert text_files.main([str(tmp_path / name)]) == 0


def test_hooks_use_the_tools_of_the_environment() -> None:
    """What a hook runs is in .venv, so that nothing is fetched; its modules are requirements of the tests, or ours."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    for hook in hooks[0]["hooks"]:
        program, dash, module, *_ = hook["entry"].split()
        assert (program, dash, hook["language"]) == (".venv/bin/python", "-m", "system")
        required = re.search(rf'"{module.partition(".")[0]}[>=]', (ROOT / "setup.py").read_text())
        assert required or (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
        re.compile(hook.get("files", ""))


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["ruff check .", "ruff format --check .", "mypy"])
def test_the_code_is_clean(arguments: str) -> None:
    """What `make lint` runs; mypy is strict on libs and jobs."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_tells_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)[1].split())  # type: ignore[index]
    assert targets == set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    make = shutil.which("make")
    assert make is not None
    said = subprocess.run([make, "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^make (\S+)", said, re.MULTILINE)) == targets
    assert all(len(line.split(None, 2)) == 3 for line in said.splitlines()), "a target without a word on it"


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", one) for one in versions[1:]) and versions[1:]
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    current = re.search(r'version="([^"]+)"', (ROOT / "setup.py").read_text())
    assert current is not None and current[1] in {one.strip("[]").split("]")[0] for one in versions}
