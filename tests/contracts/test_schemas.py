"""Tables as they are declared."""

from __future__ import annotations

import dataclasses
import re

import pytest

from linnaeus.contracts import tables
from linnaeus.contracts.tables import Table


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.full_name)
def test_every_column_has_a_comment_and_keys_are_required(table: Table) -> None:
    for field in table.schema.fields:
        assert len(field.metadata["comment"]) > 5, field.name
    assert set(table.key) <= set(table.required)
    assert set(table.stamps) <= set(table.schema.names)
    assert len(set(table.schema.names)) == len(table.schema.names)
    assert table.description


# Names of columns by which a creator is found, whatever the table.
TELLING = {
    "creator_id": "creators",
    "content_id": "contents",
    "item_id": "items",
    "content_hash": "texts",
    "raw": "records",
}


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.full_name)
def test_every_table_says_how_a_creators_rows_are_found(table: Table) -> None:
    """Who adds a table has to say: an erasure goes by this alone (OF_NOBODY where it holds nothing of anybody)."""
    assert table.traces is not None, "declare traces"
    expected = {
        kind: tuple(name for name in table.schema.names if TELLING.get(name) == kind) for kind in TELLING.values()
    }
    assert dataclasses.asdict(table.traces) == expected
    assert set(table.traces.columns) <= set(table.schema.names)
    if "raw_bytes" in table.schema.names:
        assert table.traces.records, "bytes go with the record that they are of"


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.full_name)
def test_what_is_checked_and_ordered_by_are_columns(table: Table) -> None:
    assert set(table.layout.z_order) <= set(table.schema.names)
    for name, condition in table.checks.items():
        assert re.fullmatch(r"[a-z_]+", name) and name != "required" and "->" not in condition
        words = set(re.findall(r"[a-z_]{2,}", condition)) - {"array_min", "array_max", "map_values"}
        assert words and words <= set(table.schema.names)


def test_every_table_stands_in_all_once() -> None:
    declared = {value.full_name for value in vars(tables).values() if isinstance(value, Table)}
    assert declared == set(tables.BY_NAME)
    assert len(tables.ALL) == len(tables.BY_NAME)
