"""What a served model needs to run where linnaeus is not installed: its own modules as files, and pinned packages.

No package index has linnaeus, so a requirement of that name would let anybody who registers it run code wherever the
model is served. The modules go along instead, under a name of their own: loading a model never takes the place of the
linnaeus that is installed, and models of different code stand beside each other in one process.
"""

from __future__ import annotations

import ast
import hashlib
import re
from importlib.metadata import version
from pathlib import Path

import xgboost

_PACKAGE = "linnaeus"
_ROOT = Path(__file__).resolve().parents[1]
# What the modules that go along import, beside xgboost; a test holds the two together.
PACKAGES = ("mlflow", "numpy", "pandas", "pyarrow", "scipy")
_IS_BUILT_FOR = 'sys_platform == "linux" and platform_machine == "x86_64"'
_IS_NOT_BUILT_FOR = 'sys_platform != "linux" or platform_machine != "x86_64"'
_IMPORT = re.compile(rf"^(\s*(?:from|import)\s+){_PACKAGE}(?=[.\s])", re.MULTILINE)


def requirements() -> list[str]:
    """Give the packages that a served model is run by, each at the version that is installed here."""
    pinned = [f"{name}=={version(name).partition('+')[0]}" for name in PACKAGES]  # no index has `2.1+local`
    # The same code as the package xgboost, without the 700 MB that a GPU needs; it is built for these machines alone.
    booster = xgboost.__version__
    return [*pinned, f"xgboost-cpu=={booster}; {_IS_BUILT_FOR}", f"xgboost=={booster}; {_IS_NOT_BUILT_FOR}"]


def write_code(entry: Path, folder: Path) -> tuple[Path, Path]:
    """Write a file and all of linnaeus that it imports below a folder: the file, and the package beside it.

    The package's name ends in a fingerprint of its files.
    """
    files = {path: path.read_text(encoding="utf-8") for path in _needed(entry)}
    digest = hashlib.sha256("".join(files[path] for path in sorted(files)).encode()).hexdigest()[:12]
    own = f"{_PACKAGE}_served_{digest}"
    package = folder / own
    for path, text in files.items():
        target = package / path.relative_to(_ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_renamed(text, own), encoding="utf-8")
    for place in {package, *(path.parent for path in package.rglob("*.py"))}:
        (place / "__init__.py").write_text("", encoding="utf-8")  # those of the original do more than a model needs
    written = folder / entry.name
    written.write_text(_renamed(entry.read_text(encoding="utf-8"), own), encoding="utf-8")
    return written, package


def _renamed(text: str, own: str) -> str:
    return _IMPORT.sub(rf"\g<1>{own}", text)


def _needed(entry: Path) -> set[Path]:
    """Modules of linnaeus that a file imports, and those that these import."""
    found: set[Path] = set()
    waiting = _imported(entry)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting |= _imported(path)
    return found


def _imported(path: Path) -> set[Path]:
    """Modules of linnaeus that a file names in an import."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in names]
    paths = {_ROOT.joinpath(*own[1:]).with_suffix(".py") for own in parts if own[0] == _PACKAGE and len(own) > 1}
    return {path for path in paths if path.is_file()}
