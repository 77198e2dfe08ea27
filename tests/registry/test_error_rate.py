"""How often the gate lets through a candidate that is no better, on contents like real ones: many by few creators,
alike by creator, and models that err on the same creators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from linnaeus.contracts.config import Promotion
from linnaeus.registry.gate import Measured, decide
from linnaeus.training import figures
from linnaeus.training.bootstrap import weights

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TRIALS, REPLICATES, CLASSES = 300, 200, 6
SETTINGS = Promotion(
    error_rate=0.05,
    max_loss=0.0,
    min_held_out=20,
    guarded=("language", "node"),
    max_slice_loss=0.03,
    min_slice=50,
    max_calibration_loss=0.02,
    max_recall_loss=0.1,
    approval="automatic",
)
ALONE = SETTINGS.model_copy(update={"guarded": (), "min_slice": 10**9})
MOST = 0.05 + 3 * (0.05 * 0.95 / TRIALS) ** 0.5  # the error rate, and three standard errors of counting


class World:
    """Contents of creators whose number of contents, language and difficulty differ; keys for the bootstrap."""

    def __init__(self, seed: int, n_creators: int) -> None:
        self.rng = np.random.default_rng(seed)
        sizes = np.minimum(np.ceil(self.rng.lognormal(1.0, 1.0, n_creators)), 40).astype(int)
        self.creator = np.repeat(np.arange(n_creators), sizes)
        self.n_creators, self.n = n_creators, len(self.creator)
        self.is_german = (self.rng.random(n_creators) < 0.4)[self.creator]
        self.ease = self.rng.normal(size=n_creators)[self.creator]
        keys = self.rng.integers(-(2**63), 2**63 - 1, n_creators)
        self.drawn = weights(keys, REPLICATES, seed)

    def by_creator(self, spread: float) -> Floats:
        """What a model makes of each creator, for each content."""
        return self.rng.normal(scale=spread, size=self.n_creators)[self.creator]

    def creators(self, inside: npt.NDArray[np.bool_]) -> int:
        return len(np.unique(self.creator[inside]))

    def slices(self) -> dict[str, npt.NDArray[np.bool_]]:
        return {"overall": np.ones(self.n, bool), "language=de": self.is_german, "language=en": ~self.is_german}


def categories(world: World, edge: float) -> list[list[Measured]]:
    """Candidate and champion of one taxonomy; the candidate's log odds to be right are `edge` higher."""
    home = world.rng.integers(0, CLASSES, world.n_creators)[world.creator]
    true = np.where(world.rng.random(world.n) < 0.7, home, world.rng.integers(0, CLASSES, world.n))
    models = []
    for better in (edge, 0.0):
        odds = 0.9 + 0.8 * world.ease + world.by_creator(0.7) + better
        is_right = world.rng.random(world.n) < 1 / (1 + np.exp(-odds))
        predicted = np.where(is_right, true, world.rng.integers(0, CLASSES, world.n))
        models.append(of_categories(world, true, predicted))
    return models


def of_categories(world: World, true: Ints, predicted: Ints) -> list[Measured]:
    found = []
    for name, inside in world.slices().items():
        counts = []
        for kept, classes in ((inside & (true == predicted), true), (inside, predicted), (inside, true)):
            table = np.zeros((CLASSES, world.n_creators))
            np.add.at(table, (classes[kept], world.creator[kept]), 1.0)
            counts.append(table @ world.drawn)
        n = int(inside.sum())
        found.append(
            Measured("category", name, "macro_f1", figures.of_classes(*counts)["macro_f1"], n, world.creators(inside))
        )
        if name == "overall":
            f1 = figures.of_each_class(*counts)["f1"]
            sizes = counts[2][:, 0].astype(int)
            found += [
                Measured("category", f"node={i}", "f1", f1[i], int(sizes[i]), world.creators(true == i))
                for i in range(CLASSES)
            ]
    return found


def risks(world: World, edge: float) -> list[list[Measured]]:
    """Candidate and champion of one area, one content in five of it; the candidate's scores tell `edge` more apart."""
    bad = world.by_creator(1.0) - 1.8
    is_yes = world.rng.random(world.n) < 1 / (1 + np.exp(-bad))
    models = []
    for better in (edge, 0.0):
        apart = 2.0 + better
        signal = apart * (is_yes - 0.5) + world.by_creator(0.6) + world.rng.normal(size=world.n)
        odds = np.log(is_yes.mean() / (1 - is_yes.mean())) + apart * signal / 1.36  # Bayes: 1.36 is the variance
        models.append(of_risk(world, is_yes, 1 / (1 + np.exp(-odds))))
    return models


def of_risk(world: World, is_yes: npt.NDArray[np.bool_], probability: Floats) -> list[Measured]:
    found, order = [], np.argsort(-probability)
    for name, inside in world.slices().items():
        kept = order[inside[order]]
        drawn = world.drawn[world.creator[kept]]
        yes, no = (np.where(flag[kept][:, None], drawn, 0.0) for flag in (is_yes, ~is_yes))
        metrics = figures.of_ranking(yes, no, precision=0.7, capacity=0.1)
        if name == "overall":
            metrics |= figures.of_calibration(probability[kept], yes, no)
        wanted = ("pr_auc", "recall_at_precision", "calibration_error")
        found += [
            Measured("risk.spam", name, metric, metrics[metric], len(kept), world.creators(inside))
            for metric in wanted
            if metric in metrics
        ]
    return found


Models = Callable[[World, float], list[list[Measured]]]


def rates(models: Models, metric: str, n_creators: int, edge: float, trials: int = TRIALS) -> tuple[float, float]:
    """How often the candidate is promoted by the figure overall alone, and with the guards."""
    alone = guarded = 0
    for seed in range(trials):
        candidate, champion = models(World(seed, n_creators), edge)
        alone += decide(metric, candidate, champion, ALONE).promoted
        guarded += decide(metric, candidate, champion, SETTINGS).promoted
    return alone / trials, guarded / trials


FAMILIES = pytest.mark.parametrize(("models", "metric"), [(categories, "macro_f1"), (risks, "pr_auc")])


@FAMILIES
@pytest.mark.parametrize("n_creators", [30, 80])
def test_one_no_better_is_promoted_no_oftener_than_the_error_rate(models: Models, metric: str, n_creators: int) -> None:
    alone, guarded = rates(models, metric, n_creators, edge=0.0)
    assert guarded <= alone <= MOST
    assert alone > 0.01, "a gate that lets nothing through would pass this test too"


@FAMILIES
def test_a_better_one_is_promoted(models: Models, metric: str) -> None:
    alone, guarded = rates(models, metric, n_creators=100, edge=1.6, trials=40)
    assert alone >= 0.9 and guarded >= 0.5


@FAMILIES
def test_a_champion_against_itself_is_never_promoted(models: Models, metric: str) -> None:
    for seed in range(20):
        _, champion = models(World(seed, 40), 0.0)
        decision = decide(metric, champion, champion, SETTINGS)
        assert not decision.promoted and all(check.gain == 0 for check in decision.checks)
