"""Labels against what models say that did not see them, to silver.label_issues: ranked suspects, with the reason."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs._labelled import labelled_state
from jobs._models import content_features, facets_of, manifest_in_force
from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.bundle import FeatureManifest
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.labels.issues import class_thresholds, joint_counts, n_wrong, suspects, with_confident
from linnaeus.runtime.command import FULL, INPUTS, JobResult, exit_with, last_run_of
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, cached, slots
from linnaeus.training.booster import place
from linnaeus.training.examples import classes_of, examples, label_counts, with_class_index
from linnaeus.training.out_of_fold import out_of_fold
from linnaeus.training.split import TRAIN

_READ = (tables.CONTENT, tables.TOKENS, tables.TEXT_EMBEDDINGS, tables.LABELS)
_KEPT = (c.CONTENT_ID, c.LABEL)


@dataclass(frozen=True, eq=False)
class _Found:
    """A facet's suspects, how many labels were looked at, and what is said of them."""

    rows: DataFrame
    n_labels: int
    said: str


def main(config: Config) -> JobResult:
    """Look at every label of every facet that has two classes; the table holds what is found, and nothing else.

    Where nothing that is read has changed since the last run on record, that run's findings stand.
    """
    lake = Lake(build_session(config), config)
    manifest = manifest_in_force(config)
    settings = (manifest.version, config.training.settings, config.labels.most_issues, facets_of(config, "risk"))
    inputs = fingerprint([labelled_state(lake.snapshot(_READ), manifest), *settings])
    before = last_run_of(lake, "find_label_issues", inputs)
    if before is not None:
        return JobResult(tables=(tables.LABEL_ISSUES,), details=before)
    features, labels = content_features(lake, manifest), lake.read(tables.LABELS)
    facets = [facet for family in ("category", "risk") for facet in facets_of(config, family).values()]
    with ExitStack() as held:
        found = {facet: _of_facet(config, features, labels, facet, manifest, held) for facet in facets}
        nothing = lake.session.createDataFrame([], schemas.LABEL_ISSUES)
        rows = reduce(DataFrame.union, [one.rows for one in found.values() if one is not None], nothing)
        written = lake.replace(rows, tables.LABEL_ISSUES).written
    return JobResult(
        rows_read=sum(one.n_labels for one in found.values() if one is not None),
        rows_written=written,
        tables=(tables.LABEL_ISSUES,),
        details={facet: one.said if one else "not looked at: fewer than two classes" for facet, one in found.items()}
        | {INPUTS: inputs},
    )


def _of_facet(
    config: Config, features: DataFrame, labels: DataFrame, facet: str, manifest: FeatureManifest, held: ExitStack
) -> _Found | None:
    settings = config.training
    # Every label is looked at, whatever part it is in: nothing that is fitted here is kept.
    labelled = examples(features, labels, facet, settings.split).withColumn(c.PART, F.lit(TRAIN))
    classes = classes_of(label_counts(labelled), settings.min_labels_a_class)
    if len(classes) < 2:
        return None
    rows = cached(place(with_class_index(labelled, classes), slots(features.sparkSession)), held)
    keep = partial(cached, until=held)
    predictions = keep(out_of_fold(rows, len(classes), manifest, settings.split.folds, settings.linear, _KEPT, keep))
    confident = with_confident(predictions, classes, class_thresholds(predictions, classes))
    joint = joint_counts(confident, classes)
    found = suspects(confident.withColumn(c.FACET, F.lit(facet)), classes, joint, config.labels.most_issues)
    n_labels = round(joint.sum())
    said = f"{n_labels} labels, about {100 * n_wrong(joint) / max(1, n_labels):.1f}% of them wrong"
    return _Found(_as_rows(found, labels), n_labels, said)


def _as_rows(found: DataFrame, labels: DataFrame) -> DataFrame:
    came_from = labels.select(F.col(c.ITEM_ID).alias(c.CONTENT_ID), c.FACET, c.SOURCE)
    rows = found.join(came_from, [c.CONTENT_ID, c.FACET]).withColumn(c.FOUND_AT, F.current_timestamp())
    return rows.select(*tables.LABEL_ISSUES.columns)


def command() -> None:
    """Entry point of the wheel."""
    exit_with("find_label_issues", main, (FULL,), needs=DEPENDENCIES["find_label_issues"])


if __name__ == "__main__":
    command()
