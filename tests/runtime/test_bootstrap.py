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
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xgboost

from linnaeus.runtime import bootstrap
from tests.patience import PATIENCE
from tests.runtime.java import fake_java, version_text

SOURCE = Path(bootstrap.__file__).parents[1]
STANDARD_LIBRARY_ALONE = ("bootstrap", "machine", "package_index")
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
    package = root / SOURCE.relative_to(ROOT)
    package.mkdir(parents=True)
    for name in ("__init__.py", "runtime/__init__.py", *(f"runtime/{module}.py" for module in STANDARD_LIBRARY_ALONE)):
        (package / name).parent.mkdir(exist_ok=True)
        shutil.copy(SOURCE / name, package / name)
    (root / "setup.py").write_text(
        "from setuptools import setup\n"
        "setup(name='linnaeus', install_requires=['rich'], extras_require={'local': [], 'test': []})\n"
    )
    (root / "conf").mkdir()
    (root / "conf" / "constraints.txt").write_text("rich==15.0.0\n")
    for name in ("overrides.txt", "build.cfg"):
        (root / "conf" / name).touch()
    return root


def set_up(root: Path, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up of a checkout, after `code`, with free disk enough for these small ones."""
    before = "import sys; from linnaeus.runtime import bootstrap as b; b.check_disk = lambda root: None"
    program = f"{before}\n{code}\nsys.exit(b.main())"
    found = os.environ | {"PYTHONPATH": str(root / "libs")} | environment
    return subprocess.run([sys.executable, "-c", program], env=found, capture_output=True, text=True, timeout=PATIENCE)


def the_line(done: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """The one line on standard error of a set-up that failed."""
    assert done.returncode == status, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("setup: ")
    return lines[0]


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
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert said.splitlines() == ["setup: interrupted; nothing half-made was kept, run `make setup` again"]
    assert not (checkout / ".venv").exists()


def test_a_killed_set_up_is_begun_anew(checkout: Path, silent_index: str) -> None:
    process = start_until_pip(checkout, silent_index)
    # Killed alone, it leaves pip at work in .venv, and the lock with it: nobody else may touch the folder yet.
    process.kill()
    process.wait(timeout=PATIENCE)
    assert process.stderr is not None
    process.stderr.close()
    with (checkout / ".cache" / "setup.lock").open("w") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.killpg(process.pid, signal.SIGKILL)
    assert (checkout / ".venv").is_dir()
    done = set_up(checkout, "b._run = lambda *_: (_ for _ in ()).throw(b.BootstrapError('no more of this'))")
    assert "removing a .venv that is half-made" in done.stdout
    assert the_line(done) == "setup: no more of this"
    assert not (checkout / ".venv").exists()


def start_until_pip(root: Path, index: str) -> subprocess.Popen[str]:
    """A set-up that hangs in pip."""
    environment = os.environ | NO_NETWORK | {"PIP_INDEX_URL": index, "PIP_DEFAULT_TIMEOUT": "60"}
    environment["PYTHONPATH"] = str(root / "libs")
    command = [sys.executable, "-m", "linnaeus.runtime.bootstrap"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    log = root / ".cache" / "setup.log"
    deadline = time.monotonic() + PATIENCE
    while not (log.is_file() and "pip" in log.read_text() and "install" in log.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "pip was not reached"
        time.sleep(0.05)
    return process


@pytest.fixture
def steps(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The logged commands of a set-up in which each succeeds at once; a fake Python stands in the .venv it makes."""
    commands: list[str] = []
    really = bootstrap._run

    def run(root: Path, *steps: bootstrap.Step) -> None:
        for step in steps:
            if step.log is not None:
                commands.append(" ".join(step.command))
                if "venv" in step.command:
                    make_fake_python(Path(step.command[-1]))
                step.then()
        really(root, *(step for step in steps if step.log is None))

    monkeypatch.setattr(bootstrap, "_run", run)
    monkeypatch.setattr(bootstrap, "check_disk", lambda root: None)
    monkeypatch.setattr(bootstrap, "uv_settings", lambda pip, environment: {})
    for folder in bootstrap.ASSET_FOLDERS:
        (checkout / folder).mkdir(parents=True)
    return commands


def make_fake_python(venv: Path) -> None:
    minor = venv / "bin" / f"python3.{sys.version_info[1]}"
    minor.parent.mkdir(parents=True)
    minor.write_text('#!/bin/sh\necho "$2" >> .cache/steps\n')
    minor.chmod(0o755)
    (minor.parent / "python").symlink_to(minor)


# What tells the commands that make it.
ENVIRONMENT = [" -m venv ", " uninstall ", " --target ", " pyyaml", " pyspark", " -e .["]
MODULES = [f"linnaeus.runtime.{name}" for name in ("assets", "jars", "class_archive")]


def modules_run(root: Path) -> list[str]:
    """In order, but for the first two of a set-up, which run side by side."""
    file = root / ".cache" / "steps"
    found = file.read_text().split() if file.is_file() else []
    return [one for at in range(0, len(found), 3) for one in (*sorted(found[at : at + 2]), *found[at + 2 : at + 3])]


def test_a_second_call_does_nothing(checkout: Path, steps: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap.set_up(checkout)
    assert [sign in step for sign, step in zip(ENVIRONMENT, steps, strict=True)] == [True] * 6
    assert modules_run(checkout) == MODULES
    capsys.readouterr()
    bootstrap.set_up(checkout)
    assert len(steps) == 6 and modules_run(checkout) == MODULES
    assert capsys.readouterr().out == ""


def test_changed_requirements_are_installed_into_the_environment(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    (checkout / "conf" / "constraints.txt").write_text("rich==14.0.0\n")
    bootstrap.set_up(checkout)
    assert [" -m venv " in step for step in steps] == [True] + [False] * 9
    assert [sign in step for sign, step in zip(ENVIRONMENT[2:], steps[6:], strict=True)] == [True] * 4


def test_changed_coordinates_run_the_steps_alone(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    (checkout / "conf" / "base.yml").write_text("spark: {}\n")
    bootstrap.set_up(checkout)
    assert len(steps) == 6 and modules_run(checkout) == 2 * MODULES


def test_a_deleted_cache_is_made_again(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    shutil.rmtree(checkout / ".cache" / "embedder")
    bootstrap.set_up(checkout)
    assert len(steps) == 6 and modules_run(checkout) == 2 * MODULES


def test_an_environment_of_another_python_is_made_anew(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    (checkout / ".venv" / "bin" / f"python3.{sys.version_info[1]}").unlink()
    (checkout / "setup.py").write_text("")
    bootstrap.set_up(checkout)
    assert [" -m venv " in step for step in steps] == [True, *5 * [False]] * 2


def test_a_command_adds_its_extras_and_removes_none(checkout: Path, steps: list[str]) -> None:
    bootstrap.set_up(checkout)
    assert "-e .[local] " in f"{steps[-1]} "
    bootstrap.set_up(checkout, ["test"])
    assert [" -m venv " in step for step in steps[6:]] == [False] * 4
    assert "-e .[local,test] " in f"{steps[-1]} " and modules_run(checkout) == MODULES
    bootstrap.set_up(checkout)
    bootstrap.set_up(checkout, ["test"])
    assert len(steps) == 10
    (checkout / "conf" / "constraints.txt").write_text("rich==14.0.0\n")
    bootstrap.set_up(checkout)
    assert "-e .[local,test] " in f"{steps[-1]} "


def failing(error: Exception) -> Callable[..., None]:
    def run(root: Path, *steps: bootstrap.Step) -> None:
        raise error

    return run


def test_an_environment_outlives_extras_that_the_index_does_not_give(
    checkout: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.set_up(checkout)
    stamp = (checkout / ".venv" / bootstrap.STAMP).read_text()
    monkeypatch.setattr(bootstrap, "_run", failing(bootstrap.UnreachableError("no network")))
    with pytest.raises(bootstrap.UnreachableError):
        bootstrap.set_up(checkout, ["test"])
    assert (checkout / ".venv" / bootstrap.STAMP).read_text() == stamp
    bootstrap.set_up(checkout)


@pytest.mark.parametrize("error", [bootstrap.BootstrapError("full"), bootstrap.UnreachableError("no network")])
def test_an_environment_of_other_requirements_outlives_no_failure(
    checkout: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bootstrap.set_up(checkout)
    (checkout / "conf" / "constraints.txt").write_text("rich==14.0.0\n")
    monkeypatch.setattr(bootstrap, "_run", failing(error))
    with pytest.raises(bootstrap.BootstrapError):
        bootstrap.set_up(checkout)
    assert not (checkout / ".venv").exists()


def test_steps_run_side_by_side_and_one_failure_is_said_in_its_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    met = tmp_path / "met"
    wait = f"while ! test -e {met}; do sleep 0.01; done; echo setup: first >&2; exit 2"
    later: list[str] = []
    log = tmp_path / "log"
    with pytest.raises(SystemExit) as ended:
        bootstrap._run(
            tmp_path,
            bootstrap.Step("", ["sh", "-c", wait]),
            bootstrap.Step("", ["sh", "-c", f"touch {met}; echo setup: second >&2; exit 1"]),
            bootstrap.Step("", ["sh", "-c", "echo said"], log, lambda: later.append("done")),
        )
    assert ended.value.code == 2 and capfd.readouterr().err == "setup: first\n"
    assert later == ["done"] and log.read_text().splitlines() == ["$ sh -c echo said", "said"]


def test_a_failed_command_is_told_by_its_own_part_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("error: of an earlier one\n")
    with pytest.raises(bootstrap.BootstrapError, match=r"^of this one \(log: "):
        bootstrap._run(tmp_path, bootstrap.Step("", ["sh", "-c", "echo error: of this one; exit 2"], log))
    with pytest.raises(bootstrap.UnreachableError, match="can't be reached"):
        bootstrap._run(tmp_path, bootstrap.Step("", ["sh", "-c", "echo error: Failed to fetch; exit 2"], log))


def test_an_environment_of_a_set_up_by_pip_is_made_anew(checkout: Path, steps: list[str]) -> None:
    """It has XGBoost for GPUs, whose files those of the other would be laid over."""
    bootstrap.set_up(checkout)
    (checkout / ".venv" / bootstrap.STAMP).write_text("0" * 64)
    bootstrap.set_up(checkout)
    assert [" -m venv " in step for step in steps] == [True, *5 * [False]] * 2


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


def test_every_direct_requirement_is_pinned() -> None:
    pins = (ROOT / "conf" / "constraints.txt").read_text()
    named = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in pins.splitlines()}
    wanted = {
        re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")
        for requirement in importlib.metadata.requires("linnaeus") or []
    }
    assert wanted and wanted <= named


def test_xgboost_without_a_gpu_is_the_same_version() -> None:
    pins = dict(
        line.split("==") for line in (ROOT / "conf" / "constraints.txt").read_text().split() if "xgboost" in line
    )
    assert len(pins) == 2 and len(set(pins.values())) == 1
    assert xgboost.__version__ == pins["xgboost-cpu"]
    instead = (ROOT / bootstrap.OVERRIDES).read_text()
    assert f"xgboost=={pins['xgboost']};" in instead and "nvidia-nccl-cu12;" in instead


def test_spark_is_left_without_what_no_job_loads(tmp_path: Path) -> None:
    jars = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages" / "pyspark" / "jars"
    jars.mkdir(parents=True)
    for name in ("rocksdbjni-8.3.2.jar", "spark-core_2.12-3.5.9.jar"):
        (jars / name).touch()
    (tmp_path / bootstrap.SCRATCH / "spark").mkdir(parents=True)
    bootstrap._finish_spark(tmp_path)
    assert [jar.name for jar in jars.iterdir()] == ["spark-core_2.12-3.5.9.jar"]
    assert not (tmp_path / bootstrap.SCRATCH / "spark").exists()


TARGETS = {"setup": "", "sample": "", "notebooks": "", "test": " test", "lint": " lint", "docs": " docs"}


def test_no_target_of_make_forgets_what_it_needs() -> None:
    """`make` is asked what it would run: the set-up first, with the extras that hold the target's tools."""
    make = shutil.which("make")
    assert make is not None
    # Of the `make` that runs the tests, which would say where it is and pass on its options.
    apart = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    for target, extras in TARGETS.items():
        said = subprocess.run([make, "-n", target], cwd=ROOT, env=apart, capture_output=True, text=True, check=True)
        assert said.stdout.splitlines()[0].endswith(f"-m linnaeus.runtime.bootstrap{extras}"), target
