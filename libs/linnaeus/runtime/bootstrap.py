"""Sets a machine up: `python3 -m linnaeus.runtime.bootstrap`, which is what `make setup` runs.

Standard library only, since it runs before anything is installed. It checks Python and Java and makes .venv. There pip
installs uv, and uv the package with its pinned requirements. Meanwhile the embedder and the jars are fetched. Arguments
name extras of setup.py beside `local`: `make test` gives `test`. What an earlier call installed stays.

A stamp inside .venv has a hash of what it was made from, and its extras. Where nothing has changed, nothing is done.

Exit status: 0 ready; 2 the wrong Python or Java; 1 anything else, said in one line. A .venv without its stamp is half
made (a failed install, a killed process) and is never kept.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from linnaeus.runtime.machine import BootstrapError, WrongMachineError, check_disk, check_java, check_python
from linnaeus.runtime.package_index import DISK_SIGNS, explain, is_unreachable, user_cache, uv_settings

FULL_BYTES = 2_000_000
ALWAYS = "local"
STAMP = "linnaeus-setup.sha256"
# Files that the environment is made from, and files that the embedder and the jars are made from.
CONSTRAINTS, OVERRIDES, BUILD = "conf/constraints.txt", "conf/overrides.txt", "conf/build.cfg"
ENVIRONMENT_FILES = ("setup.py", CONSTRAINTS, OVERRIDES, BUILD)
ASSET_FILES = (
    "libs/linnaeus/runtime/assets.py",
    "libs/linnaeus/runtime/jars.py",
    "libs/linnaeus/runtime/class_archive.py",
    "conf/base.yml",
    "conf/local.yml",
    "conf/ivysettings.xml",
)
# Folders that the steps leave; where one has been deleted, the steps run again.
ASSET_FOLDERS = (".cache/embedder", ".cache/ivy", ".cache/downloads")
# What reads the configuration in the step for the jars.
FIRST_PACKAGES = ("pydantic", "pyyaml")
# uv, what it builds and, where the user has no cache of uv's, what it fetches. All of it is removed at the end: the
# source of pyspark alone, which comes as nothing else, would leave 1.3 GB in a cache.
SCRATCH = ".cache/uv"
# XGBoost without what only a GPU can run (conf/overrides.txt takes the other one out).
CPU_PACKAGES = ("xgboost-cpu; sys_platform == 'linux' and platform_machine == 'x86_64'",)
# RocksDB keeps states of streams and Spark's history server; no job here has either, and it takes 59 MB.
UNUSED_JARS = "lib/python*/site-packages/pyspark/jars/rocksdbjni-*.jar"
ASSET_STEPS = (
    ("linnaeus.runtime.assets", "fetching the embedder and the sample's files"),
    ("linnaeus.runtime.jars", "fetching Spark's jars"),
    ("linnaeus.runtime.class_archive", "making an archive of Spark's classes, so that it starts faster"),
)


class UnreachableError(BootstrapError):
    """The package index can't be reached, so that nothing was installed."""


class Interrupted(BaseException):
    """A signal asked the set-up to end."""


def root_folder() -> Path:
    """The root of the checkout that this file lies in."""
    return Path(__file__).resolve().parents[3]


