"""Training of one family, shared by train_category and train_risk."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs._labelled import labelled_state
from jobs._models import (
    MAIN_METRIC,
    content_features,
    facets_of,
    held_out_figures,
    judgement,
    main_figure,
    manifest_in_force,
    measured,
)
from jobs._registration import register, tags_of
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.bundle import Family, FeatureManifest, Groups, Head, LinearModel, LocalPart, ModelBundle
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.logistic import LogisticModel
from linnaeus.inference.category import CategoryTree
from linnaeus.inference.score import PREDICTION_PREFIX, predict
from linnaeus.runtime.aliases import CANDIDATE
from linnaeus.runtime.command import JobResult
from linnaeus.runtime.files import KeptFile
from linnaeus.runtime.lake import Lake, Reader, Snapshot
from linnaeus.runtime.spark import build_session, cached, slots
from linnaeus.runtime.tracking import Tracking, Version
from linnaeus.training.booster import VALIDATION, fit_booster, place
from linnaeus.training.calibration import binned, calibrated, fit_calibration
from linnaeus.training.card import model_card
from linnaeus.training.evaluation import Figure
from linnaeus.training.examples import (
    Counts,
    balanced,
    classes_of,
    examples,
    fingerprint_rows,
    label_counts,
    softened,
    with_class_index,
    without_suspects,
)
from linnaeus.training.leakage import without_leaks
from linnaeus.training.linear import fit_linear, with_features
from linnaeus.training.local_classifiers import branchings, flat, rows_of
from linnaeus.training.logistic import fit_logistic
from linnaeus.training.split import CALIBRATION, HELD_OUT, TRAIN, sampled
from linnaeus.training.thresholds import node_counts, node_thresholds, risk_thresholds

_READ = (tables.CONTENT, tables.TOKENS, tables.TEXT_EMBEDDINGS, tables.LABELS)
# Raise it when the same rows and settings make another model than before: they are then trained on again.
_METHOD = 5
_INPUTS = "labelled_inputs"  # a tag: a fingerprint of the labelled contents and settings that the version came from


@dataclass(frozen=True, eq=False)
class Facet:
    """A facet with enough labels: its examples (cached), how many by part, its classes, how many of each train and
    calibrate, and by node the groups of classes that a booster tells apart (see training/local_classifiers.py)."""

    name: str
    rows: DataFrame
    by_part: Mapping[str, int]
    classes: tuple[str, ...]
    n_by_class: tuple[int, ...]
    calibration_by_class: tuple[int, ...]
    branchings: Mapping[str | None, Groups]

    @property
    def n_calibration(self) -> int:
        """How many calibrate."""
        return sum(self.calibration_by_class)

    def n_judging(self, groups: Groups) -> int:
        """How many that calibrate are of these groups' classes."""
        return sum(self.calibration_by_class[place] for group in groups for place in group)


def train(config: Config, family: Family, model: str) -> JobResult:
    """Train, judge and register a family's candidate; nothing where it has no labels or is registered already."""
    tracking = Tracking(config)  # first: where it can't be reached nothing else is worth starting
    lake = Lake(build_session(config), config)
    manifest = manifest_in_force(config)
    snapshot = snapshot_of(lake, config)
    inputs = _inputs(snapshot, config, family, manifest)
    if (known := _trained_already(lake, tracking, config, family, model, inputs)) is not None:
        return known
    with ExitStack() as held:
        heads, notes = facets_to_train(snapshot, config, family, manifest, held)
        if not heads:
            return JobResult(details={family: "not trained: " + "; ".join(notes)})
        n_rows = sum(sum(facet.by_part.values()) for facet in heads.values())
        mark = _mark(config, family, manifest, heads)
        version = tracking.version_of(model, mark)
        written = 0
        if version is None:
            bundle = _fit(lake, config, family, manifest, heads, mark)
            labelled = {facet.name: facet.rows for facet in heads.values()}
            found = judgement(snapshot, config, bundle, labelled)
            tags = tags_of(config, bundle, mark, snapshot)
            counts = {facet.name: facet.by_part for facet in heads.values()}
            card = model_card(model, bundle, found.figures, counts, tags, notes, MAIN_METRIC[family])
            version = register(tracking, config, model, bundle, found, tags, card)
            said = f"{version.name} trained; {_in_words(family, found.figures)}"
            written = _write_figures(lake, version, found.figures)
        else:
            said = f"{version.name} was trained from exactly these rows and settings"
            written = _complete_figures(lake, snapshot, tracking, config, version)
        tracking.tag(version, _INPUTS, inputs)
        tracking.point(model, CANDIDATE, version)
    details = {family: said} | ({"left out": "; ".join(notes)} if notes else {})
    return JobResult(rows_read=n_rows, rows_written=written, tables=(tables.MODEL_EVALUATIONS,), details=details)


