"""Why a content is in a category or was flagged: its row of gold.content_profiles, and the reasons for what it says.

`python -m jobs.explain --set content_id=ID`. The models are those that the row names, the tables are read as they were
when it was written, and the prediction is made again: what does not come out as the row has it is said to differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import functions as F

from jobs._as_written import ContentFeatures, Row, Then, features_then, model_of, profile_of, text_then, vector_then
from jobs._explanation import EQUAL, Explained, FiredRule, PathNode, Recomputed, areas_of, document, sections
from jobs._models import taxonomy_version_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import Family, FeatureManifest, ModelBundle
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.contracts.errors import ConfigurationError, InputError
from linnaeus.features.markup import text_and_links
from linnaeus.inference.category import CategoryTree
from linnaeus.inference.explain import HeadReasons, explain_head, largest_difference
from linnaeus.inference.neighbours import nearest
from linnaeus.inference.predictor import Array, Predictor
from linnaeus.inference.rule_search import Needle, RuleSearch
from linnaeus.inference.score import Levels
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.files import write_whole
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.report import print_report, write_report
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import Tracking

FOLDER = "explanations"
_TITLE = "Why a content was scored as it was"
_READ = (tables.CONTENT, tables.TOKENS, tables.TEXT_EMBEDDINGS, tables.LABELS)
_MODEL_COLUMN: dict[Family, str] = {"category": c.CATEGORY_MODEL, "risk": c.RISK_MODEL}


@dataclass(frozen=True, eq=False)
class _Again:
    """A family's prediction made again: its model, the features, and the classes' probabilities by head."""

    bundle: ModelBundle
    features: ContentFeatures
    chances: Mapping[str, Array]


def main(config: Config) -> JobResult:
    """Explain. Raises InputError where there is no such row, or where `explain.exact_only` asks for what is gone."""
    settings = config.explain
    if settings.content_id is None:
        raise ConfigurationError("explain.content_id is not set; say which content is explained, --set content_id=ID")
    tracking = Tracking(config)
    lake = Lake(build_session(config), config)
    told = explain(lake, tracking, config, profile_of(lake, settings.content_id, settings.as_of))
    lacking = [str(one) for one in told.recomputed if one.verdict != EQUAL]
    if settings.exact_only and lacking:
        raise InputError(f"not explained (explain.exact_only): {'; '.join([*lacking, *told.notes])}")
    answer, page = document(told, settings), sections(told, settings)
    print_report(_TITLE, page)
    # Named by a hash: a file's name is nothing that an erasure looks into.
    name = fingerprint([told.row[c.CONTENT_ID], told.row[c.SCORED_AT].isoformat(), answer["provenance"]])
    details = {"explained": "exactly" if told.is_exact else "not exactly, see above"}
    folder = config.reports_folder
    if folder is not None:
        written = write_report(folder / FOLDER, name, _TITLE, page)
        write_whole(folder / FOLDER / f"{name}.json", json.dumps(answer, ensure_ascii=False))
        details["report"] = str(written)
    return JobResult(rows_read=1, details=details, answer=answer)


def explain(lake: Lake, tracking: Tracking, config: Config, row: Row) -> Explained:
    """All that can be told of a row."""
    then = Then.of(lake, row[c.SCORED_AT], _READ)
    again, recomputed = _again(then, tracking, row)
    in_force = row[c.TAXONOMY_VERSION] == taxonomy_version_in_force(config)
    same = {one.family for one in recomputed if one.verdict == EQUAL}
    notes = []
    if not in_force:
        notes.append(
            f"taxonomy, rules or thresholds are others by now than those of the row ({row[c.TAXONOMY_VERSION]}): what "
            "they were can't be told"
        )
    rules = _rules(then, config, row, in_force)
    own_labels, neighbours = _labels(then, config, row, again)
    if row[c.EMBEDDER] is None:
        notes.append("it was scored without a vector: there are no neighbours")
    return Explained(
        row,
        recomputed,
        _path(config, row, again.get("category") if "category" in same else None, in_force),
        _levels(config, again.get("risk")) if in_force else {},
        rules,
        _reasons(row, again),
        own_labels,
        neighbours,
        then.versions,
        (*notes, *then.notes),
    )


def _again(then: Then, tracking: Tracking, row: Row) -> tuple[dict[Family, _Again], tuple[Recomputed, ...]]:
    """The predictions of the row's models, and how they compare with the row."""
    found: dict[Family, _Again] = {}
    compared = []
    made: dict[FeatureManifest, ContentFeatures | str] = {}
    for family, column in _MODEL_COLUMN.items():
        stamp = row[column]
        if stamp is None:
            continue
        bundle = model_of(tracking, stamp)
        if isinstance(bundle, str):
            compared.append(Recomputed(family, stamp, None, bundle))
            continue
        if bundle.manifest not in made:
            made[bundle.manifest] = features_then(then, row, bundle.manifest)
        features = made[bundle.manifest]
        if isinstance(features, str):
            compared.append(Recomputed(family, stamp, None, features))
            continue
        predicted = Predictor(bundle).predict(features.batch)
        found[family] = _Again(bundle, features, {name: chances[0] for name, chances in predicted.items()})
        compared.append(Recomputed(family, stamp, _difference(row, family, found[family])))
    return found, tuple(compared)


def _difference(row: Row, family: Family, again: _Again) -> float:
    if family == "risk":
        return largest_difference(row[c.RISK], {area: float(chances[1]) for area, chances in again.chances.items()})
    stored = row[c.CATEGORY_PROBABILITIES] or {row[c.CATEGORY]: row[c.CATEGORY_PROBABILITY]}
    return largest_difference(stored, _by_class(again))


