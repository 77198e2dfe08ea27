"""A served model in an environment that MLflow makes for it, of the packages that it names, from the index of pip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from linnaeus.inference.predictor import Predictor
from linnaeus.runtime.package_index import uv_settings
from linnaeus.runtime.served_code import requirements
from linnaeus.runtime.tracking import Tracking
from tests.runtime.test_tracking import BUNDLE, ROWS, as_batch, as_frame, config_in, register

CONSTRAINTS = Path(__file__).parents[2] / "conf" / "constraints.txt"
PIP = (sys.executable, "-m", "pip")
LOADED = """
import json, sys
from importlib.metadata import distributions
import mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
frame = pandas.DataFrame(json.load(sys.stdin))
answers = [model.predict(frame), model.predict(frame[:1]), model.predict(frame[:0])]
there = {one.name.lower(): one.version for one in distributions()}
print(json.dumps([[one.to_dict("list") for one in answers], there]))
"""


def said_by(*command: object, given: str = "", **environment: str) -> str:
    """What a command prints. It is run without what would lead it to this checkout."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MLFLOW"))}
    done = subprocess.run(
        list(map(str, command)), input=given, env=inherited | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.soak
def test_mlflow_serves_a_version_in_an_environment_that_it_makes(tmp_path: Path) -> None:
    tools, place, (asked, answered) = (
        tmp_path / "tools",
        tmp_path / "envs",
        (tmp_path / "in.json", tmp_path / "out.json"),
    )
    said_by(*PIP, "install", "--quiet", "--target", tools, "--constraint", CONSTRAINTS, "uv")
    found = {"PATH": f"{tools / 'bin'}:{os.environ['PATH']}", "UV_CACHE_DIR": str(tmp_path / "cache")}
    environment = uv_settings(PIP, os.environ) | found | {"MLFLOW_ENV_ROOT": str(place)}

    tracking = Tracking(config_in(tmp_path))
    exact = Predictor(tracking.load(register(tracking, BUNDLE, "aa"))).predict(as_batch(ROWS))
    (described,) = (tmp_path / "artifacts").rglob("MLmodel")
    model, mlflow = described.parent, (sys.executable, "-m", "mlflow", "models")
    asked.write_text(json.dumps({"dataframe_split": as_frame(ROWS).to_dict("split")}))
    given = ("-i", asked, "-t", "json", "-o", answered)
    said_by(*mlflow, "predict", "-m", model, "--env-manager=uv", *given, **environment)
    records = json.loads(answered.read_text())["predictions"]
    np.testing.assert_array_equal([one["spam.yes"] for one in records], exact["spam"][:, 1].astype(float))

    said_by(*mlflow, "prepare-env", "-m", model, "--env-manager=uv", **environment)
    (python,) = place.glob("*/bin/python")
    rows = as_frame(ROWS).to_json(orient="records")
    (whole, first, nothing), there = json.loads(said_by(python, "-c", LOADED, model, given=rows, **environment))
    np.testing.assert_array_equal(whole["hate.yes"], exact["hate"][:, 1].astype(float))
    assert first == {name: values[:1] for name, values in whole.items()}
    assert nothing == {name: [] for name in whole}
    assert not {"linnaeus", "pyspark", "nvidia-nccl-cu12"} & there.keys()
    for one in map(Requirement, requirements()):
        if one.marker is None or one.marker.evaluate():
            assert one.specifier.contains(there[one.name])
