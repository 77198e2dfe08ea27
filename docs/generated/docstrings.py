"""Docstrings as they are meant: outside code `<env>` is no HTML and `*` no emphasis.

An extension of griffe, which reads them for mkdocstrings.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)


class PlainDocstrings(griffe.Extension):
    """Escapes what Markdown would take for something else."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change an object's docstring in place."""
        if obj.docstring is not None:
            obj.docstring.value = escaped(obj.docstring.value)


def escaped(text: str) -> str:
    """A docstring with `<` and `*` escaped, but in code: between backticks, and on lines indented by four spaces."""
    paragraphs = [one if one.startswith("    ") else _escaped(one) for one in text.split("\n\n")]
    return "\n\n".join(paragraphs)


def _escaped(paragraph: str) -> str:
    return "".join(
        part if place % 2 else part.replace("<", "&lt;").replace("*", r"\*")
        for place, part in enumerate(_CODE.split(paragraph))
    )
