"""How much a title should count beside a body: macro-F1 of categories by weights, cross-validated by creator.

    .venv/bin/python tests/benchmarks/title_weight.py

Real labels of ../shared/data (podcasts, and 3,000 videos). A fifth of the creators is never looked at, so that what
is chosen here is not chosen on it. The classifier is logistic regression on the text's vector alone.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts.config import load_config
from tests.benchmarks.reference import Peer, Text, bare
from tests.benchmarks.support import json_lines, print_table
from tests.benchmarks.texts import SHARED

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)
MOST = 4500


def main() -> None:
    """Measure and print."""
    peer = Peer.of(load_config("local").embedder)
    columns = []
    for name in ("podcasts", "videos"):
        columns.append(_scores(name, peer, MOST if name == "podcasts" else 3000))
    labels = [f"title {weight}, {body} 1" for body in ("body", "title and body as one text") for weight in WEIGHTS]
    rows = [(label, *cells) for label, *cells in zip(labels, *columns, strict=True)]
    print_table("Macro-F1 by the title's weight, mean of five folds", ("vector of a text", "podcasts", "videos"), rows)


def _scores(name: str, peer: Peer, most: int) -> list[str]:
    texts, labels, creators = _labelled(SHARED / "topics" / name, most)
    plain = replace(peer, title_weight=0.0, body_weight=1.0)
    titles = bare([(title or body, None) for title, body in texts], plain, 2)
    bodies = bare([(None, body or title) for title, body in texts], plain, 2)
    joint = bare([(None, f"{title or ''}\n{body or ''}") for title, body in texts], plain, 2)
    ways = [weight * titles + rest for rest in (bodies, joint) for weight in WEIGHTS]
    return [_cross_validated(vectors, labels, creators) for vectors in ways]


def _labelled(folder: Path, most: int) -> tuple[list[Text], np.ndarray, np.ndarray]:
    label = {one["item_id"]: one["label"] for one in json_lines(folder / "gold_labels.jsonl")}
    rows = {(one.get("title"), one.get("body")): one for one in json_lines(folder / "content.jsonl")}
    kept = sorted(rows.values(), key=lambda one: one["content_id"])
    creators = sorted({one["creator_id"] for one in kept})
    seen = set(np.random.default_rng(1).permutation(creators)[len(creators) // 5 :].tolist())
    chosen = [one for one in kept if one["creator_id"] in seen and one["content_id"] in label]
    chosen = [chosen[i] for i in np.random.default_rng(2).permutation(len(chosen))[:most]]
    texts: list[Text] = [(one.get("title"), one.get("body")) for one in chosen]
    return (
        texts,
        np.array([label[one["content_id"]] for one in chosen]),
        np.array([one["creator_id"] for one in chosen]),
    )


def _cross_validated(vectors: np.ndarray, labels: np.ndarray, creators: np.ndarray) -> str:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = []
    for train, test in GroupKFold(5).split(unit, labels, creators):
        model = LogisticRegression(C=10, max_iter=500).fit(unit[train], labels[train])
        found.append(f1_score(labels[test], model.predict(unit[test]), average="macro"))
    return f"{np.mean(found):.3f} ± {np.std(found):.3f}"


if __name__ == "__main__":
    main()
