"""Figures that Spark sums by slice and replicate, against scikit-learn on the rows of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Evaluation
from linnaeus.training.bootstrap import weights
from linnaeus.training.evaluation import (
    CREATOR,
    OVERALL,
    PREDICTED,
    SLICES,
    Figure,
    category_figures,
    judged,
    risk_figures,
)

SETTINGS = Evaluation(replicates=6, precision=0.6, capacity=0.2, new_creator_days=90)
PARENTS = {"sport": None, "football": "sport", "tennis": "sport", "tech": None}
CLASSES = ("football", "tech", "tennis")
SEED, N = 4, 240
Truth = npt.NDArray[np.float64]


def table() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    label = rng.choice(["football", "tennis", "tech", "old"], N, p=[0.4, 0.3, 0.28, 0.02])
    predicted = np.where(rng.random(N) < 0.7, label, rng.choice(CLASSES, N))
    predicted[predicted == "old"] = "tech"
    return pd.DataFrame(
        {
            c.CREATOR_ID: [f"creator {one}" for one in rng.integers(0, 60, N)],
            c.LABEL: label,
            PREDICTED: predicted,
            c.PROBABILITY: rng.beta(2, 2, N),
            "language": rng.choice(["en", "de", None], N, p=[0.6, 0.3, 0.1]),
        }
    )


def rows_of(spark: SparkSession, partitions: int) -> DataFrame:
    frame = spark.createDataFrame(table()).repartition(partitions, c.PROBABILITY)
    is_yes = (F.col(c.LABEL) == "tech").alias("is_positive")
    return judged(frame.select("*", is_yes), {"language": F.col("language"), "size": F.lit(None)})


def by_name(figures: list[Figure]) -> dict[tuple[str, str], Figure]:
    found = {(one.slice, one.metric): one for one in figures}
    assert len(found) == len(figures)
    return found


def seen_in(frame: pd.DataFrame, place: int) -> pd.DataFrame:
    """The rows of a replicate, each as often as its creator is drawn."""
    drawn = weights(frame[CREATOR].to_numpy(), SETTINGS.replicates, SEED)[:, place].astype(int)
    return frame.loc[np.repeat(frame.index.to_numpy(), drawn)]


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> pd.DataFrame:
    return rows_of(spark, 3).toPandas().reset_index(drop=True)


def test_slices_are_named(frame: pd.DataFrame) -> None:
    for language, named in zip(frame["language"], frame[SLICES], strict=True):
        assert list(named) == [OVERALL] + ([f"language={language}"] if language else [])


@pytest.mark.parametrize("partitions", [1, 5])
def test_category(spark: SparkSession, frame: pd.DataFrame, partitions: int) -> None:
    rows = rows_of(spark, partitions)
    found = by_name(category_figures(rows, [*CLASSES, "old", "football"], PARENTS, SETTINGS, SEED))
    assert {one.partition("=")[0] for one, _ in found} == {OVERALL, "language", "node"}
    for name in (OVERALL, "language=en", "language=de"):
        inside = frame[[name in one for one in frame[SLICES]]]
        macro, nodes = found[name, "macro_f1"], found[name, "hierarchical_f1"]
        assert macro.n == len(inside)
        for place in range(1 + SETTINGS.replicates):
            drawn = seen_in(inside, place)
            expected = f1_score(drawn[c.LABEL], drawn[PREDICTED], average="macro", zero_division=0)
            assert macro.values[place] == pytest.approx(expected)
            assert nodes.values[place] == pytest.approx(hierarchical_f1(drawn))
    of_tech = found["node=tech", "f1"]
    assert of_tech.n == (frame[c.LABEL] == "tech").sum()
    expected = f1_score(frame[c.LABEL] == "tech", frame[PREDICTED] == "tech")
    assert of_tech.value == pytest.approx(expected)
    assert ("node=sport", "f1") not in found  # nothing is labelled or predicted so
    assert 0 < found[OVERALL, "calibration_error"].value < 1


def hierarchical_f1(rows: pd.DataFrame) -> float:
    def nodes(label: str) -> set[str]:
        parent = PARENTS.get(label)
        return {label, parent} if parent else {label}

    pairs = [(nodes(a), nodes(b)) for a, b in zip(rows[c.LABEL], rows[PREDICTED], strict=True)]
    return 2 * sum(len(a & b) for a, b in pairs) / sum(len(a) + len(b) for a, b in pairs)


@pytest.mark.parametrize("partitions", [1, 5])
def test_risk(spark: SparkSession, frame: pd.DataFrame, partitions: int) -> None:
    found = by_name(risk_figures(rows_of(spark, partitions), SETTINGS, SEED))
    for name in (OVERALL, "language=de"):
        inside = frame[[name in one for one in frame[SLICES]]]
        for place in range(1 + SETTINGS.replicates):
            drawn = seen_in(inside, place)
            truth, chance = drawn["is_positive"], drawn[c.PROBABILITY]
            # Levels are narrow, not exact: two probabilities may share one.
            assert found[name, "pr_auc"].values[place] == pytest.approx(
                average_precision_score(truth, chance), abs=2e-3
            )
            assert found[name, "roc_auc"].values[place] == pytest.approx(roc_auc_score(truth, chance), abs=1e-3)
    assert found[OVERALL, "prevalence"].value == pytest.approx(frame["is_positive"].mean())
    lower, upper = found[OVERALL, "pr_auc"].interval or (1.0, 0.0)
    assert 0 <= lower <= upper <= 1


def test_a_slice_without_both_answers_has_a_prevalence_alone(spark: SparkSession) -> None:
    rows = rows_of(spark, 2).where("language is null or language = 'en' or not is_positive")
    found = by_name(risk_figures(rows, SETTINGS, SEED))
    assert {metric for name, metric in found if name == "language=de"} == {"prevalence", "calibration_error"}


def test_nothing_held_out(spark: SparkSession) -> None:
    nothing = rows_of(spark, 2).limit(0)
    assert category_figures(nothing, CLASSES, PARENTS, SETTINGS, SEED) == []
    assert risk_figures(nothing, SETTINGS, SEED) == []
