"""The embedder's folder: what it is (a name and the hash of its files) and the Spark NLP annotator over it."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import uuid
from pathlib import Path
from typing import Any

from pyspark import SparkFiles
from pyspark.sql import SparkSession

from linnaeus.contracts.config import Embedder, resolve
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.pooling import with_mean_pooling

NEEDED = ("model.onnx", "assets/vocab.txt")
# Raise it when features/embeddings.py prepares texts or runtime/pooling.py averages states in another way: older
# vectors then count as another embedder's.
_PREPARATION = 3
# Annotators whose vector is the mean of the tokens' states: the mean is taken inside the graph (runtime/pooling.py).
_MEAN_POOLED = frozenset({"E5Embeddings", "BGEEmbeddings"})


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

    folder = _folder(settings)
    if settings.annotator in _MEAN_POOLED:
        pooled = _pooled(session, folder)
        # With the mean in the graph the states are one: the first, which this annotator takes and brings to length one.
        loaded = annotators.BGEEmbeddings.loadSavedModel(pooled.as_uri(), session).setUseCLSToken(True)
    else:
        loaded = getattr(annotators, settings.annotator).loadSavedModel(folder.as_uri(), session)
    return loaded.setBatchSize(settings.batch_size).setMaxSentenceLength(settings.max_tokens)


def _pooled(session: SparkSession, folder: Path) -> Path:
    """The embedder with its mean inside the graph, among the session's files.

    Spark NLP hands the model to the executors as a file of the session: it has to stay for as long as the session does,
    and the same model has to be the same file.
    """
    model = with_mean_pooling((folder / NEEDED[0]).read_bytes())
    place = Path(SparkFiles.getRootDirectory()) / "embedders" / hashlib.sha256(model).hexdigest()
    if place.is_dir():
        return place
    unfinished = place.with_name(f"{place.name}.{uuid.uuid4().hex}")
    (unfinished / "assets").mkdir(parents=True)
    shutil.copyfile(folder / NEEDED[1], unfinished / NEEDED[1])
    (unfinished / NEEDED[0]).write_bytes(model)
    with contextlib.suppress(OSError):  # another thread's is as good
        unfinished.rename(place)
    return place


def _folder(settings: Embedder) -> Path:
    folder = resolve(settings.path)
    for name in NEEDED:
        if not (folder / name).is_file():
            raise ConfigurationError(f"embedder.path: {folder} has no {name}; run `make setup`, or give another folder")
    return folder
