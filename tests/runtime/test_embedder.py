"""The embedder's folder and its identity."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from linnaeus.contracts.config import Embedder, load_config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.embedder import NEEDED, identity, load_annotator


@pytest.fixture
def settings(tmp_path: Path) -> Embedder:
    """A folder of a few bytes that has what an embedder needs."""
    folder = tmp_path / "embedder"
    for name in NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(f"the bytes of {name}".encode())
    return load_config("local").embedder.model_copy(update={"path": str(folder), "name": "mini"})


def test_identity_is_the_name_and_a_hash(settings: Embedder) -> None:
    assert re.fullmatch(r"mini@[0-9a-f]{12}", identity(settings))
    assert identity(settings) == identity(settings)


@pytest.mark.parametrize("name", NEEDED)
def test_another_byte_is_another_embedder(settings: Embedder, name: str) -> None:
    before = identity(settings)
    file = Path(settings.path) / name
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(bytes(content))
    assert identity(settings) != before
    content[3] ^= 1
    file.write_bytes(bytes(content))
    assert identity(settings) == before


def test_bytes_that_move_from_file_to_file_make_another_embedder(settings: Embedder) -> None:
    before = identity(settings)
    files = [Path(settings.path) / name for name in NEEDED]
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, reversed(contents), strict=True):
        file.write_bytes(content)
    assert identity(settings) != before


@pytest.mark.parametrize(
    "change", [{"max_tokens": 64}, {"batch_size": 8}, {"annotator": "BGEEmbeddings"}, {"name": "maxi"}], ids=str
)
def test_a_setting_that_changes_vectors_makes_another_embedder(settings: Embedder, change: dict[str, object]) -> None:
    assert identity(settings.model_copy(update=change)) != identity(settings)


def test_where_the_folder_lies_and_how_rows_are_spread_do_not_count(settings: Embedder, tmp_path: Path) -> None:
    before = identity(settings)
    Path(settings.path).rename(tmp_path / "elsewhere")
    moved = settings.model_copy(update={"path": str(tmp_path / "elsewhere"), "texts_a_partition": 3})
    assert identity(moved) == before


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_is_said_in_one_line(settings: Embedder, name: str) -> None:
    (Path(settings.path) / name).unlink()
    for attempt in (identity, lambda given: load_annotator(None, given)):
        with pytest.raises(ConfigurationError) as error:
            attempt(settings)
        line = str(error.value)
        assert line.startswith("embedder.path: ") and name in line and settings.path in line and "make setup" in line
        assert "\n" not in line


def test_a_missing_folder(settings: Embedder, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"embedder\.path"):
        identity(settings.model_copy(update={"path": str(tmp_path / "nowhere")}))
