"""A file by which a person decides of the tree: what it may say, read into steps. `curating` applies them.

by: ann                 # who decides, and why; both optional
note: two of a kind
steps:
  - accept: t-0c2f5ab94e01           # discovered to curated; name, description and parent are optional
    name: Football
    parent: sport
  - rename: {id: t-77ab01c2d3e4, name: Tennis}
  - merge: {ids: [t-1f00aa22bb33, t-2f00aa22bb33], into: t-1f00aa22bb33}
  - move: {id: t-3f00aa22bb33, to: sport}          # to: null makes it a root
  - retire: t-4f00aa22bb33           # what is at it or below it goes to its parent, or to the node that `to` names
  - add: {id: chess, name: Chess, parent: sport}   # description is optional
"""

from __future__ import annotations

import difflib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from linnaeus.contracts import strict_yaml
from linnaeus.contracts.config import NodeId
from linnaeus.contracts.errors import ConfigurationError

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=5000)]


class Step(BaseModel):
    """One decision."""

    # YAML takes an id of digits alone, as the IAB's are, for a number.
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, coerce_numbers_to_str=True)


class Accept(Step):
    """A discovered node becomes a curated one."""

    id: NodeId
    name: Name | None = None
    description: Text | None = None
    parent: NodeId | None = None

    @property
    def is_moved(self) -> bool:
        """Whether the file says where it belongs (null: it is a root)."""
        return "parent" in self.model_fields_set


class Rename(Step):
    """A node gets another name."""

    id: NodeId
    name: Name


class Merge(Step):
    """Nodes are merged into one, which may be among them."""

    ids: tuple[NodeId, ...] = Field(min_length=1)
    into: NodeId


class Move(Step):
    """A node, and all below it, goes below another."""

    id: NodeId
    to: NodeId | None


class Retire(Step):
    """A node is there no more."""

    id: NodeId
    to: NodeId | None = None


class Add(Step):
    """A node that was not there."""

    id: NodeId
    name: Name
    parent: NodeId | None = None
    description: Text | None = None


ACTIONS: dict[str, type[Step]] = {
    "accept": Accept,
    "rename": Rename,
    "merge": Merge,
    "move": Move,
    "retire": Retire,
    "add": Add,
}
_TOP = ["by", "note", "steps"]
_BY_ID = ("accept", "retire")  # these name the node itself, and what else they say stands beside it


class Curation(Step):
    """A file that was read: its steps in order, who decides, and why. `where` is its name, for errors."""

    where: str
    steps: tuple[Step, ...]
    by: Text | None = None
    note: Text | None = None

    def place(self, number: int) -> str:
        """A step as errors name it: file, number from 1, and action."""
        action = type(self.steps[number]).__name__.lower()
        return f"{self.where}: step {number + 1} ({action})"

    @property
    def said(self) -> list[Any]:
        """What it decides, as JSON has it: equal for files that say the same in the same order."""
        return [[type(step).__name__, step.model_dump(mode="json", exclude_unset=True)] for step in self.steps]


def read_curation(text: str, where: str) -> Curation:
    """The file's text, read. Raises ConfigurationError, in one line that names file and step, where it says what can't
    be understood."""
    document = strict_yaml.read(text, where)
    if not isinstance(document, dict):
        raise ConfigurationError(f"{where}: a mapping with `steps` is expected at the top")
    for key in map(str, document):
        if key not in _TOP:
            raise ConfigurationError(f"{where}: unknown key {key!r}{_nearest(key, _TOP)}")
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ConfigurationError(f"{where}: `steps` is to be a list of at least one step")
    read = tuple(_step(one, f"{where}: step {number}") for number, one in enumerate(steps, 1))
    try:
        return Curation(where=where, steps=read, by=document.get("by"), note=document.get("note"))
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {_problem(error, Curation)}") from error


def _step(document: object, where: str) -> Step:
    if not isinstance(document, dict):
        raise ConfigurationError(f"{where}: a step is written `action: …`; there are {', '.join(ACTIONS)}")
    named = [key for key in document if key in ACTIONS]
    if len(named) != 1:
        keys = [str(key) for key in document]
        near = _nearest(keys[0], list(ACTIONS)) if keys and not named else ""
        said = f"it has {', '.join(named)}" if named else f"it has {', '.join(keys) or 'nothing'}{near}"
        raise ConfigurationError(f"{where}: a step has one action of {', '.join(ACTIONS)}; {said}")
    action = named[0]
    where, model = f"{where} ({action})", ACTIONS[action]
    beside = {str(key): value for key, value in document.items() if key != action}
    if action in _BY_ID and not isinstance(document[action], dict):
        given = {"id": document[action], **beside}
    elif beside or not isinstance(document[action], dict):
        known = ", ".join(model.model_fields)
        raise ConfigurationError(f"{where}: write {action}: {{…}} with {known}, and nothing beside it")
    else:
        given = document[action]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {_problem(error, model)}") from error


def _problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem in words."""
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {name!r}{_nearest(name, list(model.model_fields))}"
    if problem["type"] == "missing":
        return f"{name} is missing"
    return f"{name}: {problem['msg']} (got {problem.get('input')!r})"


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"; the nearest known one is {near[0]!r}" if near else ""
