"""BERTopic's topics, for tests/benchmarks/discovery.py: run by an environment of its own that has bertopic.

    PYTHON tests/benchmarks/bertopic_topics.py topics TEXTS.npz FOUND.json
    PYTHON tests/benchmarks/bertopic_topics.py scale N

As it comes, on vectors that are given; UMAP's seed is set. The words are the tokens: where its language is English
BERTopic takes all but the letters a to z and digits out of a text, so it is set to another. Nothing of this repository
is imported, as that environment need not have it.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
from bertopic import BERTopic
from sklearn.feature_extraction.text import CountVectorizer
from umap import UMAP

WIDTH, CENTRES, NOISE = 384, 100, 0.04  # as tests/benchmarks/discovery.py makes them


def main() -> None:
    """Read, fit, write."""
    if sys.argv[1] == "topics":
        texts = np.load(sys.argv[2])
        # No token has a blank in it. BERTopic puts one for a tab.
        documents, vectors = [line.replace("\t", " ") for line in texts["tokens"].tolist()], texts["vectors"]
        split = CountVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False)
        found, seconds, model = fit(documents, vectors, split)
        words = [[word for word, _ in of if word] for topic, of in sorted(model.get_topics().items()) if topic >= 0]
        with open(sys.argv[3], "w", encoding="utf-8") as stream:
            json.dump({"of": found, "words": words, "seconds": seconds}, stream)
    else:
        vectors = clustered(int(sys.argv[2]))
        documents = [f"word{at % 1000}" for at in range(len(vectors))]
        found, seconds, _ = fit(documents, vectors, CountVectorizer())
        gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        unplaced = sum(one < 0 for one in found) / len(found)
        said = f"{len(set(found) - {-1})} topics, {100 * unplaced:.1f}% unplaced"
        print(json.dumps({"seconds": seconds, "gib": gib, "said": said}))


def fit(documents: list[str], vectors: np.ndarray, words: CountVectorizer) -> tuple[list[int], float, BERTopic]:
    """A topic of each document, -1 for none, and how long it took."""
    # UMAP's own settings in BERTopic, and a seed: without one it is another result in each run.
    reduce = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=17)
    model = BERTopic(language="multilingual", embedding_model=None, umap_model=reduce, vectorizer_model=words)
    began = time.perf_counter()
    found, _ = model.fit_transform(documents, vectors)
    return [int(one) for one in found], time.perf_counter() - began, model


def clustered(n: int) -> np.ndarray:
    """Vectors around seeded directions."""
    rng = np.random.default_rng(17)
    centres = rng.normal(size=(CENTRES, WIDTH))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    of = rng.integers(0, CENTRES, n)
    return (centres[of] + NOISE * rng.normal(size=(n, WIDTH))).astype(np.float32)


if __name__ == "__main__":
    main()
