"""How many distinct keys there are, from the least of their hashes: exact for few, an estimate for many.

The k least of distinct hashes are a sketch: those of two parts give those of both together. From k on the k-th tells
how densely the hashes lie. Bar-Yossef et al. (2002), Counting distinct elements in a data stream; Beyer et al. (2007),
On synopses for distinct-value estimation under multiset operations, have the unbiased form.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
KEPT = 4096  # the estimate's standard error is one in the square root of this, 1.6%


def least(*keys: Keys) -> Keys:
    """The sketch of 64-bit hashes, or of sketches, together: at most KEPT, ascending."""
    return np.unique(np.concatenate(keys))[:KEPT]


def count(sketch: Keys) -> int:
    """How many distinct keys a sketch stands for."""
    if len(sketch) < KEPT:
        return len(sketch)
    share = (float(sketch[-1]) + 2.0**63) / 2.0**64
    return round((KEPT - 1) / share)