def _inputs(snapshot: Snapshot, config: Config, family: Family, manifest: FeatureManifest) -> str:
    """A fingerprint of all that `_mark` follows from, found by one query."""
    issues = [tables.LABEL_ISSUES] if config.training.prune_suspects else []
    facets = facets_of(config, family)
    thresholds = config.read_taxonomy().version if family == "category" else None
    labelled = labelled_state(snapshot, manifest, issues)
    return fingerprint([family, _METHOD, manifest.version, config.training.settings, facets, thresholds, labelled])


def _trained_already(
    lake: Lake, tracking: Tracking, config: Config, family: Family, model: str, inputs: str
) -> JobResult | None:
    """What is to be said where the candidate was trained from these inputs and its figures are written; else None."""
    version = tracking.version_at(model, CANDIDATE)
    if version is None or version.tags.get(_INPUTS) != inputs or not _has_figures(lake, version):
        return None
    said = f"{version.name} was trained from exactly these rows and settings"
    return JobResult(tables=(tables.MODEL_EVALUATIONS,), details={family: said})


def snapshot_of(lake: Lake, config: Config) -> Snapshot:
    """The tables at versions that are fixed before anything is read: no other writer can mix states of a lake."""
    read = [*_READ, *([tables.LABEL_ISSUES] if config.training.prune_suspects else [])]
    names = [table.full_name for table in read]
    unknown = sorted(set(config.training.versions) - set(names))
    if unknown:
        raise ConfigurationError(f"training.versions: {unknown[0]!r} is none of what is read: {', '.join(names)}")
    return lake.snapshot(read, config.training.versions, config.training.as_of)


def facets_to_train(
    lake: Reader, config: Config, family: Family, manifest: FeatureManifest, held: ExitStack
) -> tuple[dict[str, Facet], list[str]]:
    """Facets that can be trained, by head, and what is to be said of them and of those that can't."""
    features = content_features(lake, manifest)
    labels = lake.read(tables.LABELS)
    found: dict[str, Facet] = {}
    notes: list[str] = []
    for head, facet in facets_of(config, family).items():
        labelled = cached(_examples(lake, config, features, labels, facet), held)
        taking_part = labelled.where(F.col(c.PART).isNotNull())
        rows = cached(without_leaks(taking_part, config.training.near_duplicate), held)
        whole = label_counts(rows)
        rows, counts, said = _drawn(config, facet, rows, whole)
        classes = classes_of(counts, config.training.min_labels_a_class)
        if family == "risk" and classes:
            classes = (c.NO, c.YES) if len(classes) == 2 else classes
        notes += _notes(facet, classes, whole, label_counts(labelled)) + said
        if len(classes) >= 2:
            n_by_class, n_judging = (
                tuple(counts.get((part, name), 0) for name in classes) for part in (TRAIN, CALIBRATION)
            )
            parted = _branchings(config, family, classes)
            found[head] = Facet(facet, rows, _by_part(counts), classes, n_by_class, n_judging, parted)
    return found, notes


def _branchings(config: Config, family: Family, classes: tuple[str, ...]) -> dict[str | None, Groups]:
    if family == "risk" or config.training.tree == "flat":
        return flat(classes)
    return branchings(classes, config.read_taxonomy().parents)


def _examples(lake: Reader, config: Config, features: DataFrame, labels: DataFrame, facet: str) -> DataFrame:
    is_soft = config.training.labels == "soft"
    rows = examples(features, labels, facet, config.training.split, with_posterior=is_soft)
    if config.training.weights == "none":
        rows = rows.withColumn(c.WEIGHT, F.lit(1.0).cast("float"))
    if config.training.prune_suspects:
        rows = without_suspects(rows, lake.read(tables.LABEL_ISSUES), facet)
    return rows


def _drawn(config: Config, facet: str, rows: DataFrame, counts: Counts) -> tuple[DataFrame, Counts, list[str]]:
    """Rows and their counts, with a sample of the training rows where there are more than are wanted, and a note of it.

    No query is run where there are not.
    """
    n_train, most = _by_part(counts)[TRAIN], config.training.max_rows
    if most is None or n_train <= most:
        return rows, counts, []
    drawn = sampled(rows, most / n_train, config.training.split.seed)
    found = label_counts(drawn)
    n_left = n_train - _by_part(found)[TRAIN]
    return drawn, found, [f"{facet}: {n_left} of {n_train} training labels, by a draw of contents (training.max_rows)"]


def _by_part(counts: Counts) -> dict[str, int]:
    return {one: sum(n for (part, _), n in counts.items() if part == one) for one in (TRAIN, CALIBRATION, HELD_OUT)}


