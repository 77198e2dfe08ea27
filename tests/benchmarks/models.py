"""Category and risk models beside scikit-learn's TF-IDF and logistic regression, its penalty tuned, on the same split.

    .venv/bin/python tests/benchmarks/models.py [--sets podcasts,sms] [--seeds 17,18] [--set SECTION.KEY=VALUE]

Ours is what the jobs train and judge: tables of the sets of ../shared/data and of the sample are made once, and kept in
.cache/benchmarks/models. The baseline sees the titles and bodies of the same contents: it is fitted on those that ours
is trained and calibrated on, its penalty is chosen among six by cross-validation inside them (by creator), and both are
judged on the held-out creators' contents. The calibration error is that of 15 bins of equal mass. Each seed splits the
creators anew: on one split alone, a difference of a few texts is chance.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyspark.sql import functions as F
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline

sys.path.insert(0, str(Path(__file__).parents[2]))

from jobs import aggregate_labels, build_embeddings, build_tokens, ingest_bronze, train_category, train_risk
from jobs._models import MAIN_METRIC, content_features, held_out_figures, manifest_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import Family
from linnaeus.contracts.config import Config, load_config, resolve
from linnaeus.features.text import text
from linnaeus.runtime.aliases import CANDIDATE
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import Tracking
from linnaeus.training.evaluation import OVERALL
from linnaeus.training.examples import examples
from linnaeus.training.leakage import without_leaks
from linnaeus.training.split import HELD_OUT
from tests.benchmarks.support import print_table, timed
from tests.benchmarks.texts import SHARED

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
ENOUGH = 1000  # held-out texts from which on a calibration error is asked for


@dataclass(frozen=True)
class Set:
    """Texts with labels of one facet."""

    name: str
    folder: str | None
    family: Family
    facet: str


SETS = (
    Set("podcasts", "topics/podcasts", "category", "category"),
    Set("videos", "topics/videos", "category", "category"),
    Set("bbc", None, "category", "category"),
    Set("hate", "risk/hate", "risk", "risk.hate"),
    Set("offensive", "risk/hate", "risk", "risk.offensive"),
    Set("toxic", "risk/toxic", "risk", "risk.toxic"),
    Set("sms", None, "risk", "risk.spam"),
)


@dataclass(frozen=True)
class Found:
    """Figures of a set: the main one of ours with its interval, of the baseline, and ours' calibration error."""

    ours: float
    interval: tuple[float, float]
    calibration_error: float
    n: int
    baseline: float
    strength: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(one.name for one in SETS))
    parser.add_argument("--seeds", default=None, help="of the split (training.split.seed); the configured one alone")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    wanted = [one for one in SETS if one.name in options.sets.split(",") and (one.folder is None or SHARED.is_dir())]
    splits = [(f"training.split.seed={seed}",) for seed in options.seeds.split(",")] if options.seeds else [()]
    rows, means = [], []
    for one in wanted:
        found = []
        for split in splits:
            with timed() as clock:
                found.append(measure(one, (*options.set, *split)))
            print(f"{one.name}: {found[-1]} ({clock.seconds:.0f} s)", file=sys.stderr, flush=True)
        rows += [_row(one, of_split) for of_split in found]
        means.append((np.mean([each.ours for each in found]), np.mean([each.baseline for each in found])))
        if len(found) > 1:
            rows.append(_mean_row(f"{one.name}, mean", *means[-1]))
    header = (
        "set",
        "figure",
        "held out",
        "ours",
        "95% interval",
        "TF-IDF, logistic regression",
        "less",
        "calibration error",
    )
    print_table("Models on held-out creators", header, [*rows, _mean_row("mean", *np.mean(means, axis=0))])


