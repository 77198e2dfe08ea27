"""How surely the language of short texts is told: ours, py3langid bare and lingua, on translations that Django ships.

    .venv/bin/python -m tests.benchmarks.languages [--texts-a-language 60]

lingua and Django's wheel are fetched once by pip into .cache/downloads (105 MB); neither is installed. The wheel holds
Django's catalogues in some 90 languages: texts of people who know the language, 10 to 80 characters long. Those that
hold markup or a place for a value, that are no other than the English ones, or that stand in two languages alike are
left out; of each language as many are drawn for each length.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts.config import load_config, resolve
from linnaeus.features.language import LANGUAGES, UNDETERMINED, detector
from tests.benchmarks.support import json_lines, print_table

PACKAGE = "django==5.2.*"
RIVAL = "lingua-language-detector==2.1.1"
BANDS = {"10 to 20": (10, 20), "21 to 50": (21, 50), "51 to 80": (51, 80)}
# One language in two scripts or under two names counts as one.
SAME = {"nb": "no", "nn": "no"}
_PLACE = re.compile(r"[%{}<>&\n_|]|https?:|\w\.\w")
_LINE = re.compile(r'(?:(msgid|msgstr|msgid_plural|msgctxt|msgstr\[\d\]) )?(".*")\s*$')

Detect = Callable[[str], str | None]
Text = tuple[str, str]  # language, text


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts-a-language", type=int, default=60, help="of each length")
    options = parser.parse_args()
    config = load_config("local")
    downloads = resolve(config.sample.downloads)
    fetch_rival(downloads)
    tokens = config.tokens
    ours, theirs = py3langid(), lingua()
    both = ours[1] & theirs[1]
    texts = [one for one in catalogues(wheel(downloads)) if one[0] in both]
    by_band = {band: drawn(texts, low, high, options.texts_a_language) for band, (low, high) in BANDS.items()}
    languages = sorted({language for chosen in by_band.values() for language, _ in chosen})
    n = len(both)
    ways: dict[str, Detect] = {
        "**ours**: the languages of conf/base.yml": detector(tokens.languages, 0.0),
        f"ours, und below {tokens.language_confidence}": detector(tokens.languages, tokens.language_confidence),
        f"ours, the {n} that both know": detector(tuple(both & LANGUAGES), 0.0),
        f"py3langid bare, its {len(ours[1])} languages": ours[0],
        f"py3langid bare, the {n} that both know": py3langid(both)[0],
        f"lingua, its {len(theirs[1])} languages": theirs[0],
        f"lingua, the {n} that both know": lingua(both)[0],
        "lingua, low accuracy mode": lingua(low_accuracy=True)[0],
    }
    ham = _ham(resolve(config.sample.folder))
    rows = [_row(name, detect, by_band, ham) for name, detect in ways.items()]
    header = ("which", *(f"{band} ({len(chosen):,})" for band, chosen in by_band.items()))
    header += ("all", "and und", "texts a core second", "core seconds a million", f"SMS ham: en, other ({len(ham):,})")
    title = f"Share of texts whose language is told, by length in characters; {len(languages)} languages"
    print_table(title, header, rows)
    print(f"\nLanguages: {' '.join(languages)}")


def lingua(languages: set[str] | None = None, low_accuracy: bool = False) -> tuple[Detect, set[str]]:
    """The detector, and the languages it knows."""
    from lingua import Language, LanguageDetectorBuilder

    codes = {one: _code(one.iso_code_639_1.name.lower()) for one in Language.all()}
    chosen = [one for one, code in codes.items() if languages is None or code in languages]
    builder = LanguageDetectorBuilder.from_languages(*chosen)
    detector = (builder.with_low_accuracy_mode() if low_accuracy else builder).build()

    def detect(text: str) -> str | None:
        found = detector.detect_language_of(text)
        return None if found is None else codes[found]

    return detect, set(codes.values())


def py3langid(languages: set[str] | None = None) -> tuple[Detect, set[str]]:
    """The detector, and the languages it knows."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    known = {str(label): _code(str(label)) for label in identifier.nb_classes}
    if languages is not None:
        identifier.set_languages([label for label, code in known.items() if code in languages])
    return lambda text: _code(str(identifier.classify(text)[0])), set(known.values())