def _notes(facet: str, classes: tuple[str, ...], counts: Counts, before: Counts) -> list[str]:
    """What a facet's training lacks, in words."""
    if len(classes) < 2:
        said = f"only {classes[0]!r} has training labels" if classes else "no training labels"
        return [f"{facet}: {said}"]
    notes = []
    rare = sorted({label for _, label in counts} - set(classes))
    if rare:
        notes.append(
            f"{facet}: too few training labels of {', '.join(rare[:5])}{' and others' if len(rare) > 5 else ''}"
        )
    n_outside = sum(n for (part, _), n in before.items() if part is None)
    if n_outside:
        notes.append(
            f"{facet}: {n_outside} labels on the other side of training.split.held_out_after than their creator"
        )
    n_leaks = sum(before.values()) - n_outside - sum(counts.values())
    if n_leaks:
        notes.append(f"{facet}: {n_leaks} texts that are like ones of another part")
    return notes


def _mark(config: Config, family: Family, manifest: FeatureManifest, heads: Mapping[str, Facet]) -> str:
    """The training fingerprint: the same for the same labelled texts, features and settings."""
    rows = {head: [list(facet.classes), fingerprint_rows(facet.rows)] for head, facet in heads.items()}
    thresholds = config.read_taxonomy().version if family == "category" else None
    return fingerprint([family, _METHOD, manifest.version, config.training.settings, rows, thresholds])


def _fit(
    lake: Lake, config: Config, family: Family, manifest: FeatureManifest, heads: Mapping[str, Facet], mark: str
) -> ModelBundle:
    folder = config.checkpoint_folder
    # By the places of the parts, not by their nodes, whose ids may hold any character.
    kept = {
        head: [KeptFile(folder / f"{mark}-{head}-{place}.ubj") for place in range(len(facet.branchings))]
        for head, facet in heads.items()
        if folder
    }
    fitted = {head: _fit_head(lake, config, manifest, facet, kept.get(head)) for head, facet in heads.items()}
    for file in chain(*kept.values()):
        file.remove()
    bundle = ModelBundle(family, manifest, {head: found for head, (found, _) in fitted.items()})
    for head, facet in heads.items():
        bundle = (
            _with_risk_levels(config, bundle, head, facet)
            if family == "risk"
            else _with_acceptance(config, bundle, facet)
        )
    for head, (_, last) in fitted.items():
        bundle = bundle.with_head(head, logistic=last)
    return bundle


def _fit_head(
    lake: Lake, config: Config, manifest: FeatureManifest, facet: Facet, checkpoints: Sequence[KeptFile] | None
) -> tuple[Head, LogisticModel | None]:
    """A head as its calibration and thresholds have to see it, and the logistic regression that takes its place then.

    That is fitted on the rows too that calibration and thresholds are chosen on: no rows stop it early, and more make
    it better (scikit-learn's CalibratedClassifierCV with ensemble=False does likewise).
    """
    with ExitStack() as held:
        rows, linear, placed = prepared(lake, config, manifest, facet, held)
        last = _logistic(config, manifest, placed, facet)
        honest = _logistic(config, manifest, placed.where(F.col(c.PART) == TRAIN), facet)
        parts = [
            LocalPart(node, groups, _fit_part(config, rows, facet, groups, checkpoints[place] if checkpoints else None))
            for place, (node, groups) in enumerate(facet.branchings.items())
        ]
    head = Head(facet.classes, b"", linear, logistic=honest, logistic_share=config.training.logistic.share)
    # One that tells all classes apart by itself is what a flat head is.
    if len(parts) == 1:
        return dataclasses.replace(head, booster=parts[0].booster), last
    return dataclasses.replace(head, parts=tuple(parts)), last


def _logistic(config: Config, manifest: FeatureManifest, rows: DataFrame, facet: Facet) -> LogisticModel | None:
    """The logistic regression that is mixed with the booster, where one is wanted."""
    settings = config.training.logistic
    return fit_logistic(rows, len(facet.classes), manifest.buckets, settings) if settings.share > 0 else None


def _fit_part(config: Config, rows: DataFrame, facet: Facet, groups: Groups, checkpoint: KeptFile | None) -> bytes:
    """The booster that tells groups of classes apart, fitted and judged on the rows of these classes alone."""
    settings = config.training
    stops_early = facet.n_judging(groups) >= settings.min_validation
    own = rows_of(rows if stops_early else rows.where(~F.col(VALIDATION)), groups)
    n_groups, seed = len(groups), settings.split.seed
    fitted = fit_booster(own, n_groups, seed, settings.booster, stops_early, checkpoint, settings.external_memory)
    return fitted.booster


