"""Explanations of rows, from what was true when they were written: then, after changes, and where something is gone."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import erase_creator, explain, score_content, served_model
from jobs._models import manifest_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.bundle import Calibration, ModelBundle
from linnaeus.contracts.config import Config, load_config
from linnaeus.contracts.errors import ConfigurationError, InputError
from linnaeus.features.vector import hashed_terms
from linnaeus.inference.words import term_names
from linnaeus.runtime.aliases import CHAMPION
from linnaeus.runtime.command import run_command
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking
from tests.conftest import MakeConfig
from tests.contents import contents
from tests.oracles import random_bundle, vector_bytes, with_logistic
from tests.runtime.test_tracking import register_as

CLASSES = ("business", "politics", "sport")
WORDS = "goal match vote bank shop coach bill free money prize call now".split()
KNOWN = WORDS[:8]  # to the logistic regressions; pairs are not
KEYS = ["job", "seconds", "rows_read", "rows_written", "rows_quarantined", "table_versions", "answer"]
POST, IMAGE = "post-000007", "image-00001"
Answer = dict[str, Any]


def texts() -> dict[str, tuple[str | None, str | None]]:
    rng = np.random.default_rng(2)
    made: dict[str, tuple[str | None, str | None]] = {
        f"post-{place:06d}": (None, " ".join(rng.choice(WORDS, 9))) for place in range(20)
    }
    return made | {"alone": (None, "Free money at www.bad.example now"), IMAGE: (None, None)}


def taxonomy_of(folder: Path) -> list[str]:
    """Settings: a tree of two levels, and an area with a rule."""
    nodes = [{"id": "news", "name": "News"}, {"id": "sport", "name": "Sport"}]
    nodes += [{"id": name, "name": name.title(), "parent": "news"} for name in ("business", "politics")]
    lures = {"id": "lures", "words": ["free money", "jackpot"], "domains": ["bad.example"], "level": "high"}
    areas = [{"id": "spam", "name": "Spam", "rules": [lures]}, {"id": "hate", "name": "Hate"}]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "taxonomy.yml").write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    (folder / "risk.yml").write_text(json.dumps({"areas": areas}), encoding="utf-8")
    return [f"taxonomy.path={folder / 'taxonomy.yml'}", f"risk.path={folder / 'risk.yml'}"]


def write_texts(lake: Lake, config: Config, given: dict[str, tuple[str | None, str | None]]) -> None:
    """Contents with tokens and vectors that follow from their text, as the jobs would have made them."""
    manifest, spark = manifest_in_force(config), lake.session
    by_creator = F.concat(F.lit("creator-"), F.substring(c.CONTENT_ID, -2, 2))
    rows = contents(spark, given).withColumn(c.CREATOR_ID, by_creator).select(*tables.CONTENT.columns)
    lake.merge(rows, tables.CONTENT)
    tokens, vectors = [], []
    for row in rows.collect():
        body = row[c.BODY] or ""
        words, rng = body.lower().split(), np.random.default_rng(int(row[c.CONTENT_HASH][:8], 16))
        form = tuple(float(one) for one in rng.normal(size=manifest.n_statistics))
        tokens.append((row[c.CONTENT_ID], row[c.CONTENT_HASH], manifest.tokenizer, "en", words, len(words), form, 1))
        if body:
            numbers = rng.normal(size=manifest.dimension).astype(np.float32)
            vectors.append((row[c.CONTENT_HASH], manifest.embedder, vector_bytes(numbers), None, 1))
    lake.merge(spark.createDataFrame(tokens, schemas.TOKENS), tables.TOKENS)
    lake.merge(spark.createDataFrame(vectors, schemas.TEXT_EMBEDDINGS).dropDuplicates(), tables.TEXT_EMBEDDINGS)


def bundles(config: Config, spark: SparkSession) -> dict[str, ModelBundle]:
    """A category model with a logistic regression, and a risk model in which one area has none."""
    manifest = manifest_in_force(config)
    hashed = hashed_terms(F.array(*map(F.lit, KNOWN)), manifest.buckets, bigrams=False)
    row = spark.range(1).select(hashed.alias(c.TERMS)).first()
    assert row is not None
    plain = random_bundle("category", {"category": CLASSES}, manifest, seed=1)
    category = with_logistic(plain, "category", 0.5, known=row[c.TERMS])
    heads = {"spam": (c.NO, c.YES), "hate": (c.NO, c.YES)}
    risk = random_bundle("risk", heads, manifest, {"spam": Calibration(0.5, -0.75)}, seed=2)
    return {
        config.registry.category_model: category.with_head("category", thresholds={"news": 0.25}),
        config.registry.risk_model: with_logistic(risk, "spam", 0.4, known=row[c.TERMS]),
    }


@dataclass(frozen=True)
class Made:
    """A scored lake's folder and the settings of all that reads it."""

    root: Path
    settings: list[str]

    def config(self, *overrides: str, lake: Path | None = None) -> Config:
        own = [*self.settings, f"lake.root={lake or self.root / 'lake'}"]
        return load_config("local", [*own, *overrides])

    def copied(self, to: Path) -> Path:
        """A copy of the lake, its files as old as they were."""
        return Path(shutil.copytree(self.root / "lake", to / "lake"))


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    before = mlflow.get_tracking_uri()
    root = tmp_path_factory.mktemp("explained")
    settings = [
        f"tracking.uri=sqlite:///{root / 'mlflow.db'}",
        f"tracking.artifacts={root / 'artifacts'}",
        "features.hash_buckets=64",
        "sources.content=null",
        "sources.creators=null",
        "sources.gold_labels=null",
        *taxonomy_of(root),
    ]
    found = Made(root, settings)
    config = found.config()
    lake, tracking = Lake(spark, config), Tracking(config)
    write_texts(lake, config, texts())
    labels = [
        (name, facet, label, 1.0, 0, "gold", None, 0.0, None)
        for place, name in enumerate(texts())
        for facet, label in (("category", CLASSES[place % 3]), ("risk.spam", (c.NO, c.YES)[place % 2]))
        if place % 4 != 1 or name == POST
    ]
    lake.merge(spark.createDataFrame(labels, schemas.LABELS), tables.LABELS)
    for model, bundle in bundles(config, spark).items():
        version = register_as(tracking, model, bundle, Path(served_model.__file__))
        tracking.point(model, CHAMPION, version)
    score_content.main(config)
    yield found
    mlflow.set_tracking_uri(before)


