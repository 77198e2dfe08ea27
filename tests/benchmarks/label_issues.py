"""Label issues: how many of the sample's labels that were changed on purpose find_label_issues ranks, and how high.

    .venv/bin/python tests/benchmarks/label_issues.py [--share 0.05]

One in twenty labels of BBC and SMS (by a hash of the item) is another label of its facet. Precision is the share of the
first so many suspects that were changed, as many as were changed; recall the share of those changed among all suspects.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import zlib
from pathlib import Path

from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))

from jobs import aggregate_labels, build_embeddings, build_tokens, find_label_issues, ingest_bronze
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import load_config, resolve
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from tests.benchmarks.support import json_lines, print_table, timed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.05)
    share = parser.parse_args().share
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), share)


def _measure(folder: Path, share: float) -> None:
    sample = load_config("local").sources
    labels = json_lines(resolve(str(sample.gold_labels)))
    known = {facet: sorted({one["label"] for one in labels if one["facet"] == facet}) for facet in _facets(labels)}
    changed = {facet: set[str]() for facet in known}
    for one in labels:
        place = zlib.crc32(f"{one['facet']}/{one['item_id']}".encode())
        if place % 1000 < share * 1000:
            others = [label for label in known[one["facet"]] if label != one["label"]]
            one["label"] = others[place // 1000 % len(others)]
            changed[one["facet"]].add(one["item_id"])
    gold = folder / "gold_labels.jsonl"
    gold.write_text("".join(json.dumps(one) + "\n" for one in labels), encoding="utf-8")
    overrides = [f"lake.root={folder / 'lake'}", f"sources.gold_labels={gold}"]
    config = load_config("local", [*overrides, "spark.master=local[2]"])
    session = build_session(config, "benchmark")
    for job in (ingest_bronze, build_tokens, build_embeddings, aggregate_labels):
        job.main(config)
    with timed() as clock:
        find_label_issues.main(config)
    found = Lake(session, config).read(tables.LABEL_ISSUES)
    rows = []
    for facet, wrong in sorted(changed.items()):
        own = found.where(F.col(c.FACET) == facet).orderBy(c.RANK).limit(5000).collect()  # few: suspects
        ids = [row[c.CONTENT_ID] for row in own]
        hits = [item in wrong for item in ids]
        first = sum(hits[: len(wrong)]) / len(wrong)
        total = sum(1 for one in labels if one["facet"] == facet)
        rows.append((facet, total, len(wrong), len(ids), f"{first:.2f}", f"{sum(hits) / len(wrong):.2f}"))
    header = ("facet", "labels", "changed", "suspects", "precision of the first so many", "recall of all suspects")
    print_table(f"Label issues, {clock.seconds:.0f} s for both facets", header, rows)
    session.stop()


def _facets(labels: list[dict[str, str]]) -> set[str]:
    return {one["facet"] for one in labels}


if __name__ == "__main__":
    main()
