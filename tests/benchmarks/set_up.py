"""Set-up from empty caches: `make setup` of fresh clones in empty homes, revision after revision; seconds and bytes.

Fetches what a fresh machine fetches: `python -m tests.benchmarks.set_up 6fc9c45 HEAD`.
What is not committed is left out.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from linnaeus.contracts.config import repository
from tests.benchmarks.support import print_table, timed

ROOT = repository() or Path()
# Of the caller's set-up: where caches are, and what another environment is made from.
DROPPED = ("UV_CACHE_DIR", "XDG_CACHE_HOME", "PIP_CACHE_DIR", "PYTHONPATH", "VIRTUAL_ENV")


def main() -> None:
    """Print a row a revision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revisions", nargs="*", default=["HEAD"])
    parser.add_argument("--python", default=getattr(sys, "_base_executable", sys.executable))
    parser.add_argument("--target", default="setup", help="of make")
    arguments = parser.parse_args()
    rows = []
    for revision in arguments.revisions:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_measure(Path(folder), revision, arguments.target, arguments.python))
    header = ["revision", "seconds", "of processors", "checkout, MB", "home, MB", "both, MB"]
    print_table(f"make {arguments.target} from empty caches", header, rows)


def _measure(folder: Path, revision: str, target: str, python: str) -> list[object]:
    home, checkout = folder / "home", folder / "linnaeus"
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
    subprocess.run(["git", "checkout", "--quiet", _commit(revision)], cwd=checkout, check=True)
    environment = {key: value for key, value in os.environ.items() if key not in DROPPED} | {"HOME": str(home)}
    before = _processor_seconds()
    with timed() as clock:
        subprocess.run(["make", target, f"PYTHON={python}"], cwd=checkout, env=environment, check=True)
    sizes = [f"{_bytes(place) / 1e6:,.0f}" for place in (checkout, home, folder)]
    return [revision, f"{clock.seconds:.0f}", f"{_processor_seconds() - before:.0f}", *sizes]


def _processor_seconds() -> float:
    """Of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _commit(revision: str) -> str:
    done = subprocess.run(["git", "rev-parse", revision], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _bytes(folder: Path) -> int:
    """What a folder takes on the disk. A file that has several names counts once, as for `du`."""
    seen: dict[tuple[int, int], int] = {}
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            found = os.lstat(os.path.join(place, name))
            seen[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(seen.values())


if __name__ == "__main__":
    main()
