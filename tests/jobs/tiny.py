"""A tiny lake's sources: constructed texts that a model can learn, as files in the input contract's form."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

WORDS = {
    "sport": "goal match striker coach league penalty stadium referee trophy season".split(),
    "tech": "software chip browser laptop network server mobile code gadget download".split(),
    "politics": "minister election parliament vote labour policy treasury campaign cabinet bill".split(),
    "yes": "win free prize call now txt claim urgent cash 08001234567".split(),
    "no": "see you later at home for dinner love ok thanks".split(),
}
FAST = (
    "training.booster.rounds=5",
    "training.split.held_out_share=0.3",
    "promotion.min_held_out=5",
    "features.hash_buckets=1024",
    "spark.driver_memory=3g",
    "spark.shuffle_partitions=2",
)


def text(kind: str, place: int, n_words: int = 12) -> str:
    """A text of a kind's words, a function of its place."""
    digest = hashlib.sha256(f"{kind}{place}".encode()).digest()
    return " ".join(WORDS[kind][byte % len(WORDS[kind])] for byte in digest[:n_words])


def records(per_kind: int = 24) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Contents and gold labels: every kind's texts by twelve creators of its own."""
    content: list[dict[str, Any]] = []
    labels: list[dict[str, str]] = []
    for kind in WORDS:
        is_risk = kind in ("yes", "no")
        for place in range(per_kind):
            name = f"{kind}-{place:03d}"
            published = f"2024-01-{place % 28 + 1:02d}T08:00:00Z"
            creator = f"{kind}-creator-{place % 12}"
            content.append(
                {"content_id": name, "creator_id": creator, "body": text(kind, place), "published_at": published}
            )
            labels.append({"item_id": name, "facet": "risk.spam" if is_risk else "category", "label": kind})
    return content, labels


def write(folder: Path, content: list[dict[str, Any]], labels: list[dict[str, str]]) -> list[str]:
    """Write the sources and return the settings that point at them."""
    folder.mkdir(parents=True, exist_ok=True)
    creators = [{"creator_id": name, "name": name.title()} for name in sorted({one["creator_id"] for one in content})]
    creators.append({"creator_id": "silent", "name": "Has no content"})
    for name, rows in (("content", content), ("gold_labels", labels), ("creators", creators)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [f"sources.{name}={folder / name}.jsonl" for name in ("content", "gold_labels", "creators")]


def table_rows(lake: Path, name: str, without: tuple[str, ...]) -> list[str]:
    """A table's rows as sorted JSON, read by delta-rs, the stamps left out."""
    from deltalake import DeltaTable

    layer, table = name.split(".")
    found = DeltaTable(str(lake / layer / table)).to_pyarrow_table().to_pylist()
    return sorted(
        json.dumps({key: value for key, value in row.items() if key not in without}, sort_keys=True, default=str)
        for row in found
    )