def prepared(
    lake: Lake, config: Config, manifest: FeatureManifest, facet: Facet, held: ExitStack
) -> tuple[DataFrame, LinearModel, DataFrame]:
    """What a facet's boosters are fitted on and judged by, on their workers, the linear models among the features, and
    the rows that these were fitted on.

    The local ones of a tree share the linear models of all classes. Rows that several read are cached.
    """
    settings, folds = config.training, config.training.split.folds
    is_trained_on, is_judge = F.col(c.PART) == TRAIN, F.col(c.PART) == CALIBRATION
    fitted_on = facet.rows.where(is_trained_on | is_judge)
    fitted_on = softened(fitted_on) if settings.labels == "soft" else fitted_on
    labelled = with_class_index(fitted_on, facet.classes)
    labelled = balanced(labelled, facet.n_by_class, settings.balance)
    # Those that judge are read as contents are when they are scored: by the linear models of all training rows.
    by_place = labelled.withColumn(c.FOLD, F.when(is_trained_on, F.col(c.FOLD)).otherwise(F.lit(folds)))
    placed = cached(place(by_place, _workers(lake, config, facet)), held)
    linear, without = fit_linear(placed.where(is_trained_on), len(facet.classes), manifest, folds, settings.linear)
    made = with_features(placed, (*without, linear), manifest).withColumn(VALIDATION, is_judge)
    return (cached(made, held) if len(facet.branchings) > 1 else made), linear, placed


def _workers(lake: Lake, config: Config, facet: Facet) -> int:
    """How many fit a facet together: few rows are summed over workers for longer than one takes for all."""
    settings = config.training
    n_rows = facet.by_part[TRAIN] + facet.by_part[CALIBRATION]
    return settings.workers or min(slots(lake.session), math.ceil(n_rows / settings.rows_a_worker))


def _with_risk_levels(config: Config, bundle: ModelBundle, head: str, facet: Facet) -> ModelBundle:
    """The bundle with a head's calibration and the levels that it calls for."""
    scored = predict(facet.rows.where(F.col(c.PART) == CALIBRATION), bundle, (c.LABEL,)).select(
        F.col(PREDICTION_PREFIX + head)[1].cast("double").alias(c.PROBABILITY),
        (F.col(c.LABEL) == c.YES).alias("is_positive"),
    )
    levels = binned(scored, c.PROBABILITY, "is_positive")
    calibration = fit_calibration(levels, config.training.calibration)
    chosen: Mapping[str, float] = {}
    if facet.n_calibration >= config.training.min_validation:
        chosen = risk_thresholds(calibrated(levels, calibration), config.training.levels)
    return bundle.with_head(head, calibration=calibration, thresholds=chosen)


def _with_acceptance(config: Config, bundle: ModelBundle, facet: Facet) -> ModelBundle:
    """The bundle with the probabilities from where nodes are accepted; as it is where labels are too few to choose."""
    if facet.n_calibration < config.training.min_validation:
        return bundle
    tree = CategoryTree.build(config.read_taxonomy(), facet.classes, config.scoring.accept_threshold)
    scored = predict(facet.rows.where(F.col(c.PART) == CALIBRATION), bundle, (c.LABEL,))
    counts = node_counts(scored, PREDICTION_PREFIX + c.CATEGORY, facet.classes, tree.membership, tree.path_nodes)
    chosen = node_thresholds(tree.nodes, counts, config.training.acceptance_precision, floor=0.0)
    return bundle.with_head(c.CATEGORY, thresholds=chosen)


def _complete_figures(lake: Lake, snapshot: Snapshot, tracking: Tracking, config: Config, version: Version) -> int:
    """Figures of a version whose training died after it was registered and before they were written."""
    if _has_figures(lake, version):
        return 0
    return _write_figures(lake, version, held_out_figures(snapshot, config, tracking.load(version)))


def _has_figures(lake: Lake, version: Version) -> bool:
    is_this = (F.col(c.MODEL) == version.model) & (F.col(c.VERSION) == version.number)
    return not lake.read(tables.MODEL_EVALUATIONS).where(is_this).isEmpty()


def _write_figures(lake: Lake, version: Version, figures: Mapping[str, list[Figure]]) -> int:
    rows = [
        (version.model, version.number, facet, f.slice, f.metric, f.value, *(f.interval or (None, None)), f.n)
        for facet, found in figures.items()
        for f in found
    ]
    return lake.merge(lake.session.createDataFrame(rows, schemas.MODEL_EVALUATIONS), tables.MODEL_EVALUATIONS).written


def _in_words(family: Family, figures: Mapping[str, list[Figure]]) -> str:
    value, n = main_figure(measured(figures), family)
    metric = MAIN_METRIC[family]
    return f"no held-out {metric}" if value is None else f"held-out {metric} {value:.4f} on {n} contents"
