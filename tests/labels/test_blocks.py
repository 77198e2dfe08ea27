"""Blocks: every item is in one, whole, wherever batches end."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from linnaeus.labels import blocks
from linnaeus.labels.blocks import UNKNOWN, _pack, blocks_of


@pytest.mark.parametrize(("a_block", "a_batch"), [(1, 1), (7, 3), (7, 10), (50, 64), (10_000, 9)])
def test_an_item_is_never_cut(monkeypatch: pytest.MonkeyPatch, a_block: int, a_batch: int) -> None:
    monkeypatch.setattr(blocks, "_VOTES_A_BLOCK", a_block)
    rng = np.random.default_rng(a_block + a_batch)
    n_votes = np.append(rng.integers(1, 9, 40), 60)  # the last item has more votes than a block has room for
    ids = np.repeat([f"i{n:03d}" for n in range(len(n_votes))], n_votes)
    pairs = rng.integers(0, 30, len(ids)).astype(np.int32)
    truths = np.repeat(np.where(rng.random(len(n_votes)) < 0.3, 1, UNKNOWN), n_votes).astype(np.int32)
    rows = pa.table({"item_id": ids, "pair": pairs, "truth": truths})
    made = list(_pack(iter(rows.to_batches(max_chunksize=a_batch))))
    assert [batch.column("block")[0].as_py() for batch in made] == list(range(len(made)))
    assert (len(made) > 1) == (a_block < len(ids))
    items = [item for batch in made for item in batch.column("item_ids")[0].as_py()]
    assert items == [f"i{n:03d}" for n in range(len(n_votes))], "each once, in order"
    found = [block for batch in made for block in blocks_of([batch])]
    assert np.concatenate([np.bincount(block.items) for block in found]).tolist() == n_votes.tolist()
    np.testing.assert_array_equal(np.concatenate([block.pairs for block in found]), pairs)
    firsts = np.concatenate([[0], np.cumsum(n_votes)[:-1]])
    np.testing.assert_array_equal(np.concatenate([block.truths for block in found]), truths[firsts])


def test_no_rows_no_block() -> None:
    assert list(_pack(iter([]))) == []
