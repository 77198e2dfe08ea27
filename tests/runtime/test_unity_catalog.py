"""What differs on Unity Catalog: names, tags, searches, rights, and versions that are not ready."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import _promotion_report, _registration
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, load_config
from linnaeus.contracts.errors import ConfigurationError, TrackingError
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION
from linnaeus.runtime.lake import Snapshot
from linnaeus.runtime.model_tags import as_stored, table_of, table_tag
from linnaeus.runtime.tracking import FINGERPRINT, ROLLED_BACK, Tracking
from tests.oracles import random_bundle
from tests.running.unity_catalog import Refused, UnityCatalog, Version, check_tag, unity_catalog
from tests.runtime.test_tracking import BUNDLE, IN_CATALOG, MANIFEST, config_in, register

CATALOG = ["registry.uri=databricks-uc", "registry.category_model=tests.models.category"]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return config_in(tmp_path_factory.mktemp("mlflow"), *CATALOG, f"registry.risk_model={IN_CATALOG}")


@pytest.fixture
def catalog() -> Iterator[UnityCatalog]:
    with unity_catalog() as catalog:
        yield catalog


def stored(catalog: UnityCatalog, model: str, number: int, fingerprint: str, status: str = "READY") -> None:
    """A version that is there already."""
    catalog.answer("POST", "/api/2.0/mlflow/unity-catalog/registered-models/create", {"name": model}) if (
        model not in catalog.models
    ) else None
    said = {"name": model, "version": str(number), "creation_timestamp": 1}
    catalog.models[model].versions[number] = Version(said, {FINGERPRINT: fingerprint}, status)


def test_all_pages_are_searched_and_every_version_asked(catalog: UnityCatalog, config: Config) -> None:
    for number in (9, 2, 10, 1, 3):
        stored(catalog, IN_CATALOG, number, f"training {number}")
    stored(catalog, IN_CATALOG, 11, "training 11", "FAILED_REGISTRATION")
    tracking = Tracking(config)
    found = tracking.versions(IN_CATALOG)
    assert [(one.number, one.tags[FINGERPRINT]) for one in found] == [
        (number, f"training {number}") for number in ("10", "9", "3", "2", "1")
    ]
    for fingerprint, number in (("training 10", "10"), ("training 1", "1")):
        version = tracking.version_of(IN_CATALOG, fingerprint)
        assert version is not None and version.number == number
    assert tracking.version_of(IN_CATALOG, "training 12") is None
    assert tracking.version_of(IN_CATALOG, "training 11") is None


def test_the_newest_is_asked_alone_where_it_is_the_one(catalog: UnityCatalog, config: Config) -> None:
    for number in range(1, 8):
        stored(catalog, IN_CATALOG, number, "same")
    tracking = Tracking(config)
    catalog.asked.clear()
    assert tracking.version_of(IN_CATALOG, "same").number == "7"  # type: ignore[union-attr]
    assert sum(one.endswith("model-versions/get") for one in catalog.asked) == 1


def test_a_version_that_is_deleted_meanwhile_is_left_out(
    catalog: UnityCatalog, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        stored(catalog, IN_CATALOG, number, "same")
    tracking = Tracking(config)
    search = tracking._search

    def then_deleted(model: str) -> list[object]:
        found = search(model)
        del catalog.models[IN_CATALOG].versions[2]
        return list(found)

    monkeypatch.setattr(tracking, "_search", then_deleted)
    assert [one.number for one in tracking.versions(IN_CATALOG)] == ["1"]


@pytest.mark.parametrize("code", ["RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"])
def test_what_is_not_there_is_none_by_either_code(catalog: UnityCatalog, config: Config, code: str) -> None:
    catalog.absent = code
    tracking = Tracking(config)
    assert tracking.version_at(IN_CATALOG, CHAMPION) is None and tracking.versions(IN_CATALOG) == []
    version = register(tracking, BUNDLE, "aa", IN_CATALOG)
    assert tracking.version_at(IN_CATALOG, CHAMPION) is None and tracking.version(IN_CATALOG, "2") is None
    tracking.remove(IN_CATALOG, CHAMPION)
    tracking.point(IN_CATALOG, CANDIDATE, version)
    tracking.tag(version, ROLLED_BACK, " ann ")
    found = tracking.version_at(IN_CATALOG, CANDIDATE)
    assert found is not None and found.tags == {FINGERPRINT: "aa", "embedder": "mini@1", ROLLED_BACK: "ann"}


def test_who_may_not_make_models_adds_versions_to_one_that_is_there(catalog: UnityCatalog, config: Config) -> None:
    catalog.makes_models = False
    tracking = Tracking(config)
    with pytest.raises(TrackingError, match="does not have CREATE MODEL"):
        register(tracking, BUNDLE, "aa", IN_CATALOG)
    catalog.makes_models = True
    catalog.answer("POST", "/api/2.0/mlflow/unity-catalog/registered-models/create", {"name": IN_CATALOG})
    catalog.makes_models = False
    assert register(tracking, BUNDLE, "aa", IN_CATALOG).number == "1"


def test_a_registration_that_dies_before_its_files_are_there_is_done_again(
    catalog: UnityCatalog, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = Tracking(config)
    finalize = "POST /api/2.0/mlflow/unity-catalog/model-versions/finalize"

    def dies(_: dict[str, object]) -> dict[str, object]:
        raise Refused("INTERNAL_ERROR", "gone")

    with monkeypatch.context() as patch:
        patch.setitem(catalog._answers, finalize, dies)
        with pytest.raises(TrackingError, match="gone; see that it can be reached"):
            register(tracking, BUNDLE, "aa", IN_CATALOG)
    assert catalog.models[IN_CATALOG].versions[1].status == "PENDING_REGISTRATION"
    assert tracking.version_of(IN_CATALOG, "aa") is None
    assert register(tracking, BUNDLE, "aa", IN_CATALOG).number == "2"
    assert [one.number for one in tracking.versions(IN_CATALOG)] == ["2"]
    assert tracking.load(tracking.versions(IN_CATALOG)[0]).to_files() == BUNDLE.to_files()


def test_files_of_the_run_stay_where_they_are(catalog: UnityCatalog, config: Config) -> None:
    """Unity Catalog's client removes what it takes for a download."""
    register(Tracking(config), BUNDLE, "stays", IN_CATALOG)
    assert list(Path(str(config.tracking.artifacts)).rglob("bundle.json"))