def digest_of(root: Path, names: Sequence[str]) -> str:
    """A hash of files, of where the checkout lies (a moved .venv is broken) and of the Python that runs this."""
    digest = hashlib.sha256(f"{root} {sys.version_info[:2]}".encode())
    for name in names:
        path = root / name
        digest.update(name.encode() + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()


def main(extras: Sequence[str] = ()) -> int:
    """The command. Prints one line a step, and nothing where nothing is to do."""
    root = root_folder()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        check_python()
        check_java()
        set_up(root, extras)
    except BootstrapError as error:
        return _fail(str(error), error.status)
    except (KeyboardInterrupt, Interrupted):
        return _fail("interrupted; nothing half-made was kept, run `make setup` again")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _fail("the disk is full; free some space and run `make setup` again")
        return _fail(f"{error.strerror} ({error.filename})")
    return 0


def set_up(root: Path, extras: Sequence[str] = ()) -> None:
    """Make .venv with the extras, the embedder and the jars, as far as they are not there yet.

    Raises BootstrapError, or SystemExit where a step has said its failure itself.
    """
    wanted = {ALWAYS, *extras}
    if _has_environment(root, wanted) and _has_assets(root):
        return
    (root / ".cache").mkdir(exist_ok=True)
    with _one_at_a_time(root / ".cache" / "setup.lock"):
        # Whoever held the lock may have done it all.
        if not (_has_environment(root, wanted) and _has_assets(root)):
            _make_all(root, wanted)


@dataclass(frozen=True)
class Step:
    """A command of the set-up. Its output goes to a log; without one it says its own failure in one line."""

    doing: str
    command: Sequence[str]
    log: Path | None = None
    then: Callable[[], object] = lambda: None


def _make_all(root: Path, extras: set[str]) -> None:
    """Run the steps that are due, side by side where none waits for the other."""
    started = time.monotonic()
    extras = extras.union(_stamp(root)[1:])  # what an earlier call installed stays
    assets, jars, classes = (Step(doing, [_python(root), "-m", module]) for module, doing in ASSET_STEPS)
    due = not _has_assets(root)
    if not _has_environment(root, extras):
        with _kept_whole(root):
            _make_venv(root)
            first, rest = _install_steps(root, extras)
            _run(root, first, *[assets] * due)
            _run(root, rest, *[jars] * due)
    elif due:
        _run(root, assets, jars)
    if due:
        _run(root, classes)
        (root / ".cache" / STAMP).write_text(digest_of(root, ASSET_FILES))
    _say(f"ready in {time.monotonic() - started:.0f} s")


def _has_assets(root: Path) -> bool:
    are_there = all((root / folder).is_dir() for folder in ASSET_FOLDERS)
    return are_there and _read(root / ".cache" / STAMP) == digest_of(root, ASSET_FILES)


def _has_environment(root: Path, extras: set[str]) -> bool:
    digest, *installed = _stamp(root)
    return digest == digest_of(root, ENVIRONMENT_FILES) and extras <= set(installed)


def _stamp(root: Path) -> list[str]:
    """What .venv was made from: a hash and the extras that are installed. A hash of nothing where it is not whole."""
    return (_read(root / ".venv" / STAMP) or "").split() or [""]


@contextlib.contextmanager
def _kept_whole(root: Path) -> Iterator[None]:
    """A block that installs into .venv. Where it fails before the stamp is written, .venv is removed.

    Where the index could not be reached for further extras, nothing was installed yet: the old stamp is put back.
    """
    venv, old = root / ".venv", _stamp(root)
    if venv.exists() and not _can_be_updated(root):
        _say("removing a .venv that is half-made, of another Python or of an earlier set-up")
        _remove(venv)
    if not venv.exists():
        check_disk(root)
    _remove(root / SCRATCH)
    # Gone before anything is installed: what a killed process leaves has no stamp, and the next call removes it.
    (venv / STAMP).unlink(missing_ok=True)
    try:
        yield
    except BaseException as error:
        if isinstance(error, UnreachableError) and old[0] == digest_of(root, ENVIRONMENT_FILES):
            (venv / STAMP).write_text("\n".join(old))
        elif not (venv / STAMP).exists():
            _remove(venv)
        raise
    finally:
        _remove(root / SCRATCH)


def _can_be_updated(root: Path) -> bool:
    """Whether uv may install into .venv: complete once, with extras that are known, and of this Python."""
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return len(_stamp(root)) > 1 and (root / ".venv" / "bin" / minor).exists()


def _make_venv(root: Path) -> None:
    log = root / ".cache" / "setup.log"
    log.unlink(missing_ok=True)
    pip = [_python(root), "-m", "pip", "--no-input", "--disable-pip-version-check"]
    if not (root / ".venv").exists():
        _run(root, Step("making .venv", [sys.executable, "-m", "venv", str(root / ".venv")], log))
        # A Python before 3.12 puts it there, and nothing here imports it.
        _run(root, Step("", [*pip, "uninstall", "--yes", "setuptools"], log))
    _run(root, Step("", [*pip, "install", "--no-cache-dir", "-c", CONSTRAINTS, "--target", SCRATCH, "uv"], log))
    os.environ.update(uv_settings(pip, _environment(root)))
    if not user_cache().is_dir():
        os.environ["UV_CACHE_DIR"] = str(root / SCRATCH / "cache")
    _run(root, Step("", [*_uv(root), *FIRST_PACKAGES], log))


def _install_steps(root: Path, extras: set[str]) -> tuple[Step, Step]:
    """Spark, which the step for the jars waits for; and all the rest, at whose end the stamp is written."""
    log = root / ".cache" / "setup.log"
    stamp = "\n".join([digest_of(root, ENVIRONMENT_FILES), *sorted(extras)])
    spark = [*_uv(root), "--cache-dir", f"{SCRATCH}/spark", "--no-deps", "pyspark"]
    packages = ["--overrides", OVERRIDES, "-e", f".[{','.join(sorted(extras))}]", *CPU_PACKAGES]
    doing = f"installing the other packages (log: {log.relative_to(root)})"
    return (
        Step("installing Spark", spark, log, lambda: _finish_spark(root)),
        Step(doing, [*_uv(root), *packages], log, lambda: _complete(root, stamp)),
    )


def _finish_spark(root: Path) -> None:
    _remove(root / SCRATCH / "spark")
    for jar in (root / ".venv").glob(UNUSED_JARS):
        jar.unlink()


def _complete(root: Path, stamp: str) -> None:
    (root / ".venv" / STAMP).write_text(stamp)
    _remove(root / SCRATCH)


def _uv(root: Path) -> list[str]:
    """The command that installs into .venv."""
    pinned = ["--build-constraints", CONSTRAINTS, "-c", CONSTRAINTS]
    return [str(root / SCRATCH / "bin" / "uv"), "pip", "install", "--python", _python(root), *pinned]


def _python(root: Path) -> str:
    return str(root / ".venv" / "bin" / "python")


def _run(root: Path, *steps: Step) -> None:
    """Run steps side by side and wait for all. Raises the first one's failure; a signal ends them all."""
    running: list[_Running] = []
    try:
        for step in steps:
            running.append(_Running(root, step))
        failed = [one for one in running if not one.ends_well()]
    except BaseException:
        for one in running:
            one.stop()
        raise
    if failed:
        failed[0].fail()


class _Running:
    """The process of a step."""

    def __init__(self, root: Path, step: Step) -> None:
        if step.doing:
            _say(step.doing)
        self._root, self._step = root, step
        self._said: IO[bytes] = step.log.open("ab+") if step.log else tempfile.TemporaryFile()  # noqa: SIM115
        if step.log:
            self._said.write(f"$ {' '.join(step.command)}\n".encode())
            self._said.flush()
        self._start = self._said.tell()
        # The command inherits the lock: where this process is killed and the command lives on, the next call waits.
        self._process = subprocess.Popen(
            step.command,
            cwd=root,
            stdout=self._said if step.log else None,
            stderr=self._said,
            env=_environment(root),
            close_fds=False,
        )

    def ends_well(self) -> bool:
        """Wait for it. Where it has succeeded, what is to follow is done at once."""
        if self._process.wait() != 0:
            return False
        self._step.then()
        return True

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.terminate()
        self._process.wait()

    def fail(self) -> NoReturn:
        """Raise its failure as BootstrapError, or as SystemExit once what it said is printed."""
        self._said.seek(self._start)
        output, log = self._said.read().decode("utf-8", "replace"), self._step.log
        if log is None:
            sys.stderr.write(output)
            raise SystemExit(self._process.returncode if self._process.returncode in (1, 2) else 1)
        if "ensurepip is not available" in output:
            raise WrongMachineError("Python's venv module is not there; install it (Debian: python3-venv)")
        if shutil.disk_usage(self._root).free < FULL_BYTES:
            # The log is on the full disk as well, so what was printed may be missing from it.
            output += DISK_SIGNS[0]
        kind = UnreachableError if is_unreachable(output) else BootstrapError
        raise kind(explain(output, log))


def _environment(root: Path) -> dict[str, str]:
    """Ours, without what would lead pip, uv or Python to another environment, and with the package of this checkout."""
    dropped = {"PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "PIP_REQUIRE_VIRTUALENV", "PIP_USER"}
    dropped |= {"PIP_TARGET", "PIP_PREFIX", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX", "UV_CONSTRAINT"}
    dropped |= {"UV_OVERRIDE", "UV_NO_DEPS"}
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    return {**kept, "DIST_EXTRA_CONFIG": str(root / BUILD), "PYTHONPATH": str(root / "libs")}


@contextlib.contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("w") as stream:
        os.set_inheritable(stream.fileno(), True)
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another set-up of this checkout is running; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _remove(folder: Path) -> None:
    """Remove a folder, stamp first, so that no moment finds a stamp in a folder that is half gone."""
    with contextlib.suppress(OSError):
        (folder / STAMP).unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def _say(text: str) -> None:
    print(f"setup: {text}", flush=True)


def _fail(text: str, status: int = 1) -> int:
    print(f"setup: {text}", file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
