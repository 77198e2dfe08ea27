"""Puts an earlier version back in force by a person's decision; what was in force is not promoted again by itself."""

from __future__ import annotations

from jobs._decisions import decided_by_hand, put_in_force
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.aliases import CHAMPION
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import ROLLED_BACK, Tracking


def main(config: Config) -> JobResult:
    """Roll back to `decision.version`. Raises ConfigurationError where that is not said, not there or not earlier."""
    model, by = decided_by_hand(config)
    number = config.decision.version
    if number is None:
        raise ConfigurationError(
            "decision.version is not set; say which version to go back to, --set decision.version=N"
        )
    tracking = Tracking(config)
    champion, version = tracking.version_at(model, CHAMPION), tracking.version(model, number)
    if version is None:
        raise ConfigurationError(f"decision.version: {model} has no version {number}")
    if champion is None:
        raise ConfigurationError(f"{model} has no champion to roll back from")
    if champion.number == version.number:
        return JobResult(details={model: f"{version.name} is the champion already"})
    if int(champion.number) < int(version.number):
        raise ConfigurationError(
            f"decision.version: {version.name} is newer than the champion, {champion.name}; "
            "python -m jobs.approve_model puts it in force"
        )
    # Marked first: an interrupted run must not let the gate promote it in between.
    tracking.tag(champion, ROLLED_BACK, by)
    reason = f"rolled back from version {champion.number} by {by}"
    lake = Lake(build_session(config), config)
    written, report = put_in_force(lake, tracking, config, version, "in force again", reason)
    said = f"{version.name} is in force again, {champion.name} is not promoted any more but by approve_model"
    return JobResult(rows_written=written, tables=(tables.PROMOTIONS,), details={model: said} | report)


def command() -> None:
    """Entry point of the wheel."""
    exit_with("roll_back_model", main)


if __name__ == "__main__":
    command()