def _by_class(again: _Again) -> dict[str, float]:
    classes = again.bundle.heads[c.CATEGORY].classes
    return dict(zip(classes, again.chances[c.CATEGORY].tolist(), strict=True))


def _reasons(row: Row, again: Mapping[Family, _Again]) -> dict[str, HeadReasons]:
    """By head: of the category over the runner-up, of each risk over its absence."""
    pairs: dict[str, tuple[_Again, str, str]] = {}
    if "category" in again:
        by_class = _by_class(again["category"])
        ranked = sorted(by_class, key=lambda one: (one != row[c.CATEGORY], -by_class[one], one))
        pairs[c.CATEGORY] = (again["category"], ranked[0], ranked[1])
    if "risk" in again:
        pairs |= {area: (again["risk"], c.YES, c.NO) for area in areas_of(row) if area in again["risk"].bundle.heads}
    return {
        head: explain_head(one.bundle, head, one.features.batch, one.features.terms, answer, other)
        for head, (one, answer, other) in pairs.items()
    }


def _path(config: Config, row: Row, again: _Again | None, in_force: bool) -> tuple[PathNode, ...]:
    """The category path. A node's probability is the sum over the classes below it: without the tree of that time only
    the last one's is known, and without the model that of small ones is left out."""
    path = row[c.CATEGORY_PATH] or []
    if not in_force or (again is None and row[c.CATEGORY_PROBABILITIES] is None):
        return tuple(
            PathNode(node, row[c.CATEGORY_PROBABILITY] if node == row[c.CATEGORY] else None, None) for node in path
        )
    chances = row[c.CATEGORY_PROBABILITIES] if again is None else _by_class(again)
    fitted = again.bundle.heads[c.CATEGORY].thresholds if again else {}
    tree = CategoryTree.build(config.read_taxonomy(), tuple(chances), config.scoring.accept_threshold, fitted)
    by_node = np.array(list(chances.values())) @ tree.membership
    at = {node: place for place, node in enumerate(tree.nodes)}
    probability = {node: float(by_node[at[node]]) for node in path if node in at}
    accepted_from = {node: float(tree.thresholds[at[node]]) for node in probability} if again else {}
    return tuple(PathNode(node, probability.get(node), accepted_from.get(node)) for node in path)


def _levels(config: Config, again: _Again | None) -> dict[str, tuple[float, float]]:
    """Probabilities from which a risk area is medium and high; without the model those of training are not known."""
    if again is None:
        return {}
    fitted = {name: head.thresholds for name, head in again.bundle.heads.items()}
    scoring = config.scoring
    found = Levels.build(config.read_risk(), scoring.medium_threshold, scoring.high_threshold, fitted)
    return {area: (found.medium[area], found.high[area]) for area in found.medium}


def _rules(then: Then, config: Config, row: Row, in_force: bool) -> tuple[FiredRule, ...]:
    """Rules that fired, by the row; where they are those in force, what of the text made them."""
    fired = [(area, rule) for area, rules in sorted((row[c.RISK_REASONS] or {}).items()) for rule in rules]
    areas = config.read_risk()
    level = {(area.id, rule.id): rule.level for area in areas.areas for rule in area.rules} if in_force else {}
    scored = text_then(then, row) if level and fired else None
    found = RuleSearch.of(areas).found(*text_and_links(scored)) if scored is not None else []
    return tuple(
        FiredRule(area, rule, level.get((area, rule)), _of(found, area, rule) if (area, rule) in level else ())
        for area, rule in fired
    )


def _of(found: Sequence[Needle], area: str, rule: str) -> tuple[str, ...]:
    """Which of a rule's words and domains were found."""
    return tuple(one.written for one in found if (one.area, one.rule) == (area, rule))


def _labels(then: Then, config: Config, row: Row, again: Mapping[Family, _Again]) -> tuple[list[Row], list[Row]]:
    """The content's own labels, and the nearest contents that have one, of the facets that it was scored for."""
    facets = [c.CATEGORY_FACET] if row[c.CATEGORY] is not None else []
    facets += [c.RISK_FACET_PREFIX + area for area in areas_of(row)]
    labels = then.read(tables.LABELS).where(F.col(c.FACET).isin(*facets))
    is_own = F.col(c.ITEM_ID) == row[c.CONTENT_ID]
    own = labels.where(is_own).select(c.FACET, c.LABEL, c.PROBABILITY, c.SOURCE).orderBy(c.FACET)
    told: list[Row] = [one.asDict() for one in own.collect()]  # few: one a facet
    if row[c.EMBEDDER] is None or config.explain.n_neighbours == 0:
        return told, []
    made = next((one.features.batch.embeddings[0] for one in again.values()), None)
    query = vector_then(then, row) if made is None else made
    if query is None:
        return told, []
    of_embedder = then.read(tables.TEXT_EMBEDDINGS).where(F.col(c.EMBEDDER) == row[c.EMBEDDER])
    found = nearest(query, then.read(tables.CONTENT), of_embedder, labels.where(~is_own), config.explain.n_neighbours)
    near = found.orderBy(c.FACET, c.RANK).collect()  # few: explain.n_neighbours a facet
    return told, [one.asDict() for one in near]


def command() -> None:
    """Entry point of the wheel."""
    exit_with("explain", main, section="explain")


if __name__ == "__main__":
    command()
