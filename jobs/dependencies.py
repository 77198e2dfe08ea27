"""What each job of the flow depends on, and where its result is (see linnaeus.runtime.up_to_date).

A test runs every job and compares what it reads with what is declared here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION, PASSED
from linnaeus.runtime.up_to_date import Alias, Dependencies, OwnRows

_declared = partial(Dependencies, code=Path(__file__).resolve().parent)
_CATEGORY, _RISK = "registry.category_model", "registry.risk_model"
_FEATURES = (tables.CONTENT, tables.TOKENS, tables.TEXT_EMBEDDINGS)
_TREES = ("taxonomy.path", "risk.path")
# Sections that any user of jobs/_models.py may read: a change too many costs one run.
_OF_MODELS = ("tokens", "embedder", "features", "training", "evaluation", "scoring")
_REGISTRY = ("registry", "tracking")


def _training(model: str) -> Dependencies:
    return _declared(
        reads=(*_FEATURES, tables.LABELS),
        reads_if=lambda config: [tables.LABEL_ISSUES] if config.training.prune_suspects else [],
        settings=(*_OF_MODELS, *_REGISTRY),
        files=(*_TREES, "tokens.lemma_dictionary"),
        embedder=True,
        rows=(OwnRows(tables.MODEL_EVALUATIONS, c.MODEL, model),),
        moves=(Alias(model, CANDIDATE),),
    )


def _scored_with(config: Config) -> Sequence[Alias]:
    wanted = (CHAMPION, CANDIDATE) if config.scoring.shadow else (CHAMPION,)
    return [Alias(model, alias) for model in (_CATEGORY, _RISK) for alias in wanted]


def _report(config: Config) -> Sequence[Path]:
    return [config.reports_folder / "labels.html"] if config.reports_folder is not None else []


def _queue_files(config: Config) -> Sequence[Path]:
    folder = config.review_folder
    return [folder / f"review_queue.{kind}" for kind in ("jsonl", "csv")] if folder is not None else []


DEPENDENCIES: Mapping[str, Dependencies] = {
    "ingest_bronze": _declared(
        reads=(tables.ERASED_IDS,),
        settings=("ingest", "erase.secret_variable"),
        files=_TREES,
        sources=tuple(f"sources.{name}" for name in ("content", "creators", "votes", "gold_labels")),
        writes=(
            tables.CONTENT,
            tables.CREATORS,
            tables.VOTES,
            tables.GOLD_LABELS,
            tables.QUARANTINE,
            tables.SOURCE_FILES,
        ),
    ),
    "build_tokens": _declared(
        reads=(tables.CONTENT,),
        settings=("tokens",),
        files=("tokens.lemma_dictionary",),
        writes=(tables.TOKENS,),
    ),
    "build_embeddings": _declared(
        reads=(tables.CONTENT,),
        settings=("embedder",),
        embedder=True,
        writes=(tables.TEXT_EMBEDDINGS, tables.EMBEDDINGS, tables.QUARANTINE),
    ),
    "aggregate_labels": _declared(
        reads=(tables.VOTES, tables.GOLD_LABELS),
        settings=("labels", "reports"),
        files=_TREES,
        writes=(tables.LABELS, tables.ANNOTATORS),
        leaves=_report,
    ),
    "find_label_issues": _declared(
        reads=(*_FEATURES, tables.LABELS),
        settings=(*_OF_MODELS, "labels"),
        files=(*_TREES, "tokens.lemma_dictionary"),
        embedder=True,
        writes=(tables.LABEL_ISSUES,),
    ),
    "train_category": _training(_CATEGORY),
    "train_risk": _training(_RISK),
    "promote_model": _declared(
        reads=(*_FEATURES, tables.LABELS, tables.MODEL_EVALUATIONS),
        settings=(*_OF_MODELS, "promotion", "decision", "reports", *_REGISTRY),
        files=(*_TREES, "tokens.lemma_dictionary"),
        embedder=True,
        models=lambda config: [Alias(model, CANDIDATE, tags=True) for model in (_CATEGORY, _RISK)],
        writes=(tables.PROMOTIONS,),
        moves=tuple(Alias(model, alias) for model in (_CATEGORY, _RISK) for alias in (CHAMPION, PASSED)),
    ),
    "score_content": _declared(
        reads=(*_FEATURES, tables.QUARANTINE),
        settings=(*_OF_MODELS, *_REGISTRY),
        files=_TREES,
        models=_scored_with,
        writes=(tables.CONTENT_PROFILES, tables.SHADOW_PROFILES),
    ),
    "roll_up_creators": _declared(
        reads=(tables.CONTENT_PROFILES, tables.CONTENT, tables.CREATORS),
        settings=("creators",),
        files=("taxonomy.path",),
        writes=(tables.CREATOR_PROFILE_HISTORY, tables.CREATOR_PROFILES),
    ),
    "fill_review_queue": _declared(
        reads=(tables.CONTENT, tables.LABELS, tables.CONTENT_PROFILES, tables.LABEL_ISSUES),
        settings=(*_OF_MODELS, "review"),
        files=_TREES,
        writes=(tables.REVIEW_QUEUE,),
        leaves=_queue_files,
    ),
}
