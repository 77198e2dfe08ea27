"""Contents to gold.content_profiles by the champion models, for contents whose text, models or taxonomy changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs._models import content_features, differences, taxonomy_version_in_force, unknown_statistics
from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import FeatureManifest, ModelBundle
from linnaeus.contracts.config import Config, RiskAreas
from linnaeus.contracts.errors import ConfigurationError, NoChampionError, UnfitError
from linnaeus.contracts.tables import Table
from linnaeus.features.embeddings import without_set_aside
from linnaeus.features.markup import text_and_links
from linnaeus.features.text import text
from linnaeus.inference.pending import IS_STORED, WAS_BARE, first_to_score, outdated, pending
from linnaeus.inference.rules import with_rules
from linnaeus.inference.score import ScoringPlan, score
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION
from linnaeus.runtime.command import FULL, JobResult, exit_with
from linnaeus.runtime.lake import Lake, Reader
from linnaeus.runtime.ledger import NONE, SETTINGS, Inputs, Ledger, table_inputs, versions_of
from linnaeus.runtime.spark import build_session, cached_apart, slots
from linnaeus.runtime.tracking import Tracking, Version

JOB = "score_content"
_READ = (tables.CONTENT, tables.TOKENS, tables.TEXT_EMBEDDINGS)
_CATEGORY, _RISK = "model.category", "model.risk"  # inputs, beside the tables
_FEW = 200_000  # contents whose ids are sent to all executors, to be looked up in tables that are not moved


@dataclass(frozen=True)
class _Models:
    """The versions of both families that contents are scored with; one may be absent."""

    category: Version | None
    risk: Version | None

    @property
    def names(self) -> str:
        return ", ".join(version.name for version in (self.category, self.risk) if version)


@dataclass(frozen=True, eq=False)
class _Bundles:
    """Models as they are loaded, and what rows that are scored with them are stamped with."""

    models: _Models
    category: ModelBundle | None
    risk: ModelBundle | None
    manifest: FeatureManifest
    stamps: dict[str, str | None]


@dataclass(frozen=True)
class _Scored:
    """What came of bringing a table up to date; `left` is how many contents a throttled run has left for later ones."""

    models: _Models
    todo: int = 0
    written: int = 0
    left: int = 0
    nothing_to_do: str | None = None


def main(config: Config) -> JobResult:
    """Score with whichever champions there are. Raises NoChampionError where there is none.

    Where `scoring.shadow` is set the candidates score beside them, to gold.shadow_profiles.
    """
    tracking = Tracking(config)
    _champions(tracking, config)  # that there is one is not learnt when Spark is up
    session = build_session(config)
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(config.scoring.rows_a_batch))
    ledger = Ledger.open(Lake(session, config), config, JOB)
    scoring = _Scoring(ledger, tracking, config)
    found = scoring.bring_up_to_date(tables.CONTENT_PROFILES, lambda: _champions(tracking, config))
    details, written, written_to = _said("scored with", found), found.written, [tables.CONTENT_PROFILES]
    beside: list[_Scored] = []
    shadow = _shadow(tracking, config, found.models) if config.scoring.shadow else None
    if shadow is not None:
        try:
            beside.append(scoring.bring_up_to_date(tables.SHADOW_PROFILES, lambda: shadow))
        except UnfitError as error:  # the champions' profiles are whole: what follows must not wait for a candidate
            details["beside them"] = f"{shadow.names}, not scored: {error}"
        else:
            details |= _said("beside them", beside[0])
            written += beside[0].written
            written_to.append(tables.SHADOW_PROFILES)
    return JobResult(
        found.todo,
        written,
        tables=tuple(written_to),
        details=details,
        run_id=ledger.run_id,
        is_complete=all(one.left == 0 for one in (found, *beside)),
    )


def _said(how: str, scored: _Scored) -> dict[str, str]:
    said = {how: scored.nothing_to_do or scored.models.names}
    return said | ({f"{how}, later": f"{scored.left} contents (scoring.rows_a_run)"} if scored.left else {})


def _champions(tracking: Tracking, config: Config) -> _Models:
    champions = _at(tracking, config, CHAMPION)
    if champions.category is None and champions.risk is None:
        raise NoChampionError(
            f"neither {config.registry.category_model} nor {config.registry.risk_model} has a version with the alias "
            "champion; train and promote one first (train_category, train_risk, promote_model)"
        )
    return champions


def _at(tracking: Tracking, config: Config, alias: str) -> _Models:
    models = (config.registry.category_model, config.registry.risk_model)
    return _Models(*(tracking.version_at(model, alias) for model in models))


def _shadow(tracking: Tracking, config: Config, champions: _Models) -> _Models | None:
    """The candidates, and the champion of a family that has none; None where these are the champions."""
    candidates = _at(tracking, config, CANDIDATE)
    models = _Models(candidates.category or champions.category, candidates.risk or champions.risk)
    return None if models.names == champions.names else models


@dataclass(frozen=True, eq=False)
class _Scoring:
    """One run: its ledger, and where models are."""

    ledger: Ledger
    tracking: Tracking
    config: Config

    def bring_up_to_date(self, table: Table, models: Callable[[], _Models]) -> _Scored:
        """Score what is pending in a table of profiles, as one transaction; `models` says which are in force now."""
        loaded: dict[tuple[str, str], _Bundles] = {}
        parts: list[_Scored] = []

        def inputs() -> dict[str, str]:
            now = models()
            named = {_CATEGORY: now.category, _RISK: now.risk}
            read = {name: version.name if version else NONE for name, version in named.items()}
            return table_inputs(self.ledger.lake, _READ) | read | {SETTINGS: taxonomy_version_in_force(self.config)}

        def write(lake: Lake, given: Inputs) -> int:
            names = (given[_CATEGORY], given[_RISK])
            if names not in loaded:
                loaded[names] = self._load(_Models(*map(self._version, names)))
            parts.append(_score(lake, self.config, loaded[names], given, table))
            return parts[-1].written

        done = self.ledger.transact((table,), inputs, write)
        if done.nothing_to_do is not None:
            return _Scored(models(), nothing_to_do=done.nothing_to_do)
        todo, last = sum(part.todo for part in parts), parts[-1]
        return _Scored(last.models, todo, done.rows, last.left)

    def _version(self, name: str) -> Version | None:
        """A version by its name among the inputs; a batch that was cut off goes on with those that it began with."""
        if name == NONE:
            return None
        model, _, number = name.rpartition("/")
        found = self.tracking.version(model, number)
        if found is None:
            raise ConfigurationError(f"run.batch: it was begun with {name}, which is not registered any more")
        return found

    def _load(self, models: _Models) -> _Bundles:
        category = self.tracking.load(models.category) if models.category else None
        risk = self.tracking.load(models.risk) if models.risk else None
        manifest = _one_manifest(models, category, risk)
        return _Bundles(models, category, risk, manifest, _stamps(self.config, models, manifest))


@dataclass(frozen=True, eq=False)
class _Pending:
    """Contents to be scored, how many they are, and how many of them have a row."""

    contents: DataFrame
    n: int
    n_stored: int


@dataclass(frozen=True, eq=False)
class _Chosen:
    """A reader of the features of chosen contents alone: rows with their ids and hashes.

    Of few contents the ids go to where the rows are; else they go along with the contents, which are moved anyway.
    """

    reader: Reader
    rows: DataFrame
    is_few: bool

    def read(self, table: Table) -> DataFrame:
        rows = self.reader.read(table)
        if table is tables.CONTENT:
            return self._those(rows, c.CONTENT_ID, c.CONTENT_HASH)
        if not self.is_few:
            return rows
        return self._those(rows, c.CONTENT_HASH if table is tables.TEXT_EMBEDDINGS else c.CONTENT_ID)

    def _those(self, rows: DataFrame, *key: str) -> DataFrame:
        wanted = self.rows.select(*key)
        return rows.join(F.broadcast(wanted) if self.is_few else wanted, list(key), "left_semi")


def _score(lake: Lake, config: Config, bundles: _Bundles, given: Inputs, table: Table) -> _Scored:
    """Bring a table of profiles up to date by these models, from the inputs' versions of the tables.

    What is pending is found by ids, hashes and stamps; the features of nothing else are read.
    """
    reader = lake.snapshot(_READ, versions_of(given))
    is_full, most = config.run.full, config.scoring.rows_a_run
    with ExitStack() as held:
        found = _pending(reader, lake.read(table), bundles, is_full, held)
        n_todo = found.n if most is None or is_full else min(most, found.n)
        if n_todo == 0:
            return _Scored(bundles.models)
        contents = found.contents if n_todo == found.n else cached_apart(first_to_score(found.contents, n_todo), held)
        todo = cached_apart(content_features(_chosen(reader, contents, n_todo), bundles.manifest), held)
        _check_whole(lake, todo, bundles)
        plan = _plan(config, bundles)
        n_slots = slots(lake.session)
        partitions = n_slots * math.ceil(n_todo / (config.scoring.rows_a_partition * n_slots))
        scored = score(todo.repartition(partitions, c.CONTENT_ID), plan)
        rows = _profiles(scored, todo, bundles.stamps, config.read_risk())
        written = _merge(lake, rows, table, contents, found.n_stored, is_full)
        return _Scored(bundles.models, n_todo, written, found.n - n_todo)


def _pending(reader: Reader, stored: DataFrame, bundles: _Bundles, is_full: bool, held: ExitStack) -> _Pending:
    """What is to be scored (see inference/pending.py)."""
    embedder = bundles.manifest.embedder
    candidates = cached_apart(outdated(reader.read(tables.CONTENT), stored, bundles.stamps, embedder, is_full), held)
    found, n_bare = _counted(candidates)
    if n_bare == 0:
        return found
    vectors = reader.read(tables.TEXT_EMBEDDINGS).where(F.col(c.EMBEDDER) == embedder)
    return _counted(cached_apart(pending(candidates, vectors), held))[0]


def _counted(contents: DataFrame) -> tuple[_Pending, int]:
    """With how many of them were scored without a vector."""
    marked = [F.count(F.when(F.col(name), 1)) for name in (IS_STORED, WAS_BARE)]
    n, n_stored, n_bare = contents.agg(F.count(F.lit(1)), *marked).first() or (0, 0, 0)
    return _Pending(contents, n, n_stored), n_bare


def _chosen(reader: Reader, contents: DataFrame, n: int) -> Reader:
    """A reader of what is to be scored: of the tables whole where that is all there is."""
    if n <= _FEW:
        return _Chosen(reader, contents, is_few=True)
    is_all = n == reader.read(tables.CONTENT).count()
    return reader if is_all else _Chosen(reader, contents, is_few=False)


def _merge(lake: Lake, rows: DataFrame, table: Table, contents: DataFrame, n_stored: int, is_full: bool) -> int:
    """Rows written. Pending ones differ from the stored by what they came from: they need not be compared again."""
    if is_full:
        return lake.merge(rows, table).written
    if n_stored == 0:
        return lake.merge(rows, table, stored=F.lit(False)).written
    known = rows.join(contents.select(c.CONTENT_ID, IS_STORED), c.CONTENT_ID)
    return lake.merge(known, table, stored=F.col(IS_STORED)).written


def _check_whole(lake: Lake, todo: DataFrame, bundles: _Bundles) -> None:
    """Raise UnfitError where contents lack features: their scores would mean nothing.

    A text that made the embedder fail is scored without its vector.
    """
    embedder = bundles.manifest.embedder
    lacks_tokens = F.col(c.STATISTICS).isNull()
    lacking = todo.where(lacks_tokens | (F.col(c.VECTOR).isNull() & (text() != "")))
    n_lacking = lacking.count()
    if n_lacking:
        without_vector = without_set_aside(lacking.where(~lacks_tokens), lake.read(tables.QUARANTINE), embedder)
        n_lacking = lacking.where(lacks_tokens).union(without_vector).count()
    if n_lacking:
        raise UnfitError(
            f"{n_lacking} contents have no tokens or no vector of {embedder}, which {bundles.models.names} was "
            "trained on; run build_tokens and build_embeddings, or promote a model of the embedder in force"
        )


def _one_manifest(models: _Models, category: ModelBundle | None, risk: ModelBundle | None) -> FeatureManifest:
    """The features that all models want. Raises UnfitError where they differ, or can't be made."""
    manifests = [bundle.manifest for bundle in (category, risk) if bundle]
    if differing := differences(manifests[0], manifests[-1]):
        raise UnfitError(f"{models.names} want different features ({differing}); train and promote both anew")
    if unknown := unknown_statistics(manifests[0]):
        raise UnfitError(
            f"{models.names}: the statistics {', '.join(unknown)} are wanted, which this code does not make; train and "
            "promote anew"
        )
    return manifests[0]


