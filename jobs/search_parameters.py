"""Looks for better parameters of a family's boosters, a bounded number of trials, and says what it found.

Every trial fits the boosters on the training part and is judged by their log loss on the calibration part; the held-out
part is not read. Trials are Optuna's (Akiba et al., 2019), by its tree-structured Parzen estimator (Bergstra et al.,
2011), kept in a file, and nested runs in MLflow: a search that is cut off goes on with the next trial, and ends where
one without a break would have.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import optuna
from optuna.trial import Trial, TrialState
from pyspark.sql import DataFrame

from jobs._models import manifest_in_force
from jobs._train import Facet, facets_to_train, prepared, snapshot_of
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import Family
from linnaeus.contracts.config import Booster, Config, fingerprint
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import Tracking
from linnaeus.training.booster import fit_booster
from linnaeus.training.local_classifiers import rows_of

_LOSS = "log_loss"


def main(config: Config) -> JobResult:
    """Search. Raises ConfigurationError where no facet has enough labels in the calibration part to be judged on."""
    family: Family = config.search.family
    file = _storage(config)
    tracking = Tracking(config)
    lake = Lake(build_session(config), config)
    snapshot, manifest = snapshot_of(lake, config), manifest_in_force(config)
    with ExitStack() as held:
        facets, notes = facets_to_train(snapshot, config, family, manifest, held)
        rows = {
            head: (prepared(lake, config, manifest, facet, held)[0], facet)
            for head, facet in facets.items()
            if facet.n_calibration >= config.training.min_validation
        }
        if not rows:
            raise ConfigurationError(
                f"search.family: no facet of {family} has {config.training.min_validation} labels in the calibration "
                f"part (training.min_validation); {'; '.join(notes) or 'label more, or ask for fewer'}"
            )
        tree = config.read_taxonomy().version if family == "category" else None
        # The place tells lakes apart whose searches are kept in one folder: their tables may have the same versions.
        place = lake.place(tables.LABELS)
        about = [family, manifest.version, config.training.settings, config.search.seed, snapshot.versions, tree, place]
        study = optuna.create_study(storage=f"sqlite:///{file}", study_name=fingerprint(about), load_if_exists=True)
        _search(study, config, tracking, family, rows)
    return JobResult(details=_details(family, study))


def _details(family: str, study: optuna.Study) -> dict[str, str]:
    done, best = study.get_trials(states=[TrialState.COMPLETE]), study.best_trial
    found = " ".join(f"--set training.booster.{name}={value:.4g}" for name, value in sorted(best.params.items()))
    said = f"log loss {best.value:.5f}, the best of {len(done)} trials; {done[0].value:.5f} as configured"
    return {family: said, "settings": found}


def _storage(config: Config) -> Path:
    folder = config.search_folder
    if folder is None:
        raise ConfigurationError("search.folder is not set; say where trials are kept, --set search.folder=FOLDER")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{config.search.family}.db"


def _search(
    study: optuna.Study, config: Config, tracking: Tracking, family: str, rows: dict[str, tuple[DataFrame, Facet]]
) -> None:
    """Trials until there are enough. Each has a sampler whose seed is the number of trials that are done before it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tracking.search(f"search {family}", study.study_name) as log:
        while (done := len(study.get_trials(states=[TrialState.COMPLETE]))) < config.search.trials:
            if done == 0 and not study.get_trials(states=[TrialState.WAITING]):
                study.enqueue_trial(_as_configured(config.training.booster))
            study.sampler = optuna.samplers.TPESampler(seed=config.search.seed + done)
            trial = study.ask()
            settings = config.training.booster.model_copy(update=_suggested(trial))
            losses = [_loss(config, one, facet, settings) for one, facet in rows.values()]
            loss = sum(losses) / len(losses)
            log(f"trial {trial.number}", trial.params, {_LOSS: loss})
            study.tell(trial, loss)


def _loss(config: Config, rows: DataFrame, facet: Facet, settings: Booster) -> float:
    """The log loss of a facet's head on those that judge.

    That of a product is the sum of its factors': local parts count by how many judge them, and those that too few do,
    which are fitted to the last round, do not.
    """
    total, training = 0.0, config.training
    for groups in facet.branchings.values():
        if (n := facet.n_judging(groups)) < training.min_validation:
            continue
        own = rows_of(rows, groups)
        fitted = fit_booster(own, len(groups), training.split.seed, settings, True, on_disk=training.external_memory)
        total += n * (fitted.loss or 0.0)
    return total / facet.n_calibration


def _as_configured(booster: Booster) -> dict[str, float]:
    return booster.model_dump(include=set(_RANGES) | {"max_depth"})


_RANGES = {  # lower, upper, and whether it is looked for on a logarithmic scale
    "learning_rate": (0.02, 0.3, True),
    "min_child_weight": (0.1, 20.0, True),
    "reg_lambda": (0.01, 10.0, True),
    "subsample": (0.5, 1.0, False),
    "colsample_bytree": (0.2, 1.0, False),
}


def _suggested(trial: Trial) -> dict[str, float]:
    found: dict[str, float] = {"max_depth": trial.suggest_int("max_depth", 2, 8)}
    for name, (lower, upper, is_log) in _RANGES.items():
        found[name] = trial.suggest_float(name, lower, upper, log=is_log)
    return found


def command() -> None:
    """Entry point of the wheel."""
    exit_with("search_parameters", main)


if __name__ == "__main__":
    command()
