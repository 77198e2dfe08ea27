"""The embedder's folder: what it is (a name and the hash of its files) and the Spark NLP annotator over it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from linnaeus.contracts.config import Embedder, resolve
from linnaeus.contracts.errors import ConfigurationError

NEEDED = ("model.onnx", "assets/vocab.txt")
# Raise it when features/embeddings.py prepares texts in another way: older vectors then count as another embedder's.
_PREPARATION = 1


def identity(settings: Embedder) -> str:
    """`name@sha256`, the hash being of the folder's files and of what else changes a vector.

    Raises ConfigurationError where a file is missing.
    """
    folder = _folder(settings)
    made_by = f"{settings.annotator} {settings.max_tokens} {settings.batch_size} {_PREPARATION}"
    digest = hashlib.sha256(made_by.encode())
    for name in NEEDED:
        digest.update(name.encode())
        with (folder / name).open("rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    return f"{settings.name}@{digest.hexdigest()[:12]}"


def load_annotator(session: SparkSession, settings: Embedder) -> Any:
    """The annotator, exact for texts of any lengths side by side (batch size 1).

    Raises ConfigurationError where the folder lacks a file.
    """
    import sparknlp.annotator as annotators

    annotator = getattr(annotators, settings.annotator)
    folder = _folder(settings)
    loaded = annotator.loadSavedModel(folder.as_uri(), session)
    loaded = loaded.setBatchSize(settings.batch_size).setMaxSentenceLength(settings.max_tokens)
    if settings.annotator == "BGEEmbeddings":
        loaded = loaded.setUseCLSToken(False)
    return loaded


def _folder(settings: Embedder) -> Path:
    folder = resolve(settings.path)
    for name in NEEDED:
        if not (folder / name).is_file():
            raise ConfigurationError(f"embedder.path: {folder} has no {name}; run `make setup`, or give another folder")
    return folder
