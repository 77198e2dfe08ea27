"""A key that stands twice, in every YAML and JSON that people write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobs.flow import read_graph
from linnaeus.contracts.config import load_config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.strict_yaml import DuplicateKeyError, load, read
from linnaeus.taxonomy.curation import read_curation
from linnaeus.taxonomy.exchange import as_json, as_yaml

_KEYS = st.sampled_from(["a", "b", "1", "no", "null", "2024-01-01", "1.5"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "the key 'a' stands twice, in lines 1 and 3; keep one"),
        ("{a: 1, a: 1}", "the key 'a' stands twice, in line 1; keep one"),
        ("x:\n- {b: 1}\n- b: 2\n  c: {d: 1,\n    d: 2}", "the key 'd' stands twice, in lines 4 and 5; keep one"),
        ("yes: 1\ntrue: 2", "the key True stands twice, in lines 1 and 2; keep one"),
        ("0x10: 1\n16: 2", "the key 16 stands twice, in lines 1 and 2; keep one"),
        ("a: 1\n'a': 2", "the key 'a' stands twice, in lines 1 and 2; keep one"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a", "the key '<<' stands twice, in lines 3 and 4; keep one"),
        ("b:\n  <<: {x: 1, x: 2}", "the key 'x' stands twice, in line 2; keep one"),
        ("? a\n: 1\n? a\n: 2", "the key 'a' stands twice, in lines 1 and 3; keep one"),
    ],
)
def test_a_key_that_stands_twice(text: str, message: str) -> None:
    with pytest.raises(DuplicateKeyError) as raised:
        load(text)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {x: 1, y: 2}\nb: &b\n  <<: *a\n  x: 3\nc:\n  <<: [*b, *a]\n  y: 4\nd: *b",
        "1: a\n'1': b\n1.5: c",
        "- a: 1\n- a: 2",
        "",
        "a",
    ],
)
def test_what_has_none_is_read_as_before(text: str) -> None:
    assert load(text) == yaml.safe_load(text)


def _bomb(levels: int) -> str:
    """Ten aliases of the line before in each line."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_bomb(9), "aliases make more than 1,000,000 values of it; write them out, or fewer"),
        ("a: &a [1, *a]", "aliases make more than 1,000,000 values of it"),
        ("a: &a {<<: *a, b: 1}", "aliases make more than 1,000,000 values of it"),
        ("[" * 900 + "]" * 900, "it is nested too deeply; write it flatter"),
    ],
)
def test_a_small_text_that_is_a_large_document(text: str, message: str) -> None:
    with pytest.raises(yaml.YAMLError) as raised:
        load(text)
    assert str(raised.value).startswith(message)


def test_what_libyaml_itself_finds_too_deep() -> None:
    with pytest.raises(yaml.YAMLError, match="nest"):
        load("[" * 5_000 + "]" * 5_000)


@pytest.mark.parametrize("text", ["a: 2024-13-45", "a: [", "a: 1\na: 2", _bomb(9)])
def test_what_a_file_can_not_say_is_one_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^own.yml: not readable as YAML: ") as raised:
        read("\n" + text, "own.yml")
    assert "\n" not in str(raised.value)


def test_aliases_are_read() -> None:
    assert load(_bomb(3)) == yaml.safe_load(_bomb(3))


@given(st.lists(_KEYS, min_size=1, max_size=5))
def test_random_keys(keys: list[str]) -> None:
    text = "".join(f"{key}: {place}\n" for place, key in enumerate(keys))
    if len(set(keys)) == len(keys):
        assert load(text) == yaml.safe_load(text)
    else:
        with pytest.raises(DuplicateKeyError, match="stands twice, in lines"):
            load(text)


def _settings(path: Path) -> Any:
    (path.parent / "base.yml").write_text("{}")
    path.write_text("taxonomy: {path: x}\nlake:\n  root: a\n  root: b\n")
    return load_config("own", folder=path.parent)


def _override(path: Path) -> Any:
    return load_config("local", ["spark.extra={a: 1, a: 2}"])


def _taxonomy(path: Path) -> Any:
    path.write_text("nodes: []\nnodes:\n- {id: a, name: A}\n")
    return load_config("local", [f"taxonomy.path={path}"]).read_taxonomy()


def _risk(path: Path) -> Any:
    path.write_text("areas: []\nareas: []\n")
    return load_config("local", [f"risk.path={path}"]).read_risk()


def _curation(path: Path) -> Any:
    return read_curation("steps:\n- rename: {id: a, name: A}\nsteps: []\n", str(path))


def _flow(path: Path) -> Any:
    path.write_text("resources: {}\nresources: {}\n")
    return read_graph(path)


def _yaml(path: Path) -> Any:
    return as_yaml.read("nodes:\n- {id: a, name: A, threshold: 0.1, threshold: 0.2}\n", str(path))


def _json(path: Path) -> Any:
    return as_json.read('{"format": "linnaeus-taxonomy", "version": 1, "nodes": [], "nodes": []}', str(path))


@pytest.mark.parametrize("file", [_settings, _override, _taxonomy, _risk, _curation, _flow, _yaml, _json])
def test_every_file_that_people_write(file: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="stands twice") as raised:
        file(tmp_path / "own.yml")
    assert "\n" not in str(raised.value)
