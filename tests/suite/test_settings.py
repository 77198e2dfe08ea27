"""Settings as Python gives them, and times."""

from __future__ import annotations

import datetime

import pytest

from linnaeus.contracts.config import load_config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.suite.settings import as_overrides, as_time

UTC = datetime.timezone.utc


def test_settings_are_the_overrides_of_the_command_line() -> None:
    given = {"run__full": True, "labels.method": "auto", "creators": {"risk": {"at_least_in": {"spam": 1}}}}
    found = as_overrides(given)
    assert found[:2] == ["run.full=true", 'labels.method="auto"']
    config = load_config("local", found)
    assert config.run.full and config.labels.method == "auto" and config.creators.risk.at_least_in == {"spam": 1}
    assert config.creators.risk.next_posts == 10, "what is not named stays"


@pytest.mark.parametrize("text", ["007", "a: b", 'it\'s "so"', "{*}", "null", "é\n"])
def test_a_text_stays_a_text(text: str) -> None:
    assert load_config("local", as_overrides({"explain__content_id": text})).explain.content_id == text


def test_a_key_without_a_section_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="write section__full=True"):
        as_overrides({"full": True})


def test_times_are_of_utc_where_they_say_no_zone() -> None:
    assert as_time("2026-11-01T08:00:00Z") == datetime.datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert as_time("2026-11-01T08:00:00+02:00") == datetime.datetime(2026, 11, 1, 6, tzinfo=UTC)
    assert as_time(datetime.date(2026, 11, 1)) == as_time("2026-11-01") == datetime.datetime(2026, 11, 1, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="'yesterday' is no time; write one as"):
        as_time("yesterday")
