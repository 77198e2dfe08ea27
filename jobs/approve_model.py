"""Puts a version in force by a person's decision: the one that passed the gate and waits, or any that is named."""

from __future__ import annotations

from jobs._decisions import decided_by_hand, put_in_force
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.aliases import CHAMPION, PASSED
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import Tracking, Version


def main(config: Config) -> JobResult:
    """Approve. Raises ConfigurationError where nothing waits, or there is no such version."""
    model, by = decided_by_hand(config)
    tracking = Tracking(config)
    version = _wanted(tracking, model, config.decision.version)
    champion = tracking.version_at(model, CHAMPION)
    if champion is not None and champion.number == version.number:
        waiting = tracking.version_at(model, PASSED)
        if waiting is not None and waiting.number == version.number:
            tracking.remove(model, PASSED)  # an approval was cut off before: this one must not wait for another
        return JobResult(details={model: f"{version.name} is the champion already"})
    lake = Lake(build_session(config), config)
    written, report = put_in_force(lake, tracking, config, version, "in force", f"approved by {by}")
    tracking.remove(model, PASSED)
    details = {model: f"{version.name} approved"} | report
    return JobResult(rows_written=written, tables=(tables.PROMOTIONS,), details=details)


def _wanted(tracking: Tracking, model: str, number: str | None) -> Version:
    version = tracking.version(model, number) if number else tracking.version_at(model, PASSED)
    if version is None and number:
        raise ConfigurationError(f"decision.version: {model} has no version {number}")
    if version is None:
        raise ConfigurationError(f"no version of {model} waits for approval; name one, --set decision.version=N")
    return version


def command() -> None:
    """Entry point of the wheel."""
    exit_with("approve_model", main)


if __name__ == "__main__":
    command()
