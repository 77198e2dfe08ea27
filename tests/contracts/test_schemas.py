"""Tables as they are declared."""

from __future__ import annotations

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


def test_every_table_stands_in_all_once() -> None:
    declared = {value.full_name for value in vars(tables).values() if isinstance(value, Table)}
    assert declared == set(tables.BY_NAME)
    assert len(tables.ALL) == len(tables.BY_NAME)