@pytest.fixture(autouse=True)
def _tracking_uri() -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


def answer_of(config: Config, content_id: str, **settings: Any) -> Answer:
    chosen = config.explain.model_copy(update={"content_id": content_id} | settings)
    found = explain.main(config.model_copy(update={"explain": chosen})).answer
    assert found is not None
    return dict(found)


def rescored(spark: SparkSession, config: Config, body: str) -> datetime.datetime:
    """A time before POST's text was changed and scored again."""
    between = datetime.datetime.now(datetime.timezone.utc)
    lake = Lake(spark, config)
    write_texts(lake, config, {POST: (None, body)})
    assert score_content.main(config).rows_written == 1
    return between


@pytest.mark.slow
def test_the_command_tells_all_of_a_row(
    spark: SparkSession, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = made.copied(tmp_path)
    config = made.config(lake=root)
    words = [word for one in (*made.settings, f"lake.root={root}") for word in ("--set", one)]
    assert run_command("explain", explain.main, [*words, "--set", f"content_id={POST}"], section="explain") == 0
    said = capsys.readouterr().out.rstrip("\n").split("\n")
    summary = json.loads(said[-1])
    assert list(summary) == KEYS and (summary["rows_read"], summary["rows_written"]) == (1, 0)
    answer = summary["answer"]
    row = Lake(spark, config).read(tables.CONTENT_PROFILES).where(F.col(c.CONTENT_ID) == POST).collect()[0]

    assert answer["is_exact"] and answer["notes"] == []
    same = {"verdict": "equal", "difference": 0.0, "why": None}
    assert answer["recomputed"] == {"category": same, "risk": same}
    assert {name: answer["provenance"][name] for name in (c.CATEGORY_MODEL, c.RISK_MODEL, c.EMBEDDER)} == {
        name: row[name] for name in (c.CATEGORY_MODEL, c.RISK_MODEL, c.EMBEDDER)
    }
    read = (tables.CONTENT, tables.TOKENS, tables.TEXT_EMBEDDINGS, tables.LABELS)
    assert answer["provenance"]["tables"] == {one.full_name: Lake(spark, config).version(one) for one in read}
    path = answer["category"][c.CATEGORY_PATH]
    assert [one["node"] for one in path] == row[c.CATEGORY_PATH]
    below = {"news": ("business", "politics")}
    for node in path:
        expected = sum(row[c.CATEGORY_PROBABILITIES].get(one, 0) for one in below.get(node["node"], (node["node"],)))
        assert node["probability"] == pytest.approx(expected, abs=0.03)  # the row leaves small ones out
        assert node["accepted_from"] == (0.25 if node["node"] == "news" else 0.5)
    why = answer["category"]["reasons"]
    (booster,) = why["boosters"]
    assert why["answer"] == row[c.CATEGORY]
    assert booster["bias"] + sum(booster["groups"].values()) == pytest.approx(why["booster_log_odds"], abs=1e-4)
    summed = 0.5 * why["booster_log_odds"] + 0.5 * why["logistic_log_odds"]
    assert why["log_odds"] == pytest.approx(summed, abs=1e-6)
    terms = set(term_names((texts()[POST][1] or "").split(), bigrams=True))
    assert {one for word in why["words"] for one in word["tokens"]} <= terms and len(why["words"]) > 5
    weighed = {one for word in why["words"] for one in word["tokens"] if word["logistic"] is not None}
    assert weighed == terms & set(KNOWN) and why["words_unknown_to_the_model"] == len(terms - set(KNOWN)) > 0
    assert set(answer["risk"]) == {"spam", "hate"}
    spam, hate = answer["risk"]["spam"], answer["risk"]["hate"]
    assert (spam["probability"], spam["level"]) == (row[c.RISK]["spam"], row[c.RISK_LEVEL]["spam"])
    assert (spam["medium_from"], spam["high_from"], spam["rules"]) == (0.3, 0.7, [])
    assert spam["reasons"]["logistic_share"] == 0.4 and hate["reasons"]["logistic_log_odds"] is None
    assert {(one[c.FACET], one[c.LABEL]) for one in answer["labels"]} == {
        ("category", CLASSES[1]),
        ("risk.spam", "yes"),
    }
    near = answer["neighbours"]
    assert {one[c.FACET] for one in near} == {"category", "risk.spam"} and len(near) == 10
    assert POST not in {one[c.CONTENT_ID] for one in near}
    assert [one["rank"] for one in near] == [*range(1, 6)] * 2

    (page,) = (root / "reports" / "explanations").glob("*.html")
    kept = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert kept == answer and POST not in page.name
    html = page.read_text(encoding="utf-8")
    assert f"<td>{POST}</td>" in html and "equal to the row" in html and "term_scores" in html
    shown = "\n".join(said[:-1])
    assert "equal to the row" in shown and POST in shown and "SHAP value" in shown and "logistic regression" in shown
    logged = Lake(spark, config).read(tables.JOB_RUNS).where("job = 'explain'").select("details").collect()
    assert len(logged) == 1 and POST not in str(logged) and row[c.CREATOR_ID] not in str(logged)


@pytest.mark.soak
@pytest.mark.slow
def test_rules_that_fired_and_what_fired_them(made: Made) -> None:
    spam = answer_of(made.config(), "alone")["risk"]["spam"]
    assert spam["rules"] == [{"id": "lures", "level": "high", "tokens": ("free money", "bad.example")}]
    assert spam["level"] == "high"


@pytest.mark.soak
@pytest.mark.slow
def test_a_content_without_text(made: Made) -> None:
    answer = answer_of(made.config(), IMAGE)
    assert answer["is_exact"] and answer["neighbours"] == []
    assert answer["provenance"][c.EMBEDDER] is None and any("without a vector" in one for one in answer["notes"])
    assert answer["category"]["reasons"]["words"] == []
    assert answer["category"]["reasons"]["boosters"][0]["groups"].keys() >= {"embedding", "statistics"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("content_id=nobody", "has no row of content 'nobody'; there is no such content"),
        ("explain.content_id=nobody", "has no row of content 'nobody'; there is no such content"),
        ("content_id=012", "has no row of content '012'; there is no such content"),
        ("content_id=a #b", "has no row of content 'a #b'; there is no such content"),
        ("content_ids=a", "unknown key 'explain.content_ids'; the nearest known one is 'explain.content_id'"),
        ("explain={content_id: null}", "explain.content_id is not set"),
        ("as_of=2001-01-01", "explain.content_id is not set"),
    ],
)
def test_what_can_not_be_explained_is_said_in_a_line(
    spark: SparkSession, make_config: MakeConfig, capsys: pytest.CaptureFixture[str], given: str, said: str
) -> None:
    config = make_config()
    own = (f"lake.root={config.lake.root}", f"tracking.uri={config.tracking.uri}", given)
    words = [word for one in own for word in ("--set", one)]
    assert run_command("explain", explain.main, words, section="explain") == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and said in printed.err


