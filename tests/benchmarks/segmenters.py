"""How well segmenters find the words of Chinese, Japanese, Thai, Khmer and Lao: F1 of boundaries, speed and size.

    .venv/bin/python -m tests.benchmarks.segmenters

Sentences and their words are those of tests/unspaced.py, written by hand. Rivals are fetched once by pip into
.cache/downloads (170 MB, PyThaiNLP most of it); none is installed. Java's break iterator is that of the JDK here.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts.config import load_config, resolve
from linnaeus.contracts.unspaced import JOINT, set_apart
from linnaeus.runtime.machine import find_java
from tests.benchmarks.support import print_table
from tests.unspaced import GOLD, boundary_f1

_CHARACTERS = 20_000  # of the text that speed is taken on
_OURS = "icu4py"
_JAVA = """
import java.nio.charset.StandardCharsets;
import java.text.BreakIterator;
import java.util.Locale;
import java.util.Scanner;

class Words {
    public static void main(String[] arguments) {
        var lines = new Scanner(System.in, StandardCharsets.UTF_8);
        var out = new java.io.PrintStream(System.out, false, StandardCharsets.UTF_8);
        var words = BreakIterator.getWordInstance(Locale.forLanguageTag(arguments[0]));
        while (lines.hasNextLine()) {
            var line = lines.nextLine();
            words.setText(line);
            int start = words.first();
            for (int end = words.next(); end != BreakIterator.DONE; start = end, end = words.next())
                out.print(line.substring(start, end) + (end < line.length() ? "|" : "\\n"));
        }
        out.flush();
    }
}
"""

Segment = Callable[[str], list[str]]


@dataclass(frozen=True)
class Rival:
    """A library: what pip installs, its licence, and how it finds words of each language that it knows."""

    name: str
    licence: str
    requirements: tuple[str, ...]
    load: Callable[[Path], Mapping[str, Segment]]


def main() -> None:
    """Fetch, measure and print."""
    downloads = resolve(load_config("local").sample.downloads) / "segmenters"
    rows = [
        _row("**ours**: ICU by icu4py", "MIT, Unicode-3.0", _installed(_OURS), dict.fromkeys(GOLD, _ours)),
        _row("each character a word", "", 0.0, dict.fromkeys(("zh", "ja"), list)),
    ]
    for rival in RIVALS:
        folder = _fetched(downloads, rival)
        rows.append(_row(rival.name, rival.licence, _megabytes(folder), rival.load(folder)))
    rows.append(_java_row())
    header = ("segmenter", "licence", "MB on the disk", *GOLD, "characters a second")
    counts = ", ".join(f"{language} {len(sentences)}" for language, sentences in GOLD.items())
    print_table(f"F1 of boundaries between words; sentences: {counts}", header, rows)


def _ours(text: str) -> list[str]:
    return (set_apart(text) or text).split(JOINT)


def _budoux(folder: Path) -> Mapping[str, Segment]:
    # Of its models those that part words: the one for Japanese that it loads by itself parts phrases.
    models = {"zh": "zh-hans", "ja": "ja_word", "th": "th"}
    parser = importlib.import_module("budoux.parser").Parser
    read = {key: json.loads((folder / f"budoux/models/{name}.json").read_text()) for key, name in models.items()}
    return {language: parser(model).parse for language, model in read.items()}


def _jieba(_: Path) -> Mapping[str, Segment]:
    return {"zh": importlib.import_module("rjieba").cut}


def _tiny_segmenter(_: Path) -> Mapping[str, Segment]:
    return {"ja": importlib.import_module("tinysegmenter").TinySegmenter().tokenize}


def _thai(_: Path) -> Mapping[str, Segment]:
    return {"th": importlib.import_module("pythainlp.tokenize").word_tokenize}


def _lao(_: Path) -> Mapping[str, Segment]:
    return {"lo": importlib.import_module("laonlp.tokenize").word_tokenize}


def _khmer(_: Path) -> Mapping[str, Segment]:
    return {"km": importlib.import_module("khmercut").tokenize}


RIVALS = (
    Rival("BudouX", "Apache-2.0", ("budoux==0.10.1",), _budoux),
    Rival("jieba, by rjieba", "MIT", ("rjieba==0.2.2",), _jieba),
    Rival("TinySegmenter", "BSD", ("tinysegmenter==0.4",), _tiny_segmenter),
    Rival("PyThaiNLP, newmm", "Apache-2.0", ("pythainlp==5.4.0",), _thai),
    Rival("LaoNLP, with PyThaiNLP", "Apache-2.0", ("laonlp==1.3.0", "pythainlp==5.4.0"), _lao),
    Rival("khmercut", "Apache-2.0", ("khmercut==0.2.0", "python-crfsuite==0.9.12"), _khmer),
)


def _fetched(downloads: Path, rival: Rival) -> Path:
    """The folder that the library lies in, importable from now on."""
    folder = downloads / rival.requirements[0].replace("==", "-")
    if not folder.is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target"]
        subprocess.run([*command, str(folder), *rival.requirements], check=True)
    sys.path.append(str(folder))
    return folder


def _row(name: str, licence: str, megabytes: float, segments: Mapping[str, Segment]) -> tuple[str, ...]:
    found = {language: [segment("".join(words)) for words in GOLD[language]] for language, segment in segments.items()}
    scores = [f"{boundary_f1(GOLD[one], found[one]):.3f}" if one in found else "" for one in GOLD]
    return name, licence, f"{megabytes:.1f}", *scores, f"{_speed(segments):,.0f}"


def _speed(segments: Mapping[str, Segment]) -> float:
    """Characters a second over all languages that the library knows, alike many of each."""
    seconds = 0.0
    for language, segment in segments.items():
        sentence = "".join(word for words in GOLD[language] for word in words)
        text = (sentence * (_CHARACTERS // len(sentence) + 1))[:_CHARACTERS]
        start = time.process_time()
        segment(text)
        seconds += time.process_time() - start
    return _CHARACTERS * len(segments) / seconds


def _java_row() -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "Words.java"
        source.write_text(_JAVA, encoding="utf-8")
        scores = [f"{boundary_f1(GOLD[language], _by_java(source, language)):.3f}" for language in GOLD]
    return "Java's java.text.BreakIterator", "the JDK's", "0.0", *scores, ""


def _by_java(source: Path, language: str) -> list[list[str]]:
    lines = "\n".join("".join(words) for words in GOLD[language])
    command = [find_java()[0], str(source), language]
    done = subprocess.run(command, input=lines.encode(), capture_output=True, check=True)
    return [line.split("|") for line in done.stdout.decode().splitlines()]


def _installed(package: str) -> float:
    files = importlib.metadata.files(package) or []
    return sum(Path(str(file.locate())).stat().st_size for file in files if "__pycache__" not in str(file)) / 1e6


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


if __name__ == "__main__":
    main()
