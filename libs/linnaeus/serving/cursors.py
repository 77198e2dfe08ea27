"""Where a page ends, as an opaque text that goes into a URL: the last id, whatever characters it has."""

from __future__ import annotations

import base64


def cursor_after(last_id: str) -> str:
    """The cursor of the page that begins after an id."""
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def id_before(cursor: str) -> str:
    """The id that a page begins after. Raises ValueError for a text that is no cursor of ours."""
    try:
        last_id = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise ValueError("this is no cursor; take next_cursor of the page before") from error
    if cursor_after(last_id) != cursor:
        raise ValueError("this is no cursor; take next_cursor of the page before")
    return last_id
