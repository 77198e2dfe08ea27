"""What a machine has to have before anything is set up: a Python, a Java, room on the disk.

Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 12)
# Spark 3.5's Arrow (every exchange with Python) fails on Java 21: its DirectByteBuffer has another constructor.
OLDEST_JAVA, NEWEST_JAVA = 17, 20
NEEDED_BYTES = 4_000_000_000  # the most while pyspark is built; less than half of it stays


class BootstrapError(Exception):
    """The set-up can't go on. The message is one line: what, where, what to do."""

    status = 1


class WrongMachineError(BootstrapError):
    """Python or Java is missing, too old or too new."""

    status = 2


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
    java, where = find_java()
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


def find_java() -> tuple[str, str]:
    """The Java that Spark will run, and where its path comes from. Raises WrongMachineError where there is none."""
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
