"""Every setting: from conf/base.yml, with its comments, and from the types of contracts/config.py."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generated.tables import cell
from linnaeus.contracts.config import Config

CONF = Path(__file__).parents[2] / "conf"
ENVIRONMENTS = ("local", "dev", "staging", "prod")
_INTRODUCTION = """# Settings

Made from `conf/base.yml` and the types of `libs/linnaeus/contracts/config.py` when this site was built.

`conf/<env>.yml` overlays `conf/base.yml`; `--set section.key=value` overlays both, and may stand more than once. There
a text is taken as it is typed, so `012` and `a #b` are those ids; in quotes it is read as YAML. Any other value is
YAML, so `[a, b]` is a list. `null` is nothing. An unknown key is refused with the name of the nearest known one.
Relative paths are taken from the root of the checkout.
"""
_KEY = re.compile(r"^( *)([a-z_]+):(.*)$")
_KINDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "min_length": "length at least"}


@dataclass(frozen=True)
class Setting:
    """A setting as conf/base.yml has it."""

    name: str
    default: Any
    comment: str


def names() -> tuple[str, ...]:
    """Dotted names of all settings that can be given, those of sections without `env`."""
    return tuple(name for name, _ in _fields(Config) if name != "env")


@functools.cache
def read() -> dict[str, Setting]:
    """The settings of conf/base.yml by name, in its order, each with the comments that stand at it."""
    text = (CONF / "base.yml").read_text(encoding="utf-8")
    comments, document = _comments(text), yaml.safe_load(text)
    known = set(names())
    return {name: Setting(name, value, comments.get(name, "")) for name, value in _leaves(document, known)}


def page() -> str:
    """The page, as Markdown."""
    own, fields, parts = read(), dict(_fields(Config)), [_INTRODUCTION]
    comments = _comments((CONF / "base.yml").read_text(encoding="utf-8"))
    for section, info in Config.model_fields.items():
        inside = [name for name in own if name.split(".")[0] == section]
        inside += [name for name in fields if name.split(".")[0] == section and name not in own]
        if section == "env" or not inside:
            continue
        meaning = comments.get(section) or (info.annotation.__doc__ or "" if info.annotation else "")
        parts += [f"## {section} {{ #{section} }}\n\n{_sentence(meaning)}\n"]
        parts += ["| setting | default | kind | what it is |", "| --- | --- | --- | --- |"]
        parts += [_row(name, own.get(name), fields[name]) for name in inside]
        parts.append("")
    return "\n".join([*parts, _environments()])


def _row(name: str, setting: Setting | None, info: FieldInfo) -> str:
    default = _shown(setting.default) if setting else _shown(info.get_default(call_default_factory=True))
    short = name.partition(".")[2]
    comment = setting.comment if setting else ""
    return f'| <a id="{name}"></a>`{short}` | {default} | {cell(kind_of(info))} | {cell(comment)} |'


def _environments() -> str:
    """What conf/<env>.yml holds, side by side."""
    by_env = {env: dict(_leaves(_yaml(env), set(names()))) for env in ENVIRONMENTS}
    all_names = list(dict.fromkeys(name for values in by_env.values() for name in values))
    rows = [f"| `{n}` | " + " | ".join(_shown(by_env[e][n]) if n in by_env[e] else "" for e in ENVIRONMENTS) + " |"
            for n in all_names]  # fmt: skip
    head = f"| setting | {' | '.join(ENVIRONMENTS)} |\n| --- |{' --- |' * len(ENVIRONMENTS)}"
    return "\n".join(["## What environments change { #environments }", "", head, *rows, ""])


def _yaml(env: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / f"{env}.yml").read_text(encoding="utf-8")) or {}


def _comments(text: str) -> dict[str, str]:
    """Comments by dotted name: those on lines of their own before a key, the one at its end and what goes on below."""
    found: dict[str, list[str]] = {}
    before: list[str] = []
    path: list[tuple[int, str]] = []
    column, name = -1, ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            is_more = line.index("#") == column
            (found[name] if is_more else before).append(bare.lstrip("# "))
        elif match := _KEY.match(line):
            indent = len(match[1])
            path = [*[one for one in path if one[0] < indent], (indent, match[2])]
            name = ".".join(key for _, key in path)
            mark = _comment_at(match[3])
            column = -1 if mark is None else match.start(3) + mark
            found[name] = [*before, *([match[3][mark:].lstrip("# ")] if mark is not None else [])]
            before = []
        else:
            column = -1
            before = before if bare else []
    return {key: " ".join(lines) for key, lines in found.items() if lines}


def _comment_at(rest: str) -> int | None:
    """Where the comment of a line's value begins: at a `#` after a space that stands in no quotes."""
    quoted = False
    for place, character in enumerate(rest):
        quoted ^= character == '"'
        if character == "#" and not quoted and rest[:place].endswith(" "):
            return place
    return None


def _leaves(document: dict[str, Any], known: set[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        name = prefix + key
        if name in known or not isinstance(value, dict):
            yield name, value
        else:
            yield from _leaves(value, known, f"{name}.")


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, info


def kind_of(info: FieldInfo) -> str:
    """What a value may be, in words."""
    bounds = [f"{word} {value:g}" for name, word in _BOUNDS.items() if (value := _bound(info, name)) is not None]
    return ", ".join([_kind(info.annotation), *bounds])


def _bound(info: FieldInfo, name: str) -> float | None:
    return next((getattr(one, name) for one in info.metadata if getattr(one, name, None) is not None), None)


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin is Literal:
        return " or ".join(str(one) for one in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join("null" if one is type(None) else _kind(one) for one in arguments)
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if origin is dict:
        return f"mapping to {_kind(arguments[1])}"
    return _KINDS.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _shown(value: Any) -> str:
    """A value as YAML has it; a long list is cut."""
    if isinstance(value, (list, tuple)) and len(str(value)) > 100:
        return f"{len(value)} of them"
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
    return f"`{text}`".replace("|", "\\|")


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ")")) or not text else ".")
