"""Sets a machine up: `python3 libs/linnaeus/runtime/bootstrap.py`, which is what `make setup` runs.

Standard library only, since it runs before anything is installed. It checks Python and Java, makes .venv with the
package and its pinned requirements, and then has that environment fetch the embedder and the jars. A stamp inside .venv
says what it was made from; where nothing has changed, a second call does nothing.

Exit status: 0 ready; 2 the wrong Python or Java; 1 anything else, said in one line. A .venv without its stamp is half
made (a failed install, a killed process) and is never kept.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 12)
# Spark 3.5's Arrow (every exchange with Python) fails on Java 21: its DirectByteBuffer has another constructor.
OLDEST_JAVA, NEWEST_JAVA = 17, 20
NEEDED_BYTES = 5_000_000_000
FULL_BYTES = 2_000_000
EXTRAS = "local,test"
STAMP = "linnaeus-setup.sha256"
# Files that the environment is made from, and files that the embedder and the jars are made from.
ENVIRONMENT_FILES = ("setup.py", "conf/constraints.txt")
ASSET_FILES = (
    "libs/linnaeus/runtime/assets.py",
    "libs/linnaeus/runtime/jars.py",
    "libs/linnaeus/runtime/class_archive.py",
    "conf/base.yml",
    "conf/local.yml",
    "conf/ivysettings.xml",
)
ASSET_STEPS = (
    ("linnaeus.runtime.assets", "the embedder and the sample's files"),
    ("linnaeus.runtime.jars", "Spark's jars (a minute or two from Maven Central, the first time)"),
    ("linnaeus.runtime.class_archive", "an archive of Spark's classes, so that it starts faster"),
)
# Folders that the steps leave; where one has been deleted, the steps run again.
ASSET_FOLDERS = (".cache/embedder", ".cache/ivy", ".cache/downloads")

NETWORK_SIGNS = (
    "No matching distribution",
    "Could not find a version",
    "NewConnectionError",
    "ConnectTimeoutError",
    "Connection refused",
    "Connection aborted",
    "Connection broken",
    "ReadTimeoutError",
    "Read timed out",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "ProxyError",
)
DISK_SIGNS = ("No space left on device", "Errno 28", "Disk quota exceeded")


class BootstrapError(Exception):
    """The set-up can't go on. The message is one line: what, where, what to do."""

    status = 1


class WrongMachineError(BootstrapError):
    """Python or Java is missing, too old or too new."""

    status = 2


class Interrupted(BaseException):
    """A signal asked the set-up to end."""


def root_folder() -> Path:
    """The root of the checkout that this file lies in."""
    return Path(__file__).resolve().parents[3]


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Raises WrongMachineError where this interpreter is too old or too new."""
    if not OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        raise WrongMachineError(
            f"Python {version[0]}.{version[1]} ({sys.executable}) can't be used: 3.10, 3.11 or 3.12 is needed; "
            "install one and run `make setup PYTHON=python3.11`"
        )


def check_java() -> int:
    """The major version of the Java that Spark will run: JAVA_HOME's, else the PATH's.

    Raises WrongMachineError where there is none, or it is too old or too new.
    """
    java, where = _find_java()
    version = parse_java_version(_java_output(java, where))
    if version is None:
        raise WrongMachineError(f"Java's version can't be read from `{java} -version` ({where}); install Java 17")
    if not OLDEST_JAVA <= version <= NEWEST_JAVA:
        problem = "too old" if version < OLDEST_JAVA else "too new for Spark 3.5"
        raise WrongMachineError(
            f"Java {version} ({java}, {where}) is {problem}: 17 is needed; install it "
            "(Debian: openjdk-17-jre-headless) and let JAVA_HOME or PATH lead to it"
        )
    return version


def parse_java_version(text: str) -> int | None:
    """The major version in the output of `java -version`: 8 for "1.8.0_292", 17 for "17.0.2", else None."""
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(match.group(1)) if match else None


def _find_java() -> tuple[str, str]:
    home = os.environ.get("JAVA_HOME")
    if home:
        java = Path(home) / "bin" / "java"
        if not os.access(java, os.X_OK):
            raise WrongMachineError(f"JAVA_HOME is {home}, which has no bin/java; set it to a Java 17, or unset it")
        return str(java), "from JAVA_HOME"
    found = shutil.which("java")
    if found is None:
        raise WrongMachineError(
            "Java was not found, neither by JAVA_HOME nor on PATH; install Java 17 (Debian: openjdk-17-jre-headless)"
        )
    return found, "from PATH"


def _java_output(java: str, where: str) -> str:
    try:
        done = subprocess.run([java, "-version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WrongMachineError(f"Java can't be started ({java}, {where}): {error}; install Java 17") from error
    return done.stdout.decode("utf-8", "replace")


def check_disk(root: Path, needed: int = NEEDED_BYTES) -> None:
    """Raises BootstrapError where the checkout's disk has less than `needed` bytes free."""
    free = shutil.disk_usage(root).free
    if free < needed:
        raise BootstrapError(
            f"{root} has {free / 1e9:.1f} GB free and the set-up takes about {needed / 1e9:.0f} GB; free some space "
            "and run `make setup` again"
        )


