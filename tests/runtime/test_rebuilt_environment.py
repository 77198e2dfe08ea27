"""A served model in an environment that MLflow makes for it, of the packages that it names, from the index of pip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from linnaeus.inference.predictor import Predictor
from linnaeus.runtime.served_code import requirements
from linnaeus.runtime.tracking import Tracking
from tests.missing import skip
from tests.runtime.test_tracking import BUNDLE, ROWS, as_batch, as_frame, config_in, register

LOADED = """
import json, sys
import mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
print(json.dumps(model.predict(pandas.DataFrame(json.load(sys.stdin))).to_dict("list")))
"""


def said_by(*command: object, given: str = "", **environment: str) -> str:
    """What a command prints. It is run without what would lead it to this checkout."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MLFLOW"))}
    done = subprocess.run(
        list(map(str, command)),
        input=given,
        env=inherited | environment,
        cwd=environment["MLFLOW_ENV_ROOT"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.soak
def test_mlflow_serves_a_version_in_an_environment_that_it_makes(tmp_path: Path) -> None:
    if shutil.which("pyenv") is None:
        skip("pyenv, which MLflow makes environments by, is not installed")
    tracking = Tracking(config_in(tmp_path))
    exact = Predictor(tracking.load(register(tracking, BUNDLE, "aa"))).predict(as_batch(ROWS))
    (described,) = (tmp_path / "artifacts").rglob("MLmodel")
    asked, answered, place = tmp_path / "asked.json", tmp_path / "answered.json", {"MLFLOW_ENV_ROOT": str(tmp_path)}

    predict = (sys.executable, "-m", "mlflow", "models", "predict", "-m", described.parent, "--env-manager=virtualenv")
    for rows in (ROWS, ROWS[:1], []):
        asked.write_text(json.dumps({"dataframe_split": as_frame(rows).to_dict("split")} if rows else {"inputs": []}))
        if not rows:
            asked.write_text(json.dumps({"dataframe_records": []}))
        said_by(*predict, "-i", asked, "-t", "json", "-o", answered, **place)
        records = json.loads(answered.read_text())["predictions"]
        assert len(records) == len(rows)
        found = [record["spam.yes"] for record in records]
        np.testing.assert_array_equal(found, exact["spam"][: len(rows), 1].astype(float))

    (python,) = tmp_path.glob("envs/*/*/bin/python") or tmp_path.rglob("bin/python")
    answer = json.loads(
        said_by(python, "-c", LOADED, described.parent, given=as_frame(ROWS).to_json(orient="records"), **place)
    )
    np.testing.assert_array_equal(answer["hate.yes"], exact["hate"][:, 1].astype(float))
    there = {
        one["name"].lower(): one["version"]
        for one in json.loads(said_by(python, "-m", "pip", "list", "--format=json", **place))
    }
    assert not {"linnaeus", "pyspark", "nvidia-nccl-cu12"} & there.keys()
    for one in map(Requirement, requirements()):
        if one.marker is None or one.marker.evaluate():
            assert one.specifier.contains(there[one.name])