def fetch_rival(folder: Path) -> None:
    """Make lingua importable from a folder beside Django's wheel."""
    place = folder / "lingua"
    if not place.is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), RIVAL]
        subprocess.run(command, check=True)
    sys.path.append(str(place))


def wheel(folder: Path) -> Path:
    """Django's wheel, fetched where it is not there."""
    found = sorted(folder.glob("[dD]jango-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
        subprocess.run(command, check=True)
        found = sorted(folder.glob("[dD]jango-*.whl"))
    return found[-1]


def catalogues(path: Path) -> list[Text]:
    """Language and text of every message that can be told apart, sorted."""
    languages: dict[str, set[str]] = defaultdict(set)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".po"):
                locale = name.split("/locale/")[1].split("/")[0]
                for original, translation in messages(archive.read(name).decode()):
                    languages[original].add("en")
                    if translation not in ("", original):
                        languages[translation].add(_code(locale.split("_")[0]))
    once = [(next(iter(found)), text) for text, found in languages.items() if len(found) == 1]
    return sorted((language, text) for language, text in once if not _PLACE.search(text))


def messages(catalogue: str) -> Iterator[tuple[str, str]]:
    """Original and translation of each entry that is not marked as doubtful."""
    for entry in catalogue.split("\n\n"):
        lines = entry.splitlines()
        if any(line.startswith("#,") and "fuzzy" in line for line in lines):
            continue
        parts: dict[str, str] = defaultdict(str)
        key = ""
        for match in filter(None, map(_LINE.match, lines)):
            key = match[1] or key
            parts[key] += ast.literal_eval(match[2])
        if parts["msgid"] and "msgid_plural" not in parts:
            yield parts["msgid"].strip(), parts["msgstr"].strip()


def drawn(texts: list[Text], low: int, high: int, n: int) -> list[Text]:
    """At most so many texts of a length of each language, by chance but the same each time."""
    by_language: dict[str, list[Text]] = defaultdict(list)
    for one in texts:
        if low <= len(one[1]) <= high:
            by_language[one[0]].append(one)
    rng = np.random.default_rng(0)
    return [found[i] for found in by_language.values() for i in rng.permutation(len(found))[:n]]


def _row(name: str, detect: Detect, by_band: dict[str, list[Text]], ham: list[str]) -> tuple[str, ...]:
    detect("a text that makes it read its models")
    hits: list[int] = []
    n = untold = 0
    start = time.process_time()
    for chosen in by_band.values():
        found = [detect(text) for _, text in chosen]
        hits.append(sum(one == language for one, (language, _) in zip(found, chosen, strict=True)))
        untold += sum(one in (None, UNDETERMINED) for one in found)
        n += len(chosen)
    seconds = time.process_time() - start
    shares = [f"{hit / len(chosen):.3f}" for hit, chosen in zip(hits, by_band.values(), strict=True)]
    of_ham = Counter(map(detect, ham))
    english, none = of_ham["en"] / max(1, len(ham)), (of_ham[None] + of_ham[UNDETERMINED]) / max(1, len(ham))
    speed = (f"{n / seconds:,.0f}", f"{seconds / n * 1e6:,.0f}")
    ham_shares = f"{english:.3f}, {1 - english - none:.3f}"
    return name, *shares, f"{sum(hits) / n:.3f}", f"{untold / n:.3f}", *speed, ham_shares


def _ham(folder: Path) -> list[str]:
    labels = {one["item_id"]: one["label"] for one in json_lines(folder / "gold_labels.jsonl")}
    records = json_lines(folder / "content.jsonl")
    return [one["body"] for one in records if labels.get(one["content_id"]) == "no"]


def _code(code: str) -> str:
    return SAME.get(code, code)


if __name__ == "__main__":
    main()
