"""Spark's jars, fetched once: a short session has Ivy resolve the coordinates of the configuration into its cache.

A stamp in the Ivy folder holds the hash of the coordinates; while it agrees, nothing is done.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import sys
from pathlib import Path

from linnaeus.contracts.config import Config, conf_folder, load_config, resolve
from linnaeus.contracts.errors import LinnaeusError, SetupError
from linnaeus.runtime.bootstrap import DISK_SIGNS

STAMP = "linnaeus-jars.sha256"
LOG = "spark.log"
NETWORK_SIGNS = (
    "UnknownHostException",
    "ConnectException",
    "SocketTimeoutException",
    "NoRouteToHostException",
    "Network is unreachable",
    "Connection refused",
    "Connection reset",
    "Server access error",
    "download failed",
    "unresolved dependency",
)


def resolve_jars(config: Config | None = None) -> Path:
    """Fill the Ivy folder of the configuration (that of `local` where none is given), and return it.

    Raises SetupError in one line where Maven Central can't be reached, the disk is full, or Spark does not start.
    """
    config = config or load_config("local")
    folder = resolve(config.spark.ivy_folder)
    stamp = folder / STAMP
    wanted = coordinates_hash(config)
    if config.spark.master is None or _read(stamp) == wanted:
        return folder
    stamp.unlink(missing_ok=True)
    # What Ivy's cache holds is whole; its copies for Spark may not be, where a full disk or a kill ended the copying.
    shutil.rmtree(folder / "jars", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    _start_once(config, folder.parent / LOG)
    stamp.write_text(wanted)
    return folder


def coordinates_hash(config: Config) -> str:
    """A hash of what decides which jars come, and from where."""
    lines = [*config.spark.packages, "without", *config.spark.excludes]
    settings = (conf_folder() / "ivysettings.xml").read_text(encoding="utf-8")
    return hashlib.sha256("\n".join([*lines, settings]).encode()).hexdigest()


def explain(output: str) -> str | None:
    """One line for what Ivy says it lacked, or None where it says neither. A full disk makes it say both."""
    if any(sign in output for sign in DISK_SIGNS):
        return "the jars did not fit: the disk is full; free some space and run `make setup` again"
    if any(sign in output for sign in NETWORK_SIGNS):
        return "Maven Central can't be reached for Spark's jars; check the network and run `make setup` again"
    return None


def _start_once(config: Config, log: Path) -> None:
    # Spark takes a second to import, and a call that has nothing to do never needs it.
    from linnaeus.runtime.spark import build_session

    small = config.spark.model_copy(update={"master": "local[1]", "driver_memory": "1g"})
    logged = log.stat().st_size if log.is_file() else 0
    try:
        build_session(config.model_copy(update={"spark": small}), "linnaeus-jars").stop()
    except SetupError as error:
        output = log.read_bytes()[logged:].decode("utf-8", "replace") if log.is_file() else ""
        reason = explain(output)
        raise SetupError(f"{reason} (log: {log})" if reason else str(error)) from error


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None


def main() -> int:
    """Fetch the jars of the local configuration. Exit status as the error's class says."""
    # A request to end goes the way of Ctrl-C: the JVM ends with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        resolve_jars()
    except LinnaeusError as error:
        print(f"setup: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
