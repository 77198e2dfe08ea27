"""Text files as they should be: no spaces at the end of lines, one line feed at the end, no conflict, YAML that parses.

`python -m tests.docs.text_files FILE ...` says what is wrong, a line each, and exits 1 where anything is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

_CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7}) ", re.MULTILINE)
_YAML = (".yml", ".yaml")


class _Loader(yaml.SafeLoader):
    """Tags of programs' own, as MkDocs has them, are passed over; nothing of them is run."""


_Loader.add_multi_constructor("", lambda loader, tag, node: None)


def problems(file: Path) -> Iterator[str]:
    """What is wrong with a file, in words; nothing for one that is no text."""
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return
    if "\r" in text:
        yield "carriage returns"
    if any(line != line.rstrip(" \t") for line in text.split("\n")):
        yield "spaces at the end of a line"
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield "not one line feed at the end"
    if _CONFLICT.search(text):
        yield "marks of a conflict"
    if file.suffix in _YAML:
        try:
            list(yaml.load_all(text, _Loader))
        except yaml.YAMLError as error:
            yield f"no YAML: {' '.join(str(error).split())}"


def main(files: Sequence[str]) -> int:
    """Say what is wrong with all of them. Returns the exit status."""
    found = [f"{file}: {problem}" for file in files for problem in problems(Path(file))]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
