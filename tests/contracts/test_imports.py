"""Who may import whom: the house's rules, read off the code itself."""

from __future__ import annotations

import ast
import functools
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
    "written_ids",
    "unspaced",
    "fingerprints",
    "schemas",
    "tables",
    "run_settings",
    "strict_yaml",
    "legible",
    "hosts",
    "config",
    "lexical",
    "logistic",
    "bundle",
    "hashed_ids",
)
EFFECTS = ("SparkSession.builder", ".getOrCreate", ".write.", ".saveAsTable", "spark.read", "import mlflow")


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """Dotted names of every module that a file imports, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return frozenset(found)


def package(path: Path) -> str:
    """`bronze` of libs/linnaeus/bronze/clean.py."""
    return path.relative_to(LIBS).parts[0]


FACADE = "suite"  # what notebooks use: it imports everything, jobs too, and nothing imports it


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBS)))
def test_a_package_imports_itself_and_contracts_alone(path: Path) -> None:
    if package(path) == FACADE:
        return
    allowed = {package(path), "contracts"}
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("linnaeus.")}
    # linnaeus.conf holds the packaged settings: data, no code.
    ours -= {FACADE} if path == LIBS / "__init__.py" else set()  # `from linnaeus import Suite`, when it is asked for
    assert ours - {"conf"} <= allowed
    assert not {name for name in imports(path) if name == "jobs" or name.startswith("jobs.")}
    assert "TYPE_CHECKING" not in path.read_text(encoding="utf-8")


@functools.cache
def names_at_the_top(path: Path) -> frozenset[str]:
    """Modules that a module imports as soon as it is imported itself: not those inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    later = {id(node) for function in functions for node in ast.walk(function)}
    at_once = [node for node in ast.walk(tree) if id(node) not in later]
    found = {alias.name for node in at_once if isinstance(node, ast.Import) for alias in node.names}
    return frozenset(found | {node.module for node in at_once if isinstance(node, ast.ImportFrom) and node.module})


@pytest.mark.parametrize("path", [*MODULES, *JOBS], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_imports_the_facade_and_the_facade_no_job_before_it_is_asked(path: Path) -> None:
    is_of_facade = path.is_relative_to(LIBS / FACADE)
    at_once = {name.split(".")[0] for name in names_at_the_top(path)}
    if is_of_facade or path == LIBS / "__init__.py":
        assert "jobs" not in at_once
        return
    assert not [name for name in imports(path) if name.startswith((f"linnaeus.{FACADE}", "linnaeus.Suite"))]


def test_contracts_import_only_what_stands_before_them() -> None:
    for path in (LIBS / "contracts").glob("*.py"):
        if path.stem == "__init__":
            continue
        used = {name.split(".")[2] for name in imports(path) if name.startswith("linnaeus.contracts.")}
        before = set(CONTRACTS_ORDER[: CONTRACTS_ORDER.index(path.stem)]) | set(CONTRACTS_ORDER[:3])
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


def test_the_package_itself_imports_nothing_at_once() -> None:
    assert names_at_the_top(LIBS / "__init__.py") == {"__future__", "typing"}


def test_there_is_no_cycle() -> None:
    names = {".".join(path.relative_to(ROOT / "libs").with_suffix("").parts): path for path in MODULES}
    graph = {name: {other for other in imports(path) if other in names} for name, path in names.items()}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) >= len(names)
