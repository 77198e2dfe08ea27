"""Contents that nothing can be fitted on, said by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pyarrow as pa

from linnaeus.contracts import columns as c
from linnaeus.contracts.errors import InputError
from linnaeus.contracts.lexical import Floats

NAMED = 4  # one more than a message names: so it is known whether there are others


def refuse(ids: Sequence[str], what: str) -> NoReturn:
    """Raises InputError: the first few of the contents, and what is wrong with them."""
    named = sorted(ids)
    first = f"content{'s' if len(named) > 1 else ''} {', '.join(named[: NAMED - 1])}"
    raise InputError(f"{first}{' and others' if len(named) >= NAMED else ''}: {what}")


def check_vectors(batch: pa.RecordBatch, column: str, vectors: Floats) -> None:
    """Raises InputError where a vector in a batch's `column` (rows of `vectors`) has NaN or infinity among its numbers.

    One that is null is a content without text, and no fault.
    """
    is_finite = np.isfinite(vectors)
    if is_finite.all():
        return
    wrong = np.asarray(batch.column(column).is_valid()) & ~is_finite.all(axis=1)
    if wrong.any():
        ids = batch.column(c.CONTENT_ID).filter(pa.array(wrong)).to_pylist()
        refuse(ids, f"numbers of `{column}` are NaN or infinite; run build_embeddings anew")
