"""Bootstrap over creators: how often each replicate draws a creator, as a function of the creator's id and a seed.

The Poisson bootstrap (Oza and Russell, 2001, Online bagging and boosting; Chamandy et al., 2012, Estimating uncertainty
for massive data streams): a creator's weight in a replicate is Poisson(1), drawn for itself. So nothing has to be
counted first, any partition draws what any other would, and two models that are judged on the same contents are judged
on the same replicates. Contents of one creator are drawn together, since they are alike.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_MOST = 8  # Poisson(1) is greater once in a million draws
_CUMULATIVE = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(_MOST)])
_GOLDEN, _FIRST, _SECOND = (np.uint64(one) for one in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def weights(keys: npt.NDArray[np.int64], replicates: int, seed: int) -> Floats:
    """How often each creator is drawn: (n, 1 + replicates), whole numbers; the first column is one, the data as it is.

    `keys` are 64-bit hashes of the creators' ids. The generator is SplitMix64 (Steele, Lea and Flood, 2014).
    """
    drawn = np.ones((len(keys), 1 + replicates))
    hashed = _mixed(keys.astype(np.uint64) + _mixed(np.array([seed], dtype=np.int64).astype(np.uint64)))
    steps = np.arange(1, 1 + replicates, dtype=np.uint64) * _GOLDEN  # modulo 2^64, as all of this
    for place, step in enumerate(steps, 1):
        uniform = (_mixed(hashed + step) >> np.uint64(11)) * 2.0**-53
        drawn[:, place] = np.searchsorted(_CUMULATIVE, uniform, side="right")
    return drawn


def interval(values: Floats, error_rate: float = 0.05) -> tuple[float, float] | None:
    """The percentile interval (lower, upper) of a figure's values, the first of which is the data's own; or None.

    Replicates in which the figure is not defined (NaN) are left out; None where fewer than half are left.
    """
    drawn = values[1:][np.isfinite(values[1:])]
    if len(drawn) < max(1, (len(values) - 1) / 2):
        return None
    lower, upper = np.quantile(drawn, [error_rate / 2, 1 - error_rate / 2])
    return float(lower), float(upper)


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _FIRST
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _SECOND
    return numbers ^ (numbers >> np.uint64(31))
