"""YAML of people's files: no key stands twice in a mapping, and aliases do not make a small text a large document.

YAML 1.2.2 (3.2.1.1) forbids equal keys; PyYAML silently takes the last.
"""

from __future__ import annotations

from typing import Any

import yaml

from linnaeus.contracts.errors import ConfigurationError

MOST_NODES = 1_000_000  # of a document, each alias counted as what it stands for
_BASE: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # by libyaml where it is there: ten times as fast
_MERGE = "tag:yaml.org,2002:merge"


class DuplicateKeyError(yaml.constructor.ConstructorError):
    """A mapping has a key twice."""


class _Loader(_BASE):  # type: ignore[misc]
    """A safe loader that refuses such a mapping, wherever it stands."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._checked: dict[int, yaml.MappingNode] = {}  # by identity: a merge puts others' keys into a node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take in the mappings that `<<` names, once the mapping's own keys are known to be different."""
        if id(node) not in self._checked:
            self._checked[id(node)] = node
            self._check(node)
        super().flatten_mapping(node)

    def _check(self, node: yaml.MappingNode) -> None:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue  # a key that is a list or a mapping is refused later
            key = "<<" if key_node.tag == _MERGE else self.construct_object(key_node)
            line = key_node.start_mark.line + 1
            if key in lines:
                lying = f"in line {line}" if lines[key] == line else f"in lines {lines[key]} and {line}"
                raise DuplicateKeyError(None, None, f"the key {key!r} stands twice, {lying}; keep one")
            lines[key] = line


def load(text: str) -> Any:
    """What a document says, as `yaml.safe_load` has it.

    Raises DuplicateKeyError, with the lines of both, where a mapping has a key twice; yaml.YAMLError where aliases make
    more than `MOST_NODES` of it or lead back to themselves, where it is nested too deeply, and for what is no YAML.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > MOST_NODES:
            raise yaml.YAMLError(f"aliases make more than {MOST_NODES:,} values of it; write them out, or fewer")
        return loader.construct_document(node)
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply; write it flatter") from error
    finally:
        loader.dispose()


def read(text: str, where: str) -> Any:
    """What a file's text says. Raises ConfigurationError, in one line that names the file, for what `load` refuses."""
    try:
        return load(text)
    except (yaml.YAMLError, ValueError) as error:  # the second: a date that there is not
        raise ConfigurationError(f"{where}: not readable as YAML: {' '.join(str(error).split())}") from error


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Nodes at and below a node."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = MOST_NODES + 1  # while it is counted: who comes back to it is below itself
    below = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    known[id(node)] = 1 + sum(_size(part, known) for part in below)
    return known[id(node)]
