"""Spark's jars, fetched once: Ivy, which Spark brings along, resolves the coordinates of the configuration.

The jars stay in Ivy's cache, and Spark finds them there: nothing is copied. A file in the Ivy folder lists them below a
hash of the coordinates. While the hash agrees, set-up does nothing and a session starts without a resolution.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from linnaeus.contracts.config import Config, conf_folder, load_config, resolve
from linnaeus.contracts.errors import LinnaeusError, SetupError
from linnaeus.runtime.assets import disk_errors
from linnaeus.runtime.bootstrap import FULL_BYTES
from linnaeus.runtime.files import write_whole
from linnaeus.runtime.machine import BootstrapError, find_java
from linnaeus.runtime.package_index import DISK_SIGNS

LIST = "linnaeus-jars.txt"
LOG = "jars.log"
IVY_SETTINGS = "spark.jars.ivySettings"
DRIVER_OPTIONS = "spark.driver.extraJavaOptions"
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
    "UNRESOLVED DEPENDENCIES",
)
# What Spark's own resolution leaves out as well: these are Spark.
_PARTS_OF_SPARK = (
    "catalyst common-utils core graphx kvstore launcher mllib mllib-local network-common network-shuffle repl sketch "
    "sql sql-api streaming tags unsafe"
).split()
_ALWAYS_EXCLUDED = ("*:scala-library", *(f"org.apache.spark:spark-{part}_*" for part in _PARTS_OF_SPARK))


def resolve_jars(config: Config | None = None) -> Path:
    """Fill the Ivy folder of the configuration (that of `local` where none is given), and return it.

    Raises SetupError in one line where Maven Central can't be reached, the disk is full, or Java does not start.
    """
    config = config or load_config("local")
    folder = resolve(config.spark.ivy_folder)
    if config.spark.master is None or resolved_jars(config) is not None:
        return folder
    with disk_errors(folder):
        (folder / LIST).unlink(missing_ok=True)
        shutil.rmtree(folder / "jars", ignore_errors=True)  # Spark's copies of an earlier resolution
        folder.mkdir(parents=True, exist_ok=True)
        jars = _resolve(config, folder)
        for jar in jars:
            drop_debug_symbols(jar)
        names = [os.path.relpath(jar, folder) for jar in jars]
        write_whole(folder / LIST, "\n".join([coordinates_hash(config), *names]) + "\n")
    return folder


def resolved_jars(config: Config) -> list[Path] | None:
    """The jars of these coordinates as set-up resolved them; None where it did not, or where a jar is gone."""
    folder = resolve(config.spark.ivy_folder)
    lines = (_read(folder / LIST) or "").splitlines()
    if not lines or lines[0] != coordinates_hash(config):
        return None
    jars = [folder / name for name in lines[1:]]
    return jars if all(jar.is_file() for jar in jars) else None


def coordinates_hash(config: Config) -> str:
    """A hash of what decides which jars come, and from where."""
    lines = [*config.spark.packages, "without", *config.spark.excludes]
    return hashlib.sha256("\n".join([*lines, _settings(config).read_text(encoding="utf-8")]).encode()).hexdigest()


def explain(output: str) -> str | None:
    """One line for what Ivy says it lacked, or None where it says neither. A full disk makes it say both."""
    if any(sign in output for sign in DISK_SIGNS):
        return "the jars did not fit: the disk is full; free some space and run `make setup` again"
    if any(sign in output for sign in NETWORK_SIGNS):
        return "Maven Central can't be reached for Spark's jars; check the network and run `make setup` again"
    return None


def drop_debug_symbols(jar: Path) -> None:
    """Take debug symbols out of a jar, which no program loads: of onnxruntime's 94 MB they are 63.

    The jar is replaced whole. All else in it stays as it is, libraries for other systems too.
    """
    with zipfile.ZipFile(jar) as whole:
        kept = [entry for entry in whole.infolist() if not _is_debug_symbol(entry.filename)]
        if len(kept) == len(whole.infolist()):
            return
        unfinished = jar.with_name(f"{jar.name}.{os.getpid()}.tmp")
        try:
            with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as smaller:
                for entry in kept:
                    smaller.writestr(entry, whole.read(entry))
            os.replace(unfinished, jar)
        finally:
            unfinished.unlink(missing_ok=True)


def _is_debug_symbol(name: str) -> bool:
    return name.endswith(".pdb") or ".dSYM/" in name


def _settings(config: Config) -> Path:
    return Path(config.spark.extra.get(IVY_SETTINGS, conf_folder() / "ivysettings.xml"))


def _resolve(config: Config, folder: Path) -> list[Path]:
    """Have Ivy fetch what is missing in its cache, and return the jars there."""
    module, found = folder / "linnaeus-ivy.xml", folder / "linnaeus-ivy.found"
    module.write_text(_ivy_module(config.spark.packages, config.spark.excludes), encoding="utf-8")
    options = shlex.split(config.spark.extra.get(DRIVER_OPTIONS, ""))  # a proxy, say
    command = [_java(), *options, "-cp", _class_path_of_ivy(), "org.apache.ivy.Main"]
    command += ["-settings", str(_settings(config)), "-cache", str(folder / "cache"), "-ivy", str(module)]
    command += ["-confs", "default", "-cachepath", str(found)]
    try:
        _run(command, folder.parent / LOG)
        return [Path(jar) for jar in found.read_text(encoding="utf-8").strip().split(os.pathsep) if jar]
    finally:
        for file in (module, found):
            file.unlink(missing_ok=True)


def _ivy_module(packages: Sequence[str], excludes: Sequence[str]) -> str:
    """An Ivy file that asks for coordinates (group:artifact:version) without others (group:artifact, * for any)."""
    root = ElementTree.Element("ivy-module", version="2.0")
    ElementTree.SubElement(root, "info", organisation="linnaeus", module="jars")
    ElementTree.SubElement(ElementTree.SubElement(root, "configurations"), "conf", name="default")
    wanted = ElementTree.SubElement(root, "dependencies")
    for package in packages:
        group, artifact, version = package.split(":")
        ElementTree.SubElement(wanted, "dependency", org=group, name=artifact, rev=version, conf="default->default")
    for exclude in (*_ALWAYS_EXCLUDED, *excludes):
        group, artifact = exclude.split(":")
        ElementTree.SubElement(wanted, "exclude", org=group, module=artifact, matcher="glob")
    return str(ElementTree.tostring(root, encoding="unicode"))


def _java() -> str:
    try:
        return find_java()[0]
    except BootstrapError as error:
        raise SetupError(str(error)) from error


def _class_path_of_ivy() -> str:
    """Ivy and what its glob patterns need, out of Spark's own jars. Spark itself is not loaded."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SetupError("pyspark is not installed, which brings Ivy; run `make setup`")
    jars = Path(spec.origin).parent / "jars"
    return os.pathsep.join(str(jar) for name in ("ivy", "oro") for jar in jars.glob(f"{name}-*.jar"))


def _run(command: Sequence[str], log: Path) -> None:
    """Run Ivy with its output in the log. Raises SetupError in one line; an interruption ends it too."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if status != 0:
        output = log.read_text(encoding="utf-8", errors="replace")
        if shutil.disk_usage(log.parent).free < FULL_BYTES:
            output += DISK_SIGNS[0]  # the log is on the full disk as well
        last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no message")
        raise SetupError(f"{explain(output) or f'Ivy did not resolve the jars: {last[:300]}'} (log: {log})")


def _read(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return None


def main() -> int:
    """Fetch the jars of the local configuration. Exit status as the error's class says."""
    # A request to end goes the way of Ctrl-C: Ivy ends with us.
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
