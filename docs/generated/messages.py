"""Every one-line error, from where the code raises it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from docs.generated.tables import cell
from linnaeus.contracts import errors

ROOT = Path(__file__).parents[2]
_INTRODUCTION = """# Messages

Every error of the suite's own, as it is worded, made from the code when this site was built; `…` stands for what is
filled in. On the command line it stands behind the job's name: `score_content: neither … nor …`. What a class means is
told in [Errors and exit status](errors.md). Messages of the configuration's types (a number out of range, say) are
pydantic's and not listed.
"""


@dataclass(frozen=True)
class Message:
    """What is said, by which class of errors, and where it is raised."""

    error: str
    text: str
    module: str


def classes() -> dict[str, type[errors.LinnaeusError]]:
    """The classes of contracts/errors.py by name."""
    return {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.LinnaeusError)
    }


@functools.cache
def read() -> tuple[Message, ...]:
    """All messages that are written where they are raised."""
    files = [*sorted((ROOT / "libs" / "linnaeus").rglob("*.py")), *sorted((ROOT / "jobs").glob("*.py"))]
    return tuple(message for file in files for message in of_file(file))


def of_file(file: Path) -> Iterable[Message]:
    """The messages of a module."""
    name = str(file.relative_to(ROOT))
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Raise) or not isinstance(call := node.exc, ast.Call) or not call.args:
            continue
        if isinstance(call.func, ast.Name) and call.func.id in classes():
            text = _text(call.args[0])
            if text.strip("… "):
                yield Message(call.func.id, text, name)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return "…"


def page() -> str:
    """The page, as Markdown."""
    parts = [_INTRODUCTION]
    for name, kind in classes().items():
        own = sorted((one for one in read() if one.error == name), key=lambda one: one.text)
        if not own:
            continue
        parts += [f"## {name}\n\n{kind.__doc__} Exit status {kind.exit_status}.\n"]
        parts += ["| message | raised in |\n| --- | --- |"]
        parts += [f"| {cell(one.text)} | `{one.module}` |" for one in own]
        parts.append("")
    return "\n".join(parts)
