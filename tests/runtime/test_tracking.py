"""MLflow on SQLite: versions, aliases, and bundles that come back as they went in."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
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

MANIFEST = FeatureManifest("mini@1", "tok", dimension=4, statistics=("length", "links"), buckets=16, bigrams=True)
BUNDLE = random_bundle(
    "risk", {"spam": ("no", "yes"), "hate": ("no", "yes")}, MANIFEST, {"spam": Calibration(0.5, -0.75)}, seed=1
)
OTHER = random_bundle("risk", {"spam": ("no", "yes"), "hate": ("no", "yes")}, MANIFEST, seed=2)
MODEL = "tests_risk"
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


def register(tracking: Tracking, bundle: ModelBundle, fingerprint: str) -> Version:
    return register_as(tracking, MODEL, bundle, Path(served_model.__file__), fingerprint)


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


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    before = mlflow.get_tracking_uri()
    yield tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def tracking(place: Path) -> Tracking:
    return Tracking(config_in(place))


@pytest.fixture(scope="module")
def versions(tracking: Tracking) -> list[Version]:
    """Two versions; the first of its training registered again as the third."""
    return [register(tracking, BUNDLE, "aa"), register(tracking, OTHER, "bb"), register(tracking, BUNDLE, "aa")]


def same(left: ModelBundle, right: ModelBundle) -> bool:
    return left.to_files() == right.to_files()


def test_versions_count_up_and_carry_their_tags(versions: list[Version]) -> None:
    assert [version.name for version in versions] == [f"{MODEL}/1", f"{MODEL}/2", f"{MODEL}/3"]
    assert versions[0].tags == {FINGERPRINT: "aa", "embedder": "mini@1"}


def test_the_version_of_a_training(tracking: Tracking, versions: list[Version]) -> None:
    assert tracking.version_of(MODEL, "bb") == versions[1]
    assert tracking.version_of(MODEL, "aa") == versions[2]  # the newest
    assert tracking.version_of(MODEL, "cc") is None
    assert tracking.version_of("no such model", "aa") is None


def test_an_alias_moves(tracking: Tracking, versions: list[Version]) -> None:
    assert tracking.version_at(MODEL, CHAMPION) is None
    assert tracking.version_at("no such model", CHAMPION) is None
    tracking.point(MODEL, CHAMPION, versions[0])
    tracking.point(MODEL, CANDIDATE, versions[1])
    assert tracking.version_at(MODEL, CHAMPION) == versions[0]
    tracking.point(MODEL, CHAMPION, versions[1])
    assert tracking.version_at(MODEL, CHAMPION) == tracking.version_at(MODEL, CANDIDATE) == versions[1]


def test_a_bundle_comes_back_as_it_went_in(tracking: Tracking, versions: list[Version]) -> None:
    loaded = [tracking.load(version) for version in versions]
    assert [same(bundle, BUNDLE) for bundle in loaded] == [True, False, True]
    assert same(loaded[1], OTHER)
    assert (loaded[0].family, loaded[0].manifest) == ("risk", MANIFEST)
    assert loaded[0].heads["spam"].calibration == Calibration(0.5, -0.75)


def test_another_process_finds_them(place: Path, versions: list[Version]) -> None:
    again = Tracking(config_in(place))
    found = again.version_of(MODEL, "bb")
    assert found == versions[1]
    assert same(again.load(found), OTHER)


def test_the_run_holds_parameters_and_metrics(tracking: Tracking, versions: list[Version]) -> None:
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
def test_the_served_model_predicts_as_the_predictor(tracking: Tracking, versions: list[Version], number: int) -> None:
    bundle = (BUNDLE, OTHER)[number]
    served = mlflow.pyfunc.load_model(f"models:/{versions[number].name}")
    found = served.predict(as_frame(ROWS))
    assert sorted(found.columns) == ["hate.no", "hate.yes", "spam.no", "spam.yes"] and len(found) == len(ROWS)
    exact, by_hand = Predictor(bundle).predict(as_batch(ROWS)), predict_by_hand(bundle, ROWS)
    for head in bundle.heads:
        columns = found[[f"{head}.no", f"{head}.yes"]].to_numpy()
        np.testing.assert_array_equal(columns, exact[head].astype(float))
        np.testing.assert_allclose(columns, by_hand[head], atol=1e-5)


def test_an_alias_serves_too(tracking: Tracking, versions: list[Version]) -> None:
    tracking.point(MODEL, "served", versions[1])
    served = mlflow.pyfunc.load_model(f"models:/{MODEL}@served")
    chances = served.predict(as_frame(ROWS[:3]))["spam.yes"]
    np.testing.assert_array_equal(chances, Predictor(OTHER).predict(as_batch(ROWS[:3]))["spam"][:, 1].astype(float))


def the_line(error: pytest.ExceptionInfo[TrackingError]) -> str:
    line = str(error.value)
    assert "\n" not in line and len(line) < 600
    return line


def test_a_server_that_does_not_answer(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    before = mlflow.get_tracking_uri()
    clock = time.monotonic()
    try:
        with pytest.raises(TrackingError) as error:
            Tracking(config_in(tmp_path, "tracking.uri=http://127.0.0.1:9"))
        assert the_line(error).startswith("MLflow at http://127.0.0.1:9: ")
        tracking = Tracking(config_in(tmp_path))
        mlflow.set_tracking_uri("http://127.0.0.1:9")  # and one that is lost later
        mlflow.set_registry_uri("http://127.0.0.1:9")
        tracking._client = mlflow.MlflowClient()
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
    finally:
        mlflow.set_tracking_uri(before)
        mlflow.set_registry_uri(before)
    assert time.monotonic() - clock < PATIENCE, "each call was tried again and again"


def test_a_database_that_is_none(place: Path, tmp_path: Path) -> None:
    before = mlflow.get_tracking_uri()
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "mlflow.db").write_text("no database " * 1000)
    try:
        with pytest.raises(TrackingError) as error:
            Tracking(config_in(tmp_path)).version_at(MODEL, CHAMPION)
        assert the_line(error).startswith("MLflow at sqlite:///")
    finally:
        mlflow.set_tracking_uri(before)
        mlflow.set_registry_uri(before)


def test_artifacts_that_are_gone(place: Path, tmp_path: Path) -> None:
    before = mlflow.get_tracking_uri()
    try:
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
    finally:
        mlflow.set_tracking_uri(before)
        mlflow.set_registry_uri(before)


def test_a_version_that_is_not_ready_counts_for_none(
    tracking: Tracking, versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unity Catalog makes a version, takes its files and only then calls it ready: a death in between leaves it."""
    monkeypatch.setattr(ModelVersion, "status", "PENDING_REGISTRATION")
    assert tracking.version_of(MODEL, "bb") is None


def test_a_search_that_loses_the_server_says_so_and_leaves_no_run_open(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise MlflowException("connection refused")

    before = mlflow.get_tracking_uri()
    try:
        tracking = Tracking(config_in(tmp_path))
        for call in ("create_run", "set_tag", "log_batch", "set_terminated"):
            with monkeypatch.context() as patch:
                patch.setattr(MlflowClient, call, lost)
                with (
                    pytest.raises(TrackingError, match="connection refused; see"),
                    tracking.search("search", f"study {call}") as log,
                ):
                    log("trial 0", {"depth": 3}, {"loss": 0.5})
            assert mlflow.active_run() is None, call
        with pytest.raises(ZeroDivisionError), tracking.search("search", "study"):
            _ = 1 / 0  # what goes wrong in a search is not the server's
        with tracking.search("search", "study") as log:
            log("trial 0", {"depth": 3}, {"loss": 0.5})
        runs = mlflow.search_runs(filter_string="tags.study = 'study'", output_format="list")
        assert [run.info.status for run in runs] == ["FINISHED"], "the run that failed is gone on with"
    finally:
        mlflow.set_tracking_uri(before)
        mlflow.set_registry_uri(before)
