"""The Python package index as pip and uv see it: what their failures mean, and pip's settings as uv's.

Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

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
    # uv's own
    "error sending request",
    "Failed to fetch",
    "Failed to download",
    "there is no version of",
    "was not found in the package registry",
)
DISK_SIGNS = ("No space left on device", "Errno 28", "os error 28", "Disk quota exceeded")

_SECTIONS = ("global", "install", ":env:")  # the later ones win, as in pip
_LISTS = {"extra-index-url": ("UV_INDEX", " "), "trusted-host": ("UV_INSECURE_HOST", " ")}
_PLAIN = {
    "index-url": "UV_DEFAULT_INDEX",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
}


def explain(output: str, log: Path | None = None) -> str:
    """One line out of what pip or uv printed: no network, a full disk, or their own last error."""
    named = f" (log: {log})" if log else ""
    # A full disk first: pip may go on to say that it found nothing to install.
    if any(sign in output for sign in DISK_SIGNS):
        return f"the disk is full; free some space and run `make setup` again{named}"
    if is_unreachable(output):
        return f"the Python package index can't be reached or lacks a file; check the network and run it again{named}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "error:", "Error:", "cause:"))]
    last = (errors or lines or ["no message"])[-1]
    return f"{re.sub('^(error|cause): *', '', last, flags=re.IGNORECASE)}{named}"


def is_unreachable(output: str) -> bool:
    """Whether pip or uv ended because the index could not be reached, or lacks what was asked for."""
    return any(sign in output for sign in NETWORK_SIGNS)


def uv_settings(pip: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables by which uv uses the same index as pip does here: its files and variables are read.

    `pip` is the command. What the environment says to uv itself goes before. Empty where pip does not answer.
    """
    done = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, env=dict(environment), check=False)
    found: dict[str, str] = {}
    for section in _SECTIONS:
        found |= _of_section(done.stdout, section)
    settings = {uv: found[name] for name, uv in _PLAIN.items() if name in found}
    settings |= {uv: sign.join(found[name].split()) for name, (uv, sign) in _LISTS.items() if name in found}
    # uv refuses a folder that is not there, which pip passes over.
    places = [one for one in found.get("find-links", "").split() if "://" in one or Path(one).exists()]
    if places:
        settings["UV_FIND_LINKS"] = ",".join(places)
    if found.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        settings["UV_NO_INDEX"] = "1"
    return {name: value for name, value in settings.items() if name not in environment}


def user_cache() -> Path:
    """Where uv keeps what it has fetched, for all that the user installs."""
    of_the_user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("UV_CACHE_DIR") or of_the_user / "uv")


def _of_section(text: str, section: str) -> dict[str, str]:
    """The settings of a section, from lines such as `global.index-url='https://…'`."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.startswith(f"{section}."):
            found[name.removeprefix(f"{section}.")] = str(ast.literal_eval(value))
    return found
