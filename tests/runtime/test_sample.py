"""The sample's sources: complete, labelled, the same on every machine, and fit for a split by creator."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from linnaeus.contracts.config import load_config
from linnaeus.contracts.errors import SetupError
from linnaeus.runtime import assets, sample
from linnaeus.runtime.bootstrap import root_folder

DOWNLOADS = root_folder() / assets.DOWNLOADS_FOLDER
Records = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sample") / "sample"
    assert sample.write_sample(target, DOWNLOADS) == {"content": 7087, "creators": 400, "gold_labels": 7087}
    return target


@pytest.fixture(scope="module")
def records(folder: Path) -> Records:
    return {
        name: [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").split("\n") if line]
        for name in sample.SOURCES
    }


def of_set(records: Records, prefix: str) -> list[dict[str, Any]]:
    return [record for record in records["content"] if record["content_id"].startswith(prefix)]


def labels_by_item(records: Records) -> dict[str, str]:
    return {record["item_id"]: record["label"] for record in records["gold_labels"]}


def test_keys_are_those_of_the_input_contract(records: Records) -> None:
    assert {tuple(record) for record in of_set(records, "bbc-")} == {
        ("content_id", "creator_id", "kind", "title", "body", "published_at")
    }
    assert {tuple(record) for record in of_set(records, "sms-")} == {
        ("content_id", "creator_id", "kind", "body", "published_at")
    }
    assert {tuple(record) for record in records["creators"]} == {("creator_id", "name", "about", "created_at")}
    assert {tuple(record) for record in records["gold_labels"]} == {("item_id", "facet", "label")}


def test_ids_are_unique_and_references_hold(records: Records) -> None:
    contents = [record["content_id"] for record in records["content"]]
    creators = [record["creator_id"] for record in records["creators"]]
    assert len(set(contents)) == len(contents) and len(set(creators)) == len(creators)
    assert len({record["name"] for record in records["creators"]}) == len(creators)
    assert {record["creator_id"] for record in records["content"]} == set(creators)
    assert [record["item_id"] for record in records["gold_labels"]] == contents


def test_every_text_is_there_and_labelled_within_its_facet(records: Records) -> None:
    found = Counter((record["facet"], record["label"]) for record in records["gold_labels"])
    assert found == {
        ("category", "business"): 510,
        ("category", "entertainment"): 386,
        ("category", "politics"): 417,
        ("category", "sport"): 511,
        ("category", "tech"): 401,
        ("risk.spam", "yes"): 642,
        ("risk.spam", "no"): 4220,
    }
    config = load_config("local")
    assert set(sample.SECTIONS.values()) <= set(config.read_taxonomy().ids)
    assert "spam" in config.read_risk().ids


def test_texts_are_decoded_and_split_as_they_should_be(records: Records) -> None:
    by_id = {record["content_id"]: record for record in records["content"]}
    first = by_id["bbc-business-001"]
    assert first["title"] == "Ad sales boost Time Warner profit"
    assert first["body"].startswith("Quarterly profits at US media giant TimeWarner jumped 76% to $1.13bn (£600m)")
    # The one file that is Latin-1.
    assert "a £15.8m signing" in by_id["bbc-sport-199"]["body"]
    # Quoted in the source: the quotes around it are no part of it, and doubled ones are single.
    grateful = next(r["body"] for r in of_set(records, "sms-") if "Superb Thought-" in r["body"])
    assert grateful.startswith('Superb Thought- "Be grateful that') and grateful.endswith('today.":-)')
    assert all(record["body"].strip() == record["body"] != "" for record in records["content"])
    assert all(record["title"] for record in of_set(records, "bbc-"))
    assert not any("\ufffd" in record["body"] or "\0" in record["body"] for record in records["content"])


def test_moments_are_in_order(records: Records) -> None:
    created = {record["creator_id"]: record["created_at"] for record in records["creators"]}
    published = [record["published_at"] for record in records["content"]]
    assert min(published) >= "2023-01-01T00:00:00Z" and max(published) < "2025-01-01T00:00:00Z"
    assert all(created[record["creator_id"]] < record["published_at"] for record in records["content"])


@pytest.mark.parametrize(("prefix", "least"), [("bbc-", 0.8), ("sms-", 0.9)])
def test_creators_have_a_dominant_kind(records: Records, prefix: str, least: float) -> None:
    labels = labels_by_item(records)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for record in of_set(records, prefix):
        kinds[record["creator_id"]][labels[record["content_id"]]] += 1
    dominant = sum(max(counts.values()) for counts in kinds.values())
    assert dominant / sum(sum(counts.values()) for counts in kinds.values()) > least
    assert Counter(max(counts, key=counts.__getitem__) for counts in kinds.values()).keys() == set(labels.values()) & (
        set(sample.SECTIONS.values()) if prefix == "bbc-" else {"yes", "no"}
    )


@pytest.mark.parametrize("prefix", ["bbc-", "sms-"])
@pytest.mark.parametrize("salt", ["", "17:held_out:"])
def test_a_fifth_of_the_creators_is_about_a_fifth_of_the_texts(records: Records, prefix: str, salt: str) -> None:
    def is_held_out(creator_id: str) -> bool:
        return int(hashlib.sha256((salt + creator_id).encode()).hexdigest()[:13], 16) / 16**13 < 0.2

    labels = labels_by_item(records)
    rows = of_set(records, prefix)
    held_out = [row for row in rows if is_held_out(row["creator_id"])]
    assert 0.15 <= len(held_out) / len(rows) <= 0.25
    every, part = (Counter(labels[row["content_id"]] for row in some) for some in (rows, held_out))
    assert all(part[label] / every[label] > 0.1 for label in every)
    # No copy of a held-out text is left among the others.
    bodies = {row["body"] for row in held_out}
    assert not [row for row in rows if row["body"] in bodies and not is_held_out(row["creator_id"])]


def test_bytes_are_the_same_everywhere(folder: Path, tmp_path: Path) -> None:
    sample.write_sample(tmp_path / "again", DOWNLOADS)
    for name in os.listdir(folder):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    # Whoever changes what is written raises sample.GENERATOR, so that folders of before are written anew.
    written = {name: about["sha256"][:16] for name, about in manifest(folder)["files"].items()}
    assert (sample.GENERATOR, written) == (1, PINNED)


PINNED = {"content": "d5e94d2022f52b3c", "creators": "2d30b6a6628a8548", "gold_labels": "20bcdd203edf7f38"}


def manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / sample.MANIFEST).read_text(encoding="utf-8"))
    return content


def test_what_is_there_is_left_alone(folder: Path, tmp_path: Path) -> None:
    before = {name: (folder / name).stat() for name in os.listdir(folder)}
    assert sample.write_sample(folder, tmp_path / "no such folder")["content"] == 7087
    assert {name: (folder / name).stat() for name in os.listdir(folder)} == before


@pytest.mark.parametrize("damage", ["cut", "gone", "older", "no manifest"])
def test_a_damaged_or_older_folder_is_written_anew(tmp_path: Path, damage: str) -> None:
    target = tmp_path / "sample"
    sample.write_sample(target, DOWNLOADS)
    whole = {name: (target / name).read_bytes() for name in os.listdir(target)}
    content = target / "content.jsonl"
    if damage == "cut":
        content.write_bytes(content.read_bytes()[:-5])
    elif damage == "gone":
        content.unlink()
    elif damage == "older":
        (target / sample.MANIFEST).write_text(json.dumps(manifest(target) | {"generator": 0}))
    else:
        (target / sample.MANIFEST).unlink()
    sample.write_sample(target, DOWNLOADS)
    assert {name: (target / name).read_bytes() for name in os.listdir(target)} == whole
    assert os.listdir(tmp_path) == ["sample"]


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SetupError, match=r"other files \(notes\.txt\)"):
        sample.write_sample(tmp_path, DOWNLOADS)
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_no_network_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(SetupError, match="check the network"):
        sample.write_sample(tmp_path / "sample", tmp_path / "downloads")
    assert not (tmp_path / "sample").exists() and os.listdir(tmp_path / "downloads") == []
