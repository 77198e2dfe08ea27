"""Who may import whom: the house's rules, read off the code itself."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBS = ROOT / "libs" / "linnaeus"
MODULES = sorted(LIBS.rglob("*.py"))
JOBS = sorted((ROOT / "jobs").glob("*.py"))
# Inside contracts: a module may import those that stand before it.
CONTRACTS_ORDER = (
    "errors",
    "columns",
    "schemas",
    "tables",
    "run_settings",
    "config",
    "lexical",
    "logistic",
    "bundle",
    "hashed_ids",
)
EFFECTS = ("SparkSession.builder", ".getOrCreate", ".write.", ".saveAsTable", "spark.read", "import mlflow")


def imports(path: Path) -> set[str]:
    """Dotted names of every module that a file imports, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def package(path: Path) -> str:
    """`bronze` of libs/linnaeus/bronze/clean.py."""
    return path.relative_to(LIBS).parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBS)))
def test_a_package_imports_itself_and_contracts_alone(path: Path) -> None:
    allowed = {package(path), "contracts"}
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("linnaeus.")}
    # linnaeus.conf holds the packaged settings: data, no code.
    assert ours - {"conf"} <= allowed
    assert not {name for name in imports(path) if name == "jobs" or name.startswith("jobs.")}
    assert "TYPE_CHECKING" not in path.read_text(encoding="utf-8")


def test_contracts_import_only_what_stands_before_them() -> None:
    for path in (LIBS / "contracts").glob("*.py"):
        if path.stem == "__init__":
            continue
        used = {name.split(".")[2] for name in imports(path) if name.startswith("linnaeus.contracts.")}
        before = set(CONTRACTS_ORDER[: CONTRACTS_ORDER.index(path.stem)]) | set(CONTRACTS_ORDER[:2])
        assert used & set(CONTRACTS_ORDER) <= before, path.stem


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBS)))
def test_effects_are_in_runtime_alone(path: Path) -> None:
    if package(path) == "runtime":
        return
    text = path.read_text(encoding="utf-8")
    assert not [effect for effect in EFFECTS if effect in text]


def test_only_the_served_model_speaks_to_mlflow_among_the_jobs() -> None:
    with_mlflow = {path.name for path in JOBS if any(name.split(".")[0] == "mlflow" for name in imports(path))}
    assert with_mlflow == {"served_model.py"}


def test_there_is_no_cycle() -> None:
    names = {".".join(path.relative_to(ROOT / "libs").with_suffix("").parts): path for path in MODULES}
    graph = {name: {other for other in imports(path) if other in names} for name, path in names.items()}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) >= len(names)
