"""The set-up, run as `make setup` runs it, in small checkouts of its own and against faults that really happen."""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from linnaeus.runtime import bootstrap

SOURCE = Path(bootstrap.__file__)
ROOT = bootstrap.root_folder()
# Nothing listens on port 9 of this machine: the index is refused at once.
NO_NETWORK = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
    "PIP_NO_INDEX": "0",
    "PIP_FIND_LINKS": "",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the files that the set-up reads, and a package that the index would have to give."""
    return make_checkout(tmp_path / "checkout")


def make_checkout(root: Path) -> Path:
    script = root / SOURCE.relative_to(ROOT)
    script.parent.mkdir(parents=True)
    shutil.copy(SOURCE, script)
    (root / "setup.py").write_text("from setuptools import setup\nsetup(name='linnaeus', install_requires=['rich'])\n")
    (root / "conf").mkdir()
    (root / "conf" / "constraints.txt").write_text("rich==15.0.0\n")
    return root


def set_up(root: Path, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up of a checkout, after `code`, with free disk enough for these small ones."""
    before = f"import sys; sys.path.insert(0, {str(root / SOURCE.parent.relative_to(ROOT))!r}); import bootstrap as b"
    program = f"{before}; b.check_disk = lambda root: None\n{code}\nsys.exit(b.main())"
    return subprocess.run(
        [sys.executable, "-c", program], env=os.environ | environment, capture_output=True, text=True, timeout=60
    )


def the_line(done: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """The one line on standard error of a set-up that failed."""
    assert done.returncode == status, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("setup: ")
    return lines[0]


def fake_java(folder: Path, says: str) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{says}\nEND\n")
    java.chmod(0o755)
    return java


def version_text(version: str) -> str:
    return f'openjdk version "{version}" 2025-04-15\nOpenJDK Runtime Environment (build {version}+6)'


@pytest.mark.parametrize("version", [(3, 10), (3, 11), (3, 12)])
def test_python_that_can_be_used(version: tuple[int, int]) -> None:
    bootstrap.check_python(version)


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 13)])
def test_python_that_cannot_be_used(version: tuple[int, int]) -> None:
    with pytest.raises(bootstrap.WrongMachineError, match=rf"Python {version[0]}\.{version[1]} .* can't be used"):
        bootstrap.check_python(version)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('java version "1.8.0_292"', 8),
        (version_text("11.0.2"), 11),
        (version_text("17.0.15"), 17),
        (version_text("21"), 21),
        ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\n" + version_text("17.0.1"), 17),
        ('openjdk version "22-ea" 2024-03-19', 22),
        ("no such command", None),
        ("", None),
    ],
)
def test_java_version_is_read(text: str, expected: int | None) -> None:
    assert bootstrap.parse_java_version(text) == expected


@pytest.mark.parametrize(
    ("version", "problem"),
    [("1.8.0_292", "Java 8 .* too old"), ("11.0.2", "Java 11 .* too old"), ("21.0.8", "too new")],
)
@pytest.mark.parametrize("through", ["JAVA_HOME", "PATH"])
def test_wrong_java(checkout: Path, tmp_path: Path, version: str, problem: str, through: str) -> None:
    java = fake_java(tmp_path / "java", version_text(version))
    found = {"JAVA_HOME": str(tmp_path / "java")}
    if through == "PATH":
        found = {"JAVA_HOME": "", "PATH": f"{java.parent}:{os.environ['PATH']}"}
    line = the_line(set_up(checkout, **found), 2)
    assert re.search(problem, line)
    assert f"from {through}" in line and "17 is needed" in line
    assert not (checkout / ".venv").exists()


def test_right_java_by_java_home_goes_before_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_java(tmp_path / "new", version_text("17.0.15"))
    old = fake_java(tmp_path / "old", version_text("11.0.2"))
    monkeypatch.setenv("PATH", str(old.parent), prepend=":")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    assert bootstrap.check_java() == 17


def test_no_java(checkout: Path, tmp_path: Path) -> None:
    line = the_line(set_up(checkout, JAVA_HOME="", PATH=str(tmp_path)), 2)
    assert "Java was not found" in line and "install Java 17" in line


def test_java_home_without_java(checkout: Path, tmp_path: Path) -> None:
    line = the_line(set_up(checkout, JAVA_HOME=str(tmp_path)), 2)
    assert f"JAVA_HOME is {tmp_path}" in line


def test_java_that_says_nothing(checkout: Path, tmp_path: Path) -> None:
    fake_java(tmp_path / "java", "")
    assert "version can't be read" in the_line(set_up(checkout, JAVA_HOME=str(tmp_path / "java")), 2)


def test_no_network(checkout: Path) -> None:
    line = the_line(set_up(checkout, **NO_NETWORK))
    assert "can't be reached" in line and "check the network" in line
    log = checkout / ".cache" / "setup.log"
    assert str(log) in line and "pip" in log.read_text()
    assert not (checkout / ".venv").exists()


def test_too_little_free_disk(tmp_path: Path) -> None:
    with pytest.raises(bootstrap.BootstrapError, match=r"has .* GB free .* free some space"):
        bootstrap.check_disk(tmp_path, needed=1 << 60)
    bootstrap.check_disk(tmp_path, needed=1)


def test_full_disk(small_disk: Path) -> None:
    root = make_checkout(small_disk / "checkout")
    line = the_line(set_up(root))
    assert "the disk is full" in line and "free some space" in line
    assert not (root / ".venv").exists()