def _stamps(config: Config, models: _Models, manifest: FeatureManifest) -> dict[str, str | None]:
    """What rows scored now came from."""
    return {
        c.CATEGORY_MODEL: models.category.name if models.category else None,
        c.RISK_MODEL: models.risk.name if models.risk else None,
        c.TAXONOMY_VERSION: taxonomy_version_in_force(config),
        c.FEATURE_MANIFEST: manifest.version,
    }


def _plan(config: Config, bundles: _Bundles) -> ScoringPlan:
    scoring = config.scoring
    thresholds = (scoring.accept_threshold, scoring.medium_threshold, scoring.high_threshold)
    taxonomy, areas = config.read_taxonomy(), config.read_risk()
    return ScoringPlan.build(bundles.category, bundles.risk, taxonomy, areas, thresholds, scoring.least_probability)


def _profiles(scores: DataFrame, features: DataFrame, stamps: dict[str, str | None], areas: RiskAreas) -> DataFrame:
    came_from = features.select(c.CONTENT_ID, c.CREATOR_ID, c.EMBEDDER, c.CONTENT_HASH, text().alias(c.TEXT))
    made = [F.lit(value).cast("string").alias(name) for name, value in stamps.items()]
    rows = with_rules(scores.join(came_from, c.CONTENT_ID), F.col(c.TEXT), areas, text_and_links)
    rows = rows.select("*", *made, F.current_timestamp().alias(c.SCORED_AT))
    return rows.select(*tables.CONTENT_PROFILES.schema.names)


def command() -> None:
    """Entry point of the wheel."""
    exit_with(JOB, main, (FULL,), needs=DEPENDENCIES[JOB])


if __name__ == "__main__":
    command()
