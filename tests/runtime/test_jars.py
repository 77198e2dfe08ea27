"""The jars step: when it is skipped, and what it says when it can't be done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from linnaeus.contracts.config import Config, load_config
from linnaeus.contracts.errors import SetupError
from linnaeus.runtime import jars
from tests.patience import PATIENCE


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config("local", [f"spark.ivy_folder={tmp_path / 'ivy'}"])


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Sessions that were started, none of them in earnest: the log that each was given."""
    found: list[Path] = []
    monkeypatch.setattr(jars, "_start_once", lambda config, log: found.append(log))
    return found


def test_jars_are_resolved_once(config: Config, starts: list[Path], tmp_path: Path) -> None:
    assert jars.resolve_jars(config) == jars.resolve_jars(config) == tmp_path / "ivy"
    assert starts == [tmp_path / "spark.log"]


def test_other_coordinates_are_resolved_anew(config: Config, starts: list[Path]) -> None:
    jars.resolve_jars(config)
    other = config.spark.model_copy(update={"packages": (*config.spark.packages, "org.example:more:1.0")})
    jars.resolve_jars(config.model_copy(update={"spark": other}))
    assert len(starts) == 2


def test_a_session_that_is_there_brings_its_own_jars(config: Config, starts: list[Path]) -> None:
    there = config.model_copy(update={"spark": config.spark.model_copy(update={"master": None})})
    jars.resolve_jars(there)
    assert starts == []


def test_copies_of_a_resolution_that_failed_are_not_kept(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(config: Config, log: Path) -> None:
        raise SetupError("no")

    half = tmp_path / "ivy" / "jars" / "half.jar"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PK")
    monkeypatch.setattr(jars, "_start_once", fail)
    with pytest.raises(SetupError):
        jars.resolve_jars(config)
    assert not half.exists() and not (tmp_path / "ivy" / jars.STAMP).exists()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Server access error at url https://… (java.net.UnknownHostException)", "Maven Central can't be reached"),
        ("[unresolved dependency: io.delta#delta-spark_2.12;3.3.3: not found]", "Maven Central can't be reached"),
        ("No space left on device\n[unresolved dependency: …]", "the disk is full"),
    ],
)
def test_ivy_output_becomes_one_line(output: str, expected: str) -> None:
    line = jars.explain(output)
    assert line is not None and expected in line and "\n" not in line


def test_other_output_is_left_to_spark() -> None:
    assert jars.explain("WARN NativeCodeLoader: Unable to load native-hadoop library") is None


@pytest.mark.soak
@pytest.mark.slow
def test_maven_central_cannot_be_reached(tmp_path: Path) -> None:
    # Nothing listens on port 9 of this machine. In a process of its own, since a session of the tests may be running.
    program = f"""
from pathlib import Path
from linnaeus.contracts.config import conf_folder, load_config
from linnaeus.contracts.errors import SetupError
from linnaeus.runtime import jars
folder = Path({str(tmp_path)!r})
text = (conf_folder() / "ivysettings.xml").read_text()
(folder / "ivy.xml").write_text(text.replace("https://repo1.maven.org", "http://127.0.0.1:9"))
config = load_config("local", [f"spark.ivy_folder={{folder}}/ivy"])
extra = config.spark.model_copy(update={{"extra": {{"spark.jars.ivySettings": f"{{folder}}/ivy.xml"}}}})
try:
    jars.resolve_jars(config.model_copy(update={{"spark": extra}}))
except SetupError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE)
    lines = done.stdout.splitlines()
    assert len(lines) == 1 and "Maven Central can't be reached" in lines[0], done.stdout + done.stderr
    assert not (tmp_path / "ivy" / jars.STAMP).exists()
