"""silver.labels and features to a registered risk model version with the alias `candidate`."""

from __future__ import annotations

from jobs._train import train
from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts.config import Config
from linnaeus.runtime.command import FULL, JobResult, exit_with


def main(config: Config) -> JobResult:
    """Train the risk family."""
    return train(config, "risk", config.registry.risk_model)


def command() -> None:
    """Entry point of the wheel."""
    exit_with("train_risk", main, (FULL,), needs=DEPENDENCIES["train_risk"])


if __name__ == "__main__":
    command()
