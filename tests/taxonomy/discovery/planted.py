"""Planted topics: vectors around seeded directions, tokens of a vocabulary of the topic's own, in a frame or a lake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WIDTH = 32
WORDS = 8  # of a topic


@dataclass(frozen=True)
class Content:
    """A content with the topic that it was planted in."""

    id: str
    creator: str
    topic: int
    vector: npt.NDArray[np.float32]
    tokens: list[str]


def centres(n: int, seed: int = 0, width: int = WIDTH) -> npt.NDArray[np.float64]:
    """Directions (n, width), far from one another."""
    found = np.linalg.qr(np.random.default_rng(seed).normal(size=(width, n)))[0].T
    return np.asarray(found)


def planted(
    sizes: Sequence[int], noise: float = 0.08, seed: int = 0, creators: int = 7, width: int = WIDTH
) -> list[Content]:
    """Contents of topics of these sizes, ids and numbers a function of the seed."""
    rng = np.random.default_rng(seed)
    found = []
    for topic, (size, centre) in enumerate(zip(sizes, centres(len(sizes), seed, width), strict=True)):
        for place in range(size):
            vector = (centre + noise * rng.normal(size=width)).astype(np.float32)
            words = [f"word{chr(97 + topic)}{chr(97 + word)}" for word in rng.integers(0, WORDS, 6)]
            creator = f"creator {topic}-{place % creators}"
            found.append(Content(f"content {topic}-{place:04d}", creator, topic, vector, words))
    return found
