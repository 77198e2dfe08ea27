"""What contents are scored anew for: the fingerprint that their rows are stamped with."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import _models
from linnaeus.contracts.config import load_config


@pytest.mark.parametrize(("rules", "is_another"), [("", False), (", rules: [{id: a, words: [b], level: high}]", True)])
def test_how_texts_are_searched_counts_where_there_are_rules(
    rules: str, is_another: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    risk = tmp_path / "risk.yml"
    risk.write_text(f"areas: [{{id: spam, name: Spam{rules}}}]\n")
    config = load_config("local", [f"risk.path={risk}"])
    before = _models.taxonomy_version_in_force(config)
    monkeypatch.setattr(_models, "READING", _models.READING + 1)
    assert (_models.taxonomy_version_in_force(config) != before) is is_another