def measure(one: Set, overrides: tuple[str, ...]) -> Found:
    """Train ours and the baseline and judge both."""
    config = config_of(one, overrides)
    session = build_session(config, "benchmark")
    for job in (ingest_bronze, build_tokens, build_embeddings, aggregate_labels):
        job.main(config)
    (train_category if one.family == "category" else train_risk).main(config)
    lake, tracking = Lake(session, config), Tracking(config)
    model = config.registry.category_model if one.family == "category" else config.registry.risk_model
    version = tracking.version_at(model, CANDIDATE)
    assert version is not None
    figures = {
        f.metric: f for f in held_out_figures(lake, config, tracking.load(version))[one.facet] if f.slice == OVERALL
    }
    ours, error = figures[MAIN_METRIC[one.family]], figures["calibration_error"]
    baseline, strength = logistic_regression(one, rows_of(lake, config, one))
    return Found(ours.value, ours.interval or (np.nan, np.nan), error.value, ours.n, baseline, strength)


def config_of(one: Set, overrides: tuple[str, ...]) -> Config:
    """Settings of a set's own lake, registry and sources."""
    own = resolve(".cache/benchmarks/models") / (
        (one.folder or one.family).replace("/", "-") if one.folder else "sample"
    )
    settings = [
        f"lake.root={own / 'lake'}",
        f"tracking.uri=sqlite:///{own / 'mlflow.db'}",
        f"tracking.artifacts={own / 'artifacts'}",
        "spark.master=local[2]",
        "sources.creators=null",
    ]
    if one.folder:
        folder = SHARED / one.folder
        settings += [f"sources.{name}={folder / name}.jsonl" for name in ("content", "gold_labels")]
        settings.append(f"{one.family if one.family == 'risk' else 'taxonomy'}.path={next(folder.glob('*.yml'))}")
    return load_config("local", [*settings, *overrides])


def rows_of(lake: Lake, config: Config, one: Set) -> pd.DataFrame:
    """The labelled texts with their part: what ours was trained and judged on."""
    features = content_features(lake, manifest_in_force(config))
    labelled = examples(features, lake.read(tables.LABELS), one.facet, config.training.split)
    kept = without_leaks(labelled.where(F.col(c.PART).isNotNull()), config.training.near_duplicate)
    return (
        kept.select(c.CONTENT_ID, c.CREATOR_ID, text().alias(c.TEXT), c.LABEL, c.PART).orderBy(c.CONTENT_ID).toPandas()
    )


def logistic_regression(one: Set, rows: pd.DataFrame) -> tuple[float, float]:
    """The baseline's figure on the held-out texts, and the strength (C) that was chosen."""
    held_out = rows[c.PART] == HELD_OUT
    train, test = rows[~held_out], rows[held_out]
    metric = "f1_macro" if one.family == "category" else "average_precision"
    labels: Any = train[c.LABEL] if one.family == "category" else (train[c.LABEL] == c.YES)
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(max_iter=200))
    search = GridSearchCV(model, {"logisticregression__C": STRENGTHS}, scoring=metric, cv=GroupKFold(3), n_jobs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(train[c.TEXT], labels, groups=train[c.CREATOR_ID])
    strength = float(search.best_params_["logisticregression__C"])
    if one.family == "category":
        return float(f1_score(test[c.LABEL], search.predict(test[c.TEXT]), average="macro")), strength
    chances: npt.NDArray[np.float64] = search.predict_proba(test[c.TEXT])[:, 1]
    return float(average_precision_score(test[c.LABEL] == c.YES, chances)), strength


def _row(one: Set, found: Found) -> tuple[str, ...]:
    lower, upper = found.interval
    asked = one.family == "risk" and found.n >= ENOUGH
    error = f"**{found.calibration_error:.4f}** (asked: 0.02)" if asked else f"{found.calibration_error:.4f}"
    return (
        one.name,
        "macro-F1" if one.family == "category" else "PR-AUC",
        f"{found.n:,}",
        f"**{found.ours:.4f}**",
        f"{lower:.4f} to {upper:.4f}",
        f"{found.baseline:.4f} (C {found.strength:g})",
        f"{found.ours - found.baseline:+.4f}",
        error,
    )


def _mean_row(name: str, ours: float, baseline: float) -> tuple[str, ...]:
    return (name, "", "", f"**{ours:.4f}**", "", f"{baseline:.4f}", f"{ours - baseline:+.4f}", "")


if __name__ == "__main__":
    main()
