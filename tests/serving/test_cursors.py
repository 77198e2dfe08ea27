"""Cursors."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.serving.cursors import cursor_after, id_before


@given(st.text(max_size=20))
def test_a_cursor_gives_its_id_and_fits_into_a_url(an_id: str) -> None:
    cursor = cursor_after(an_id)
    assert id_before(cursor) == an_id
    assert re.fullmatch(r"[A-Za-z0-9_-]*", cursor)


@pytest.mark.parametrize("text", ["!", "a", "YQ==", "YR", "_w", "+/+/", "é", "YQ YQ", "YQ\n"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no cursor"):
        id_before(text)
