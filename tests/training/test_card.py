"""The model card, and the plots beside it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure as Plot

from linnaeus.contracts.bundle import FeatureManifest
from linnaeus.training.card import model_card
from linnaeus.training.evaluation import Figure
from linnaeus.training.plots import confusion_plot, precision_recall_plot, reliability, reliability_plot
from tests.oracles import random_bundle, with_local_parts

MANIFEST = FeatureManifest("mini@1", "tok", dimension=4, statistics=("length", "links"), buckets=16, bigrams=True)
LEVELS = np.array([[0.9, 8, 2], [0.5, 5, 5], [0.1, 3, 27], [0.05, 0, 10]], dtype=float)


def figure(name: str, metric: str, value: float, n: int = 100) -> Figure:
    return Figure(name, metric, np.append(value, np.linspace(value - 0.1, value + 0.1, 50)), n)


def test_a_card_says_what_went_in_and_where_it_is_weak() -> None:
    bundle = random_bundle("category", {"category": ("arts", "news", "sport")}, MANIFEST)
    bundle = bundle.with_head("category", thresholds={"arts": 0.25, "sport": 0.5})
    figures = {
        "category": [
            figure("overall", "macro_f1", 0.8, 300),
            *[figure(f"language={one}", "macro_f1", value) for one, value in (("en", 0.9), ("de", 0.4))],
            *[figure(f"node={one}", "f1", value) for one, value in (("arts", 0.9), ("news", 0.2))],
        ]
    }
    counts = {"category": {"train": 1200, "calibration": 200, "held_out": 300}}
    card = model_card(
        "cats", bundle, figures, counts, {"code": "abc+", "embedder": "mini@1"}, ["category: 3 leaks"], "macro_f1"
    )
    assert card.startswith("# cats\n")
    for line in (
        "| category | 1,200 | 200 | 300 | arts, news, sport |",
        "- left out: category: 3 leaks",
        "| code | `abc+` |",
        "- category: arts 0.250, sport 0.500",
        "- category: one booster over all classes",
    ):
        assert line in card.splitlines()
    assert "| macro_f1 | 0.8000 | 0.7050 to 0.8950 | 300 |" in card
    assert card.index("| language=de |") < card.index("| language=en |")  # the weakest first
    assert card.index("| node=news |") < card.index("| node=arts |")


def test_a_card_of_risks() -> None:
    bundle = random_bundle("risk", {"spam": ("no", "yes"), "hate": ("no", "yes")}, MANIFEST)
    counts = {"risk.spam": {"train": 5}, "risk.hate": {"train": 7}}
    card = model_card("risks", bundle, {"risk.spam": [], "risk.hate": []}, counts, {}, [], "pr_auc")
    assert "not a verdict" in card
    assert "- spam: those of the configuration" in card


def test_a_card_says_where_local_classifiers_stand() -> None:
    bundle = random_bundle("category", {"category": ("arts", "news", "sport")}, MANIFEST)
    bundle = with_local_parts(bundle, "category", {None: ((0, 2), (1,)), "life": ((0,), (2,))})
    card = model_card("cats", bundle, {"category": []}, {"category": {"train": 5}}, {}, [], "macro_f1")
    said = "- category: local boosters, one at each node where classes part (the top, life), probabilities multiplied"
    assert said in card.splitlines()


def drawn(plot: Plot) -> bytes:
    buffer = io.BytesIO()
    plot.savefig(buffer, format="png")
    return buffer.getvalue()


def test_reliability_of_bins() -> None:
    mean, share, n = reliability(LEVELS)
    assert n.sum() == 60
    assert (np.diff(mean) > 0).all()
    assert (mean * n).sum() == pytest.approx((LEVELS[:, 0] * LEVELS[:, 1:].sum(axis=1)).sum())
    assert (share * n).sum() == pytest.approx(16)


@pytest.mark.parametrize("levels", [{"spam": LEVELS, "hate": LEVELS[:2]}, {"spam": np.zeros((0, 3))}, {}])
def test_plots_of_levels(levels: dict[str, np.ndarray]) -> None:
    assert len(drawn(reliability_plot(levels))) > 3000
    assert len(drawn(precision_recall_plot(levels))) > 3000


@pytest.mark.parametrize("n_classes", [2, 60])
def test_a_confusion_matrix(n_classes: int) -> None:
    counts = {(f"class {i}", f"class {(i * 7) % n_classes}"): i + 1 for i in range(n_classes)}
    assert len(drawn(confusion_plot(counts))) > 3000