def test_names_in_other_cases_are_one_model(catalog: UnityCatalog, config: Config) -> None:
    tracking = Tracking(config)
    version = register(tracking, BUNDLE, "aa", IN_CATALOG.title())
    tracking.point(IN_CATALOG.title(), CHAMPION, version)
    assert version.name == f"{IN_CATALOG.title()}/1", "rows are stamped with the name that is configured"
    found = tracking.version_at(IN_CATALOG, CHAMPION)
    assert found is not None and (found.run_id, found.tags) == (version.run_id, version.tags)
    assert tracking.version_at(IN_CATALOG.title(), CHAMPION) == version
    assert tracking.load(version).heads.keys() == BUNDLE.heads.keys()


@pytest.mark.parametrize("uri", ["databricks-uc", "databricks-uc://profile", "uc:http://127.0.0.1:8080"])
@pytest.mark.parametrize("name", ["category", "models.category", "a.b.c.d", "a..c", ".b.c", "a.b.", "a. .c"])
def test_a_name_of_other_than_three_levels_is_refused_at_once(uri: str, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"registry.category_model: .* Write catalog\.schema\.model") as error:
        load_config("local", [f"registry.uri={uri}", f"registry.category_model={name}"])
    assert "\n" not in str(error.value) and error.value.exit_status == 2


def test_names_elsewhere_are_free() -> None:
    assert load_config("local", ["registry.category_model=category"]).registry.category_model == "category"


def tags_of_a_training(areas: tuple[str, ...]) -> dict[str, str]:
    """The tags that a training gives a version that was trained from all tables."""
    bundle = random_bundle("risk", dict.fromkeys(areas, ("no", "yes")), MANIFEST)
    versions = dict.fromkeys(tables.BY_NAME, 12)
    return _registration.tags_of(
        load_config("local"), bundle, "mark", cast(Snapshot, SimpleNamespace(versions=versions))
    )


def test_tags_of_a_training_are_those_that_unity_catalog_takes() -> None:
    read = ("bronze.content", "silver.tokens", "silver.text_embeddings", "silver.labels", "silver.label_issues")
    for areas in (("spam",), tuple(f"area_{number:03}_of_risk" for number in range(90))):
        tags = {name: one for name, one in tags_of_a_training(areas).items() if (table_of(name) or read[0]) in read}
        assert {table_of(name) for name in tags} - {None} == set(read)
        for name, value in as_stored(tags).items():
            check_tag(name, value)
    with pytest.raises(Refused, match="reserved characters"):
        check_tag("delta.silver.tokens", "3")  # the name before


def test_the_table_of_a_tag_is_read_by_both_names() -> None:
    for table in tables.BY_NAME:
        assert table_of(table_tag(table)) == table_of(f"delta.{table}") == table
        said = {_promotion_report._name_of(tag) for tag in (table_tag(table), f"delta.{table}")}
        assert said == {f"version of {table}"}
    assert table_of("embedder") is None and table_of("delta") is None


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9_]{1,255}", fullmatch=True), st.text(max_size=1200), max_size=50))
def test_tags_that_are_stored_are_taken(tags: dict[str, str]) -> None:
    kept = as_stored(tags)
    assert kept.keys() == tags.keys()
    for name, value in kept.items():
        check_tag(name, value)
        assert value == tags[name].strip() or value.endswith("…")


@given(st.text(max_size=300))
def test_a_name_is_stored_as_it_is_or_refused(name: str) -> None:
    try:
        kept = as_stored({name: "value"})
    except ValueError as error:
        assert not re.fullmatch(r"[A-Za-z0-9_]{1,255}", name) and "use letters, digits and _" in str(error)
    else:
        check_tag(*next(iter(kept.items())))


def test_more_than_fifty_tags_are_refused() -> None:
    with pytest.raises(ValueError, match="51 tags: 50 at most"):
        as_stored({f"tag_{number}": "" for number in range(51)})
