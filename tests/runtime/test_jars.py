"""The jars step: when it is skipped, and what it says when it can't be done."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from linnaeus.contracts.config import Config, load_config, resolve
from linnaeus.contracts.errors import SetupError
from linnaeus.runtime import jars
from tests.patience import PATIENCE


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config("local", [f"spark.ivy_folder={tmp_path / 'ivy'}"])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The Ivy folders of resolutions, none of them made in earnest: each finds one small jar."""
    found: list[Path] = []

    def find(config: Config, folder: Path) -> list[Path]:
        found.append(folder)
        return [write_jar(folder / "cache" / "one.jar", {"A.class": b"class"})]

    monkeypatch.setattr(jars, "_resolve", find)
    return found


def write_jar(path: Path, entries: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def with_spark(config: Config, **changes: object) -> Config:
    return config.model_copy(update={"spark": config.spark.model_copy(update=changes)})


def test_jars_are_resolved_once(config: Config, asked: list[Path], tmp_path: Path) -> None:
    assert jars.resolved_jars(config) is None
    assert jars.resolve_jars(config) == jars.resolve_jars(config) == tmp_path / "ivy"
    assert asked == [tmp_path / "ivy"]
    assert jars.resolved_jars(config) == [tmp_path / "ivy" / "cache" / "one.jar"]


def test_a_folder_that_was_moved_has_the_same_jars(config: Config, asked: list[Path], tmp_path: Path) -> None:
    jars.resolve_jars(config)
    (tmp_path / "ivy").rename(tmp_path / "moved")
    moved = with_spark(config, ivy_folder=str(tmp_path / "moved"))
    assert jars.resolved_jars(moved) == [tmp_path / "moved" / "cache" / "one.jar"]


def test_other_coordinates_are_resolved_anew(config: Config, asked: list[Path]) -> None:
    jars.resolve_jars(config)
    other = with_spark(config, packages=(*config.spark.packages, "org.example:more:1.0"))
    assert jars.resolved_jars(other) is None
    jars.resolve_jars(other)
    assert len(asked) == 2
    assert jars.resolved_jars(config) is None and jars.resolved_jars(other) is not None


def test_a_jar_that_is_gone_is_resolved_anew(config: Config, asked: list[Path], tmp_path: Path) -> None:
    jars.resolve_jars(config)
    (tmp_path / "ivy" / "cache" / "one.jar").unlink()
    assert jars.resolved_jars(config) is None
    jars.resolve_jars(config)
    assert len(asked) == 2


def test_a_session_that_is_there_brings_its_own_jars(config: Config, asked: list[Path]) -> None:
    jars.resolve_jars(with_spark(config, master=None))
    assert asked == []


@pytest.mark.parametrize(
    ("error", "said"),
    [(SetupError("no"), "no"), (OSError(errno.ENOSPC, "No space left on device"), "is full; free some space")],
)
def test_nothing_is_listed_where_the_resolution_failed(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, said: str
) -> None:
    def fail(config: Config, folder: Path) -> list[Path]:
        raise error

    copies = tmp_path / "ivy" / "jars" / "half.jar"  # Spark's, of a resolution before ours
    copies.parent.mkdir(parents=True)
    copies.write_bytes(b"PK")
    monkeypatch.setattr(jars, "_resolve", fail)
    with pytest.raises(SetupError, match=said):
        jars.resolve_jars(config)
    assert not copies.exists() and not (tmp_path / "ivy" / jars.LIST).exists()


def test_ivy_is_asked_for_the_coordinates_without_what_is_excluded() -> None:
    text = jars._ivy_module(["org.example:part_2.12:1.0"], ["org.other:thing", "*:natives"])
    (wanted,) = ElementTree.fromstring(text).findall("dependencies/dependency")
    assert (wanted.get("org"), wanted.get("name"), wanted.get("rev")) == ("org.example", "part_2.12", "1.0")
    excluded = {(one.get("org"), one.get("module")) for one in ElementTree.fromstring(text).findall("*/exclude")}
    assert excluded >= {("org.other", "thing"), ("*", "natives"), ("*", "scala-library")}
    assert ("org.apache.spark", "spark-sql_*") in excluded


def test_debug_symbols_are_dropped_and_nothing_else(tmp_path: Path) -> None:
    kept = {"A.class": b"class", "native/linux-x64/lib.so": b"so" * 1000, "native/win-x64/lib.dll": b"dll"}
    symbols = {"native/win-x64/lib.pdb": b"pdb" * 1000, "native/osx-x64/lib.dylib.dSYM/Contents/Info.plist": b"plist"}
    jar = write_jar(tmp_path / "one.jar", kept | symbols)
    jars.drop_debug_symbols(jar)
    with zipfile.ZipFile(jar) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == kept
    before = jar.stat()
    jars.drop_debug_symbols(jar)
    assert jar.stat() == before and list(tmp_path.iterdir()) == [jar]


# Classes of what conf/base.yml excludes, and of what came with it: names of folders in a jar.
EXCLUDED = (
    "com/google/cloud/ com/google/api/ com/google/auth/ io/grpc/ io/opencensus/ org/conscrypt/ org/apache/poi/ lombok/ "
    "org/apache/xmlbeans/ jakarta/mail/ org/eclipse/angus/ com/github/liblevenshtein/ it/unimi/dsi/ org/rocksdb/"
).split()


def test_the_set_up_has_what_is_needed_and_nothing_that_is_excluded() -> None:
    found = jars.resolved_jars(load_config("local"))
    assert found is not None, "`make setup` resolves them"
    names = {name for jar in found for name in zipfile.ZipFile(jar).namelist()}
    for needed in ("com/johnsnowlabs/nlp/", "io/delta/sql/", "ai/onnxruntime/", "org/tensorflow/", "com/amazonaws/"):
        assert any(name.startswith(needed) for name in names), needed
    assert not [name for name in names if name.startswith(tuple(EXCLUDED))]
    assert not [name for name in names if name.endswith(".pdb")]
    assert sum(jar.stat().st_size for jar in found) < 150_000_000


def test_jars_are_used_where_they_were_fetched_to(tmp_path: Path) -> None:
    """Ivy alone keeps no second copy, as Spark does of what it resolves for a cluster."""
    kept = resolve(load_config("local").spark.ivy_folder) / "cache"
    shutil.copytree(kept, tmp_path / "ivy" / "cache")
    done = resolve_without_a_network(tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    found = (tmp_path / "ivy" / jars.LIST).read_text().splitlines()[1:]
    assert found and all(name.startswith("cache/") for name in found)
    assert not (tmp_path / "ivy" / "jars").exists()


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


def resolve_without_a_network(folder: Path) -> subprocess.CompletedProcess[str]:
    """Resolve the jars in another process, into a folder's `ivy`; what fails is printed."""
    # Nothing listens on port 9 of this machine.
    program = f"""
from pathlib import Path
from linnaeus.contracts.config import conf_folder, load_config
from linnaeus.contracts.errors import SetupError
from linnaeus.runtime import jars
folder = Path({str(folder)!r})
text = (conf_folder() / "ivysettings.xml").read_text()
(folder / "ivy.xml").write_text(text.replace("https://repo1.maven.org", "http://127.0.0.1:9"))
config = load_config("local", [f"spark.ivy_folder={{folder}}/ivy"])
extra = config.spark.model_copy(update={{"extra": {{"spark.jars.ivySettings": f"{{folder}}/ivy.xml"}}}})
try:
    jars.resolve_jars(config.model_copy(update={{"spark": extra}}))
except SetupError as error:
    print(error)
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE)


def test_maven_central_cannot_be_reached(tmp_path: Path) -> None:
    done = resolve_without_a_network(tmp_path)
    lines = done.stdout.splitlines()
    assert len(lines) == 1 and "Maven Central can't be reached" in lines[0], done.stdout + done.stderr
    assert not (tmp_path / "ivy" / jars.LIST).exists()
