"""Figures that Spark sums by slice and replicate, against scikit-learn on the rows of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

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
        macro = found[name, "macro_f1"]
        assert (macro.n, macro.creators) == (len(inside), inside[CREATOR].nunique())
        for place in range(1 + SETTINGS.replicates):
            drawn = seen_in(inside, place)
            expected = f1_score(drawn[c.LABEL], drawn[PREDICTED], average="macro", zero_division=0)
            assert macro.values[place] == pytest.approx(expected)
            micro = f1_score(drawn[c.LABEL], drawn[PREDICTED], average="micro", zero_division=0)
            assert found[name, "micro_f1"].values[place] == pytest.approx(micro)
            assert found[name, "accuracy"].values[place] == pytest.approx((drawn[c.LABEL] == drawn[PREDICTED]).mean())
            for metric, expected in hierarchical(drawn).items():
                assert found[name, f"hierarchical_{metric}"].values[place] == pytest.approx(expected)
        assert all(found[name, metric].interval for metric in ("macro_f1", "hierarchical_recall", "calibration_error"))
    of_tech = found["node=tech", "f1"]
    is_tech = frame[c.LABEL] == "tech"
    assert (of_tech.n, of_tech.creators) == (is_tech.sum(), frame[is_tech][CREATOR].nunique())
    expected = f1_score(frame[c.LABEL] == "tech", frame[PREDICTED] == "tech")
    assert of_tech.value == pytest.approx(expected)
    assert ("node=sport", "f1") not in found  # nothing is labelled or predicted so
    sure = frame.assign(is_positive=frame[c.LABEL] == frame[PREDICTED])
    assert_calibration(found, sure)


def assert_calibration(found: dict[tuple[str, str], Figure], rows: pd.DataFrame) -> None:
    """Of all rows: 15 bins of 16, the least probable first. Two rows on one level are in one bin: one may be over."""
    bins = np.array_split(rows.sort_values(c.PROBABILITY)[[c.PROBABILITY, "is_positive"]].to_numpy(dtype=float), 15)
    assert {len(one) for one in bins} == {N // 15}
    means = [one.mean(axis=0) for one in bins]
    error = np.mean([abs(chance - share) for chance, share in means])
    assert found[OVERALL, "calibration_error"].value == pytest.approx(error, abs=0.01)
    for place, (chance, share) in enumerate(means, 1):
        assert found[OVERALL, f"confidence_{place:02d}"].value == pytest.approx(chance, abs=0.01)
        assert found[OVERALL, f"reliability_{place:02d}"].value == pytest.approx(share, abs=0.07)
        assert found[OVERALL, f"reliability_{place:02d}"].interval is not None
    curves = {name for name, metric in found if metric.startswith("reliability_")}
    assert curves == {OVERALL}, "the slices have too few contents for a curve"


def hierarchical(rows: pd.DataFrame) -> dict[str, float]:
    def nodes(label: str) -> set[str]:
        parent = PARENTS.get(label)
        return {label, parent} if parent else {label}

    pairs = [(nodes(a), nodes(b)) for a, b in zip(rows[c.LABEL], rows[PREDICTED], strict=True)]
    shared = sum(len(a & b) for a, b in pairs)
    true, predicted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    return {"precision": shared / predicted, "recall": shared / true, "f1": 2 * shared / (true + predicted)}


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
            # One positive of twenty or more, at most, is on the other side of a threshold.
            precision, recall, _ = precision_recall_curve(truth, chance)
            expected = recall[precision >= SETTINGS.precision].max()
            assert found[name, "recall_at_precision"].values[place] == pytest.approx(expected, abs=0.05)
            first = drawn.sort_values(c.PROBABILITY, ascending=False)["is_positive"][: round(0.2 * len(drawn))]
            expected = first.sum() / truth.sum()
            assert found[name, "recall_at_capacity"].values[place] == pytest.approx(expected, abs=0.05)
    assert_calibration(found, frame)
    assert found["language=de", "pr_auc"].creators == inside[CREATOR].nunique()
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
