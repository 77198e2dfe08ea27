"""MLflow on SQLite and a registry like Unity Catalog's: versions, aliases, bundles that come back as they went in."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from mlflow.tracking import MlflowClient

from jobs import served_model
from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import Calibration, FeatureManifest, ModelBundle
from linnaeus.contracts.config import Config, load_config
from linnaeus.contracts.errors import TrackingError
from linnaeus.inference.predictor import FeatureBatch, Predictor
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION
from linnaeus.runtime.tracking import FINGERPRINT, Tracking, Version
from tests.oracles import FeatureRow, predict_by_hand, random_bundle, random_rows
from tests.patience import PATIENCE
from tests.running.unity_catalog import unity_catalog

MANIFEST = FeatureManifest("mini@1", "tok", dimension=4, statistics=("length", "links"), buckets=16, bigrams=True)
BUNDLE = random_bundle(
    "risk", {"spam": ("no", "yes"), "hate": ("no", "yes")}, MANIFEST, {"spam": Calibration(0.5, -0.75)}, seed=1
)
OTHER = random_bundle("risk", {"spam": ("no", "yes"), "hate": ("no", "yes")}, MANIFEST, seed=2)
MODEL = "tests_risk"
IN_CATALOG = "tests.models.risk"
ROWS = [row for row in random_rows(30, MANIFEST, seed=3) if row[0] is not None]


def config_in(folder: Path, *overrides: str) -> Config:
    own = [
        f"lake.root={folder / 'lake'}",
        f"tracking.uri=sqlite:///{folder / 'db' / 'mlflow.db'}",
        f"tracking.artifacts={folder / 'artifacts'}",
    ]
    return load_config("local", [*own, *overrides])


def as_frame(rows: list[FeatureRow]) -> pd.DataFrame:
    return pd.DataFrame(
        dict(zip((c.EMBEDDING, c.STATISTICS, c.TERMS), map(list, zip(*rows, strict=True)), strict=True))
    )


def as_batch(rows: list[FeatureRow]) -> FeatureBatch:
    return FeatureBatch(
        np.array([row[0] for row in rows], dtype=np.float32),
        np.array([row[1] for row in rows], dtype=np.float32),
        np.array([term for row in rows for term in row[2]], dtype=np.int32),
        np.cumsum([0, *(len(row[2]) for row in rows)]).astype(np.int64),
    )


def register(tracking: Tracking, bundle: ModelBundle, fingerprint: str, model: str = MODEL) -> Version:
    return register_as(tracking, model, bundle, Path(served_model.__file__), fingerprint)


def register_as(
    tracking: Tracking, model: str, bundle: ModelBundle, served_by: Path, fingerprint: str = "aa"
) -> Version:
    rows = random_rows(30, bundle.manifest, seed=3)
    example = [row for row in rows if row[0] is not None and row[2]][:1]
    columns = {
        f"{head}.{name}": probabilities[:, place].astype(float)
        for head, probabilities in Predictor(bundle).predict(as_batch(example)).items()
        for place, name in enumerate(bundle.heads[head].classes)
    }
    return tracking.register(
        model,
        bundle,
        served_by,
        as_frame(example),
        pd.DataFrame(columns),
        params={"booster.rounds": 8},
        metrics={"risk.spam.pr_auc": 0.75},
        tags={FINGERPRINT: fingerprint, "embedder": "mini@1"},
    )


@contextmanager
def mlflow_at(uri: str, registry: str | None = None) -> Iterator[None]:
    """What MLflow asks by itself, in a test, it asks of these."""
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(registry or uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


@pytest.fixture(scope="module", params=["SQLite", "Unity Catalog"])
def config(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """Settings of a tracking server with either registry."""
    place = tmp_path_factory.mktemp("mlflow")
    with ExitStack() as held:
        own = [f"registry.category_model={MODEL}_category", f"registry.risk_model={MODEL}"]
        if request.param == "Unity Catalog":
            held.enter_context(unity_catalog())
            own = ["registry.uri=databricks-uc", "registry.category_model=tests.models.category"]
            own.append(f"registry.risk_model={IN_CATALOG}")
        config = config_in(place, *own)
        held.enter_context(mlflow_at(config.tracking.uri, config.registry.uri))
        yield config


@pytest.fixture(scope="module")
def place(config: Config) -> Path:
    return Path(str(config.tracking.artifacts)).parent


@pytest.fixture(scope="module")
def model(config: Config) -> str:
    return config.registry.risk_model


@pytest.fixture(scope="module")
def tracking(config: Config) -> Tracking:
    return Tracking(config)


@pytest.fixture(scope="module")
def versions(tracking: Tracking, model: str) -> list[Version]:
    """Two versions; the first of its training registered again as the third."""
    made = [(BUNDLE, "aa"), (OTHER, "bb"), (BUNDLE, "aa")]
    return [register(tracking, bundle, fingerprint, model) for bundle, fingerprint in made]


def same(left: ModelBundle, right: ModelBundle) -> bool:
    return left.to_files() == right.to_files()


def test_versions_count_up_and_carry_their_tags(model: str, versions: list[Version]) -> None:
    assert [version.name for version in versions] == [f"{model}/1", f"{model}/2", f"{model}/3"]
    assert versions[0].tags == {FINGERPRINT: "aa", "embedder": "mini@1"}


def test_the_version_of_a_training(tracking: Tracking, model: str, versions: list[Version]) -> None:
    assert tracking.version_of(model, "bb") == versions[1]
    assert tracking.version_of(model, "aa") == versions[2]  # the newest
    assert tracking.version_of(model, "cc") is None
    assert tracking.version_of("tests.models.none", "aa") is None


def test_an_alias_moves(tracking: Tracking, model: str, versions: list[Version]) -> None:
    assert tracking.version_at(model, CHAMPION) is None
    assert tracking.version_at("tests.models.none", CHAMPION) is None
    tracking.point(model, CHAMPION, versions[0])
    tracking.point(model, CANDIDATE, versions[1])
    assert tracking.version_at(model, CHAMPION) == versions[0]
    tracking.point(model, CHAMPION, versions[1])
    assert tracking.version_at(model, CHAMPION) == tracking.version_at(model, CANDIDATE) == versions[1]


def test_a_bundle_comes_back_as_it_went_in(tracking: Tracking, model: str, versions: list[Version]) -> None:
    loaded = [tracking.load(version) for version in versions]
    assert [same(bundle, BUNDLE) for bundle in loaded] == [True, False, True]
    assert same(loaded[1], OTHER)
    assert (loaded[0].family, loaded[0].manifest) == ("risk", MANIFEST)
    assert loaded[0].heads["spam"].calibration == Calibration(0.5, -0.75)


def test_another_process_finds_them(config: Config, model: str, versions: list[Version]) -> None:
    again = Tracking(config)
    found = again.version_of(model, "bb")
    assert found == versions[1]
    assert same(again.load(found), OTHER)


def test_the_run_holds_parameters_and_metrics(tracking: Tracking, model: str, versions: list[Version]) -> None:
    runs = mlflow.search_runs(experiment_names=["linnaeus"], output_format="list")
    assert len(runs) == len(versions)
    assert all(run.data.params == {"booster.rounds": "8"} for run in runs)
    assert all(run.data.metrics == {"risk.spam.pr_auc": 0.75} for run in runs)


def test_no_pickle_lies_anywhere(place: Path, versions: list[Version]) -> None:
    files = [path for path in (place / "artifacts").rglob("*") if path.is_file()]
    assert {"bundle.json", "spam.ubj", "spam.npz", "served_model.py", "MLmodel"} <= {path.name for path in files}
    for path in files:
        assert path.suffix not in {".pkl", ".pickle", ".joblib", ".pt"}, path
        content = path.read_bytes()
        assert not (content.startswith(b"\x80") and content.endswith(b".")), path  # how a pickle begins and ends
        if path.suffix == ".npz":
            np.load(path, allow_pickle=False).close()
    described = next(path for path in files if path.name == "MLmodel").read_text(encoding="utf-8")
    assert re.search(r"model_code_path: .*served_model\.py", described)


def test_the_example_is_nobodys_text(place: Path, versions: list[Version]) -> None:
    examples = [json.loads(path.read_text("utf-8")) for path in (place / "artifacts").rglob("input_example.json")]
    assert len(examples) == len(versions)
    assert all(set(example["columns"]) == {c.EMBEDDING, c.STATISTICS, c.TERMS} for example in examples)


@pytest.mark.parametrize("number", [0, 1])
def test_the_served_model_predicts_as_the_predictor(
    tracking: Tracking, model: str, versions: list[Version], number: int
) -> None:
    bundle = (BUNDLE, OTHER)[number]
    served = mlflow.pyfunc.load_model(f"models:/{versions[number].name}")
    found = served.predict(as_frame(ROWS))
    assert sorted(found.columns) == ["hate.no", "hate.yes", "spam.no", "spam.yes"] and len(found) == len(ROWS)
    exact, by_hand = Predictor(bundle).predict(as_batch(ROWS)), predict_by_hand(bundle, ROWS)
    for head in bundle.heads:
        columns = found[[f"{head}.no", f"{head}.yes"]].to_numpy()
        np.testing.assert_array_equal(columns, exact[head].astype(float))
        np.testing.assert_allclose(columns, by_hand[head], atol=1e-5)


def test_the_served_model_answers_what_it_can_and_says_what_it_cannot(model: str, versions: list[Version]) -> None:
    served = mlflow.pyfunc.load_model(f"models:/{versions[0].name}")
    rows = as_frame(ROWS)
    whole, columns = served.predict(rows), ["hate.no", "hate.yes", "spam.no", "spam.yes"]
    for nothing in (rows[:0], pd.DataFrame(), pd.DataFrame(columns=[c.EMBEDDING])):
        found = served.predict(nothing)
        assert (len(found), list(found.columns)) == (0, columns)
    np.testing.assert_array_equal(served.predict(rows[:1]), whole[:1])
    nulls = pd.DataFrame({name: [None, *rows[name][:1]] for name in rows})
    expected = predict_by_hand(BUNDLE, [(None, [0.0] * MANIFEST.n_statistics, []), ROWS[0]])
    np.testing.assert_allclose(served.predict(nulls)[["spam.no", "spam.yes"]], expected["spam"], atol=1e-5)
    np.testing.assert_array_equal(served.predict(nulls[:1]), served.predict(nulls)[:1])
    with pytest.raises(MlflowException, match="there is no column terms"):
        served.predict(rows.drop(columns=c.TERMS))
    with pytest.raises(MlflowException, match="a vector of length 3; 4 expected"):
        served.predict(rows.assign(**{c.EMBEDDING: [[0.5] * 3] * len(rows)}))


def test_the_served_model_answers_over_http(versions: list[Version]) -> None:
    served = mlflow.pyfunc.load_model(f"models:/{versions[0].name}")

    def answered(asked: object) -> Any:
        schema = served.metadata.get_input_schema()
        found = scoring_server.invocations(json.dumps(asked), "application/json", served, schema)
        assert found.status == 200
        return json.loads(found.response)["predictions"]

    (row, *_) = as_frame(ROWS).to_dict("records")
    (alone,) = answered({"dataframe_records": [row]})
    chances = Predictor(BUNDLE).predict(as_batch(ROWS[:1]))["spam"][0, 1]
    assert alone["spam.yes"] == float(chances)
    assert answered({"dataframe_records": []}) == answered({"dataframe_split": {"columns": [], "data": []}}) == []
    bare = answered({"dataframe_records": [dict.fromkeys(row), row]})
    assert len(bare) == 2 and bare[1] == alone
    with pytest.raises(MlflowException, match="there is no column embedding") as error:
        answered({"dataframe_records": [{name: row[name] for name in (c.STATISTICS, c.TERMS)}]})
    assert error.value.get_http_status_code() == 400


def test_an_alias_serves_too(tracking: Tracking, model: str, versions: list[Version]) -> None:
    tracking.point(model, "served", versions[1])
    served = mlflow.pyfunc.load_model(f"models:/{model}@served")
    chances = served.predict(as_frame(ROWS[:3]))["spam.yes"]
    np.testing.assert_array_equal(chances, Predictor(OTHER).predict(as_batch(ROWS[:3]))["spam"][:, 1].astype(float))


def the_line(error: pytest.ExceptionInfo[TrackingError]) -> str:
    line = str(error.value)
    assert "\n" not in line and len(line) < 600
    return line


def test_a_server_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    nobody = "http://127.0.0.1:9"
    clock = time.monotonic()
    with pytest.raises(TrackingError) as error:
        Tracking(config_in(tmp_path, f"tracking.uri={nobody}"))
    assert the_line(error).startswith(f"MLflow at {nobody}: ")
    tracking = Tracking(config_in(tmp_path))
    tracking._client = MlflowClient(tracking_uri=nobody, registry_uri=nobody)  # and one that is lost later
    version = Version(MODEL, "1", {}, run_id="1")
    for attempt in (
        lambda: tracking.version_at(MODEL, CHAMPION),
        lambda: tracking.version_of(MODEL, "aa"),
        lambda: tracking.point(MODEL, CHAMPION, version),
        lambda: tracking.load(version),
        lambda: tracking.attach(version, "page.html", "<p>"),
        lambda: register(tracking, BUNDLE, "aa"),
    ):
        with pytest.raises(TrackingError) as error:
            attempt()
        line = the_line(error)
        assert "127.0.0.1" in line and line.endswith("run the job again, which goes on from what is there")
    assert time.monotonic() - clock < PATIENCE, "each call was tried again and again"


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "mlflow.db").write_text("no database " * 1000)
    with pytest.raises(TrackingError) as error:
        Tracking(config_in(tmp_path)).version_at(MODEL, CHAMPION)
    assert the_line(error).startswith("MLflow at sqlite:///")


def test_artifacts_that_are_gone(tmp_path: Path) -> None:
    tracking = Tracking(config_in(tmp_path))
    version = register(tracking, BUNDLE, "aa")
    (file,) = (tmp_path / "artifacts").rglob("artifacts/bundle/spam.npz")
    whole = file.read_bytes()
    for left in (whole[: len(whole) // 2], b"", None):
        file.write_bytes(left) if left is not None else file.unlink()
        with pytest.raises(TrackingError) as error:
            tracking.load(version)
        assert f"{version.name} can't be used, its files are not whole" in the_line(error)
    file.write_bytes(whole)
    tracking.load(version)
    for path in (tmp_path / "artifacts").rglob("bundle.json"):
        path.unlink()
    with pytest.raises(TrackingError) as error:
        tracking.load(version)
    assert f"{version.name} can't be used, it has no bundle.json; delete the version" in the_line(error)


def test_a_version_that_is_not_ready_counts_for_none(
    tracking: Tracking, model: str, versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unity Catalog makes a version, takes its files and only then calls it ready: a death in between leaves it."""
    monkeypatch.setattr(ModelVersion, "status", "PENDING_REGISTRATION")
    assert tracking.version_of(model, "bb") is None