def test_a_content_that_was_not_scored(
    spark: SparkSession, make_config: MakeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config("explain.content_id=new")
    Lake(spark, config).merge(contents(spark, {"new": (None, "text")}), tables.CONTENT)
    with pytest.raises(InputError, match=r"has no row of content 'new'; it is in bronze\.content: run score_content"):
        explain.main(config)
    with pytest.raises(ConfigurationError, match="there is no table to read as of"):
        explain.main(make_config("explain.content_id=new", "explain.as_of=2024-01-01"))


@pytest.mark.soak
@pytest.mark.slow
def test_the_row_of_before_a_change_and_what_is_lost_with_its_history(
    spark: SparkSession, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = made.copied(tmp_path)
    config = made.config(lake=root)
    first = answer_of(config, POST)
    between = rescored(spark, config, "another text altogether")
    second = answer_of(config, POST)
    assert second["is_exact"] and second["provenance"][c.CONTENT_HASH] != first["provenance"][c.CONTENT_HASH]
    assert second["category"]["reasons"] != first["category"]["reasons"]
    assert {one for word in second["category"]["reasons"]["words"] for one in word["tokens"]} <= set(
        term_names("another text altogether".split(), bigrams=True)
    )
    assert answer_of(config, POST, as_of=between) == first  # the row of then, by what there was then

    Lake(spark, config).vacuum([tables.TOKENS], 0)
    capsys.readouterr()
    lost = answer_of(config, POST, as_of=between)
    assert not lost["is_exact"] and lost["category"]["reasons"] is None
    assert lost["neighbours"] == first["neighbours"]  # the vector of that text is there still
    assert lost["provenance"] == first["provenance"] | {"tables": lost["provenance"]["tables"]}
    assert "no longer has the tokens of its text" in lost["recomputed"]["risk"]["why"]
    assert any("VACUUM has removed files" in one for one in lost["notes"])
    assert "category: not recomputed: silver.tokens no longer has" in " ".join(capsys.readouterr().out.split())
    words = [word for one in (*made.settings, f"lake.root={root}", "exact_only=true") for word in ("--set", one)]
    asked = ["--set", f"content_id={POST}", "--set", f"as_of={between.isoformat()}"]
    assert run_command("explain", explain.main, [*words, *asked], section="explain") == 2
    assert "not explained (explain.exact_only)" in (error := capsys.readouterr().err) and error.count("\n") == 1
    others = answer_of(
        config, "post-000003", as_of=between
    )  # its tokens are what they were: found in the newest version
    assert others["is_exact"] and any("read as it is now" in one for one in others["notes"])


@pytest.mark.soak
@pytest.mark.slow
def test_a_row_that_does_not_come_out_again_is_said_to_differ(
    spark: SparkSession, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = made.config(lake=made.copied(tmp_path))
    lake = Lake(spark, config)
    changed = lake.read(tables.CONTENT_PROFILES).where(F.col(c.CONTENT_ID) == POST)
    more = F.transform_values(c.RISK, lambda key, value: F.when(key == "hate", F.lit(0.99)).otherwise(value))
    lake.merge(changed.withColumn(c.RISK, more.cast("map<string,float>")), tables.CONTENT_PROFILES)
    answer = answer_of(config, POST)
    assert not answer["is_exact"]
    assert [answer["recomputed"][one]["verdict"] for one in ("category", "risk")] == ["equal", "differs"]
    assert answer["recomputed"]["risk"]["difference"] > 0.01
    assert (
        "risk: recomputed by" in (said := " ".join(capsys.readouterr().out.split())) and "differs from the row" in said
    )


@pytest.mark.soak
@pytest.mark.slow
def test_thresholds_and_rules_that_have_changed_since(made: Made) -> None:
    answer = answer_of(made.config("scoring.high_threshold=0.9"), "alone")
    assert answer["is_exact"] and any("others by now" in one for one in answer["notes"])
    spam = answer["risk"]["spam"]
    assert spam["high_from"] is None and spam["rules"] == [{"id": "lures", "level": None, "tokens": ()}]
    path = answer["category"][c.CATEGORY_PATH]
    assert path[-1]["probability"] is not None and all(one["probability"] is None for one in path[:-1])


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("family", ["category", "risk"])
def test_a_lake_of_one_family_and_a_model_that_is_gone(
    spark: SparkSession, made: Made, tmp_path: Path, family: str
) -> None:
    absent = "risk" if family == "category" else "category"
    name = f"only_{family}"
    own = [f"registry.{family}_model={name}", f"registry.{absent}_model=none"]
    config = made.config(*own, lake=made.copied(tmp_path))
    tracking, given = Tracking(config), bundles(config, spark)[name]
    version = register_as(tracking, name, given, Path(served_model.__file__))
    tracking.point(name, CHAMPION, version)
    score_content.main(config)
    answer = answer_of(config, POST)
    assert answer["is_exact"] and list(answer["recomputed"]) == [family]
    assert (answer["category"] is None, answer["risk"] == {}) == (family == "risk", family == "category")
    assert {one[c.FACET] for one in answer["neighbours"]} == {"category" if family == "category" else "risk.spam"}

    uri = config.tracking.uri
    MlflowClient(tracking_uri=uri, registry_uri=uri).delete_model_version(name, version.number)
    gone = answer_of(config, POST)
    assert not gone["is_exact"] and gone["recomputed"][family]["why"] == f"{version.name} is no longer in the registry"
    assert gone["provenance"] == answer["provenance"] and gone["neighbours"] == answer["neighbours"]


@pytest.mark.slow
def test_an_erasure_takes_explanations_along(spark: SparkSession, made: Made, tmp_path: Path) -> None:
    """Of the creator's own contents, and of others in which they are among the neighbours."""
    root = made.copied(tmp_path)
    config = made.config("erase.creator_id=creator-07", lake=root)
    explained = {name: answer_of(config, name, n_neighbours=20) for name in (POST, "alone", IMAGE)}
    assert POST in {one[c.CONTENT_ID] for one in explained["alone"]["neighbours"]}
    folder = root / "reports" / "explanations"
    assert len(list(folder.iterdir())) == 6
    erase_creator.main(config)
    (left,) = folder.glob("*.json")
    assert json.loads(left.read_text(encoding="utf-8"))[c.CONTENT_ID] == IMAGE
    assert [one.stem for one in folder.glob("*.html")] == [left.stem]