@pytest.fixture
def silent_index() -> Iterator[str]:
    """A package index that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        kept: list[socket.socket] = []
        threading.Thread(target=_accept, args=(listener, kept), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/simple"
        for connection in kept:
            connection.close()


def _accept(listener: socket.socket, kept: list[socket.socket]) -> None:
    try:
        while True:
            kept.append(listener.accept()[0])
    except OSError:
        return


def test_interruption_leaves_nothing(checkout: Path, silent_index: str) -> None:
    process = start_until_pip(checkout, silent_index)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert said.splitlines() == ["setup: interrupted; nothing half-made was kept, run `make setup` again"]
    assert not (checkout / ".venv").exists()


def test_a_killed_set_up_is_begun_anew(checkout: Path, silent_index: str) -> None:
    process = start_until_pip(checkout, silent_index)
    # Killed alone, it leaves pip at work in .venv, and the lock with it: nobody else may touch the folder yet.
    process.kill()
    process.wait(timeout=20)
    assert process.stderr is not None
    process.stderr.close()
    with (checkout / ".cache" / "setup.lock").open("w") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.killpg(process.pid, signal.SIGKILL)
    assert (checkout / ".venv").is_dir()
    done = set_up(checkout, "b._logged = lambda *_: (_ for _ in ()).throw(b.BootstrapError('no more of this'))")
    assert "removing a .venv that is half-made" in done.stdout
    assert the_line(done) == "setup: no more of this"
    assert not (checkout / ".venv").exists()


def start_until_pip(root: Path, index: str) -> subprocess.Popen[str]:
    """A set-up that hangs in pip."""
    environment = os.environ | NO_NETWORK | {"PIP_INDEX_URL": index, "PIP_DEFAULT_TIMEOUT": "60"}
    command = [sys.executable, str(root / SOURCE.relative_to(ROOT))]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    log = root / ".cache" / "setup.log"
    deadline = time.monotonic() + 30
    while not (log.is_file() and "pip" in log.read_text() and "install" in log.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "pip was not reached"
        time.sleep(0.05)
    return process


@pytest.fixture
def steps(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of a set-up in which each succeeds at once; a fake Python stands in the .venv it makes."""
    commands: list[str] = []

    def logged(command: list[str], log: Path, root: Path, mode: str) -> None:
        commands.append(" ".join(command))
        if "venv" in command:
            minor = Path(command[-1]) / "bin" / f"python3.{sys.version_info[1]}"
            minor.parent.mkdir(parents=True)
            minor.write_text('#!/bin/sh\necho "$2" >> .cache/steps\n')
            minor.chmod(0o755)
            (minor.parent / "python").symlink_to(minor)

    monkeypatch.setattr(bootstrap, "_logged", logged)
    monkeypatch.setattr(bootstrap, "check_disk", lambda root: None)
    for folder in bootstrap.ASSET_FOLDERS:
        (checkout / folder).mkdir(parents=True)
    return commands


MODULES = [f"linnaeus.runtime.{name}" for name in ("assets", "jars", "class_archive")]


def modules_run(root: Path) -> list[str]:
    file = root / ".cache" / "steps"
    return file.read_text().split() if file.is_file() else []


def test_a_second_call_does_nothing(checkout: Path, steps: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap.set_up(checkout)
    assert len(steps) == 2 and modules_run(checkout) == MODULES
    capsys.readouterr()
    bootstrap.set_up(checkout)
    assert len(steps) == 2 and modules_run(checkout) == MODULES
    assert capsys.readouterr().out == ""


def test_changed_requirements_are_installed_into_the_environment(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    (checkout / "conf" / "constraints.txt").write_text("rich==14.0.0\n")
    bootstrap.set_up(checkout)
    assert [" -m venv " in step for step in steps] == [True, False, False]


def test_changed_coordinates_run_the_steps_alone(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    (checkout / "conf" / "base.yml").write_text("spark: {}\n")
    bootstrap.set_up(checkout)
    assert len(steps) == 2 and modules_run(checkout) == 2 * MODULES


def test_a_deleted_cache_is_made_again(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    shutil.rmtree(checkout / ".cache" / "embedder")
    bootstrap.set_up(checkout)
    assert len(steps) == 2 and modules_run(checkout) == 2 * MODULES


def test_an_environment_of_another_python_is_made_anew(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    (checkout / ".venv" / "bin" / f"python3.{sys.version_info[1]}").unlink()
    (checkout / "setup.py").write_text("")
    bootstrap.set_up(checkout)
    assert [" -m venv " in step for step in steps] == [True, False, True, False]


def test_a_failing_step_gives_its_own_status(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    (checkout / ".cache" / bootstrap.STAMP).unlink()
    python = checkout / ".venv" / "bin" / f"python3.{sys.version_info[1]}"
    python.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(SystemExit) as ended:
        bootstrap.set_up(checkout)
    assert ended.value.code == 1
    assert not (checkout / ".cache" / bootstrap.STAMP).exists()
    # The packages are in order, and stay.
    assert (checkout / ".venv" / bootstrap.STAMP).is_file()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("WARNING: Retrying … NewConnectionError\nERROR: No matching distribution found for rich", "can't be reached"),
        ("Temporary failure in name resolution", "can't be reached"),
        ("Collecting rich\nERROR: ResolutionImpossible: for help visit\n\n", "ResolutionImpossible: for help visit"),
        ("killed by nobody knows whom", "killed by nobody knows whom"),
        ("", "no message"),
    ],
)
def test_pip_output_becomes_one_line(output: str, expected: str) -> None:
    line = bootstrap.explain(output, Path("setup.log"))
    assert expected in line and line.endswith("(log: setup.log)") and "\n" not in line


def test_every_direct_requirement_is_pinned() -> None:
    pins = (ROOT / "conf" / "constraints.txt").read_text()
    named = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in pins.splitlines()}
    wanted = {
        re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")
        for requirement in importlib.metadata.requires("linnaeus") or []
    }
    assert wanted and wanted <= named