@pytest.mark.parametrize(
    "number", ["", "0", "01", "+1", "-1", " 1", "1.0", "1e0", "\u0661", "\uff11", "one", "1\n", "9" * 10]
)
def test_a_text_that_is_no_number_names_no_version(
    tracking: Tracking, model: str, versions: list[Version], number: str
) -> None:
    assert tracking.version(model, number) is None
    assert tracking.version(model, "1") == versions[0]


def test_a_search_that_loses_the_server_says_so_and_leaves_no_run_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise MlflowException("connection refused")

    config = config_in(tmp_path)
    tracking = Tracking(config)
    for call in ("create_run", "search_runs", "log_batch", "set_terminated"):
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, call, lost)
            with (
                pytest.raises(TrackingError, match="connection refused; see"),
                tracking.search("search", f"study {call}") as log,
            ):
                log("trial 0", {"depth": 3}, {"loss": 0.5})
    client = MlflowClient(tracking_uri=config.tracking.uri)
    experiment = client.get_experiment_by_name(config.tracking.experiment).experiment_id
    states = {run.data.tags.get("study", "a trial"): run.info.status for run in client.search_runs([experiment])}
    assert states["study log_batch"] == "FAILED" and states["study set_terminated"] == "RUNNING"
    with pytest.raises(ZeroDivisionError), tracking.search("search", "study"):
        _ = 1 / 0  # what goes wrong in a search is not the server's
    with tracking.search("search", "study") as log:
        log("trial 0", {"depth": 3}, {"loss": 0.5})
    runs = client.search_runs([experiment], "tags.study = 'study'")
    assert [run.info.status for run in runs] == ["FINISHED"], "the run that failed is gone on with"
