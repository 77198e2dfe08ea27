"""The code that goes along with a model: all that it needs, under a name of its own, and packages that indexes have."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from jobs import served_model
from linnaeus.inference.predictor import Predictor
from linnaeus.runtime.served_code import PACKAGES, requirements, write_code
from linnaeus.runtime.tracking import Tracking
from tests.runtime.test_tracking import BUNDLE, ROWS, as_batch, as_frame, config_in, register

SERVED_BY = Path(served_model.__file__)
# Answers a frame where neither linnaeus nor Spark can be imported, before and after the model is loaded.
ALONE = """
import json, sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"linnaeus", "jobs", "pyspark", "pydantic_settings"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nowhere())
import mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
frame = pandas.DataFrame(json.load(sys.stdin))
print(json.dumps([model.predict(frame).to_dict("list"), model.predict(frame[:0]).to_dict("list")]))
print(json.dumps(sorted(name for name in sys.modules if name.startswith("linnaeus"))), file=sys.stderr)
"""


def top_levels(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None and node.level == 0
            found.add(node.module.partition(".")[0])
    return found


def test_what_goes_along_is_what_the_model_needs(tmp_path: Path) -> None:
    entry, package = write_code(SERVED_BY, tmp_path)
    assert re.fullmatch(r"linnaeus_served_[0-9a-f]{12}", package.name)
    modules = {str(path.relative_to(package)) for path in package.rglob("*.py") if path.name != "__init__.py"}
    assert modules == {
        f"{name}.py"
        for name in (
            "contracts/bundle",
            "contracts/columns",
            "contracts/errors",
            "contracts/fingerprints",
            "contracts/lexical",
            "contracts/logistic",
            "inference/frames",
            "inference/predictor",
        )
    }
    imported = set.union(*map(top_levels, [entry, *package.rglob("*.py")]))
    assert imported - sys.stdlib_module_names == {*PACKAGES, "xgboost", package.name}
    assert all(path.read_text() == "" for path in package.rglob("__init__.py"))


def test_the_name_follows_from_the_code_alone(tmp_path: Path) -> None:
    names = {write_code(SERVED_BY, tmp_path / str(number))[1].name for number in range(2)}
    assert len(names) == 1
    other = tmp_path / "other_model.py"
    other.write_text("from linnaeus.contracts import errors\nimport linnaeus.contracts.columns as c\n")
    entry, package = write_code(other, tmp_path / "other")
    assert package.name not in names
    own = package.name
    assert entry.read_text() == f"from {own}.contracts import errors\nimport {own}.contracts.columns as c\n"


def test_every_requirement_is_pinned_and_is_a_package_that_indexes_have() -> None:
    made = [Requirement(one) for one in requirements()]
    assert {one.name for one in made} == {*PACKAGES, "xgboost", "xgboost-cpu"}
    for one in made:
        (pin,) = one.specifier
        assert pin.operator == "==" and "+" not in pin.version and "*" not in pin.version
    for platform, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")):
        where = {"sys_platform": platform, "platform_machine": machine}
        boosters = [one.name for one in made if one.name.startswith("xgboost") and one.marker.evaluate(where)]  # type: ignore[union-attr]
        assert boosters == ["xgboost-cpu" if (platform, machine) == ("linux", "x86_64") else "xgboost"]


def test_a_version_is_served_where_linnaeus_is_not(tmp_path: Path) -> None:
    tracking = Tracking(config_in(tmp_path))
    version = register(tracking, BUNDLE, "aa")
    (described,) = (tmp_path / "artifacts").rglob("MLmodel")
    model = described.parent
    asked = [path.read_text() for path in model.iterdir() if path.suffix in {".txt", ".yaml"}]
    assert len(asked) == 3 and not any(re.search(r"\blinnaeus\b", one) for one in asked)
    assert not list(model.rglob("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(model)],
        input=as_frame(ROWS).to_json(orient="records"),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    answer, nothing = json.loads(done.stdout.splitlines()[-1])
    for head, exact in Predictor(tracking.load(version)).predict(as_batch(ROWS)).items():
        np.testing.assert_array_equal(answer[f"{head}.yes"], exact[:, 1].astype(float))
    assert nothing == {name: [] for name in answer}
    (package,) = {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
    assert package.startswith("linnaeus_served_")


@pytest.mark.parametrize("version", ["3.2.0", "2.1.0+cpu", "1.26.4"])
def test_a_build_of_ones_own_is_pinned_to_what_indexes_have(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linnaeus.runtime.served_code.version", lambda _: version)
    assert f"numpy=={version.partition('+')[0]}" in requirements()