def digest_of(root: Path, names: Sequence[str]) -> str:
    """A hash of files, of where the checkout lies (a moved .venv is broken) and of the Python that runs this."""
    digest = hashlib.sha256(f"{root} {sys.version_info[:2]} {EXTRAS}".encode())
    for name in names:
        path = root / name
        digest.update(name.encode() + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()


def explain(output: str, log: Path | None = None) -> str:
    """One line out of what pip printed: no network, a full disk, or pip's own last error."""
    named = f" (log: {log})" if log else ""
    # A full disk first: pip may go on to say that it found nothing to install.
    if any(sign in output for sign in DISK_SIGNS):
        return f"the disk is full; free some space and run `make setup` again{named}"
    if any(sign in output for sign in NETWORK_SIGNS):
        return f"the Python package index can't be reached or lacks a file; check the network and run it again{named}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "error:", "Error:"))]
    last = (errors or lines or ["no message"])[-1]
    return f"{re.sub('^error: *', '', last, flags=re.IGNORECASE)}{named}"


def main() -> int:
    """The command. Prints one line a step, and nothing where nothing is to do."""
    root = root_folder()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        check_python()
        check_java()
        set_up(root)
    except BootstrapError as error:
        return _fail(str(error), error.status)
    except (KeyboardInterrupt, Interrupted):
        return _fail("interrupted; nothing half-made was kept, run `make setup` again")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _fail("the disk is full; free some space and run `make setup` again")
        return _fail(f"{error.strerror} ({error.filename})")
    return 0


def set_up(root: Path) -> None:
    """Make .venv, the embedder and the jar cache, as far as they are not there yet. Raises BootstrapError."""
    venv = root / ".venv"
    if _is_ready(root, venv):
        return
    cache = root / ".cache"
    cache.mkdir(exist_ok=True)
    with _one_at_a_time(cache / "setup.lock"):
        # Whoever held the lock may have done it all.
        if not _is_ready(root, venv):
            _make_environment(root, venv, cache / "setup.log")
            _fetch_assets(root, venv)


def _is_ready(root: Path, venv: Path) -> bool:
    return (
        _read(venv / STAMP) == digest_of(root, ENVIRONMENT_FILES)
        and _read(root / ".cache" / STAMP) == digest_of(root, ASSET_FILES)
        and all((root / folder).is_dir() for folder in ASSET_FOLDERS)
    )


def _make_environment(root: Path, venv: Path, log: Path) -> None:
    digest = digest_of(root, ENVIRONMENT_FILES)
    stamp = venv / STAMP
    if _read(stamp) == digest:
        return
    started = time.monotonic()
    if venv.exists() and not _can_be_updated(venv):
        _say("removing a .venv that is half-made or of another Python")
        _remove(venv)
    if not venv.exists():
        check_disk(root)
    # Gone before pip starts: what a killed process leaves has no stamp, and the next call removes it.
    with contextlib.suppress(FileNotFoundError):
        stamp.unlink()
    install = [*_pip(venv), "install", "-c", "conf/constraints.txt", "-e", f".[{EXTRAS}]"]
    try:
        if not venv.exists():
            _say("making .venv")
            _logged([sys.executable, "-m", "venv", str(venv)], log, root, "w")
        _say(f"installing the packages (some minutes; log: {log.relative_to(root)})")
        _logged(install, log, root, "a")
        stamp.write_text(digest)
    except BaseException:
        _remove(venv)
        raise
    _say(f"packages installed in {time.monotonic() - started:.0f} s")


def _can_be_updated(venv: Path) -> bool:
    """Whether pip may install into it: complete once, and of this Python."""
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return (venv / STAMP).is_file() and (venv / "bin" / minor).exists()


def _pip(venv: Path) -> list[str]:
    return [str(venv / "bin" / "python"), "-m", "pip", "--no-input", "--disable-pip-version-check"]


def _logged(command: Sequence[str], log: Path, root: Path, mode: str) -> None:
    """Run a command with its output in the log. Raises BootstrapError; a signal ends the command too."""
    with log.open(mode) as stream:
        stream.write(f"$ {' '.join(command)}\n")
        stream.flush()
        start = stream.tell()
        # The command inherits the lock: where this process is killed and the command lives on, the next call waits.
        process = subprocess.Popen(
            command, cwd=root, stdout=stream, stderr=subprocess.STDOUT, env=_environment(), close_fds=False
        )
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if status != 0:
        output = log.read_bytes()[start:].decode("utf-8", "replace")
        if "ensurepip is not available" in output:
            raise WrongMachineError("Python's venv module is not there; install it (Debian: python3-venv)")
        if shutil.disk_usage(root).free < FULL_BYTES:
            # The log is on the full disk as well, so what was printed may be missing from it.
            output += DISK_SIGNS[0]
        raise BootstrapError(explain(output, log))


def _environment() -> dict[str, str]:
    """Ours, without what would lead pip or Python to another environment."""
    dropped = {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PIP_REQUIRE_VIRTUALENV"}
    dropped |= {"PIP_USER", "PIP_TARGET", "PIP_PREFIX"}
    return {key: value for key, value in os.environ.items() if key not in dropped}


def _fetch_assets(root: Path, venv: Path) -> None:
    """The steps that need the installed package. Each says its own failure in one line on standard error."""
    for module, doing in ASSET_STEPS:
        _say(doing)
        process = subprocess.Popen([str(venv / "bin" / "python"), "-m", module], cwd=root, env=_environment())
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if status != 0:
            raise SystemExit(status if status in (1, 2) else 1)
    (root / ".cache" / STAMP).write_text(digest_of(root, ASSET_FILES))
    _say("ready")


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
    sys.exit(main())
