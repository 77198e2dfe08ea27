"""Embedders: any folder, or name, that a Spark NLP annotator loads; what it is, and the annotator over it.

An embedder is stamped `name@files.recipe`: its name, the hash of its files, and the hash of all else that changes a
vector (annotator, windows, weights, the code that prepares texts). Vectors of two stamps are never compared.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark import SparkFiles
from pyspark.sql import SparkSession

from linnaeus.contracts.config import Embedder, fingerprint, resolve
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.pooling import PADDING, with_mean_pooling

NEEDED = ("model.onnx", "assets/vocab.txt")
_SAVED = "metadata"  # what a folder has that Spark NLP itself has saved
# Raise it when features/windows.py or markup.py prepares texts, or runtime/pooling.py averages states, in another way:
# older vectors then count as another recipe's.
_PREPARATION = 6
# Annotators whose vector is the mean of the tokens' states: the mean is taken inside the graph (runtime/pooling.py).
_MEAN_POOLED = frozenset({"E5Embeddings", "BGEEmbeddings"})
_STAMP = re.compile(r"(?P<name>[^@]+)@(?P<files>[0-9a-f]{12})\.(?P<recipe>[0-9a-f]{16})")
_PROBE = "a few words"


@dataclass(frozen=True, eq=False)
class LoadedEmbedder:
    """An annotator, ready for batches of texts of any lengths, and its vocabulary in the order of its ids."""

    annotator: Any
    vocabulary: tuple[str, ...]

    @contextlib.contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Inside the block a text on which the model fails has no vector, and takes none of its batch along."""
        size = self.annotator.getBatchSize()
        self.annotator.setBatchSize(1)
        try:
            yield
        finally:
            self.annotator.setBatchSize(size)


def identity(settings: Embedder) -> str:
    """The stamp of the embedder in force; a `pretrained` one needs a running session.

    Raises ConfigurationError where a file is missing or the model can't be fetched.
    """
    recipe = settings.model_dump(
        include={"annotator", "dimension", "max_tokens", "overlap", "title_weight", "body_weight"}
    )
    if settings.most_windows is not None:  # vectors of whole texts keep the stamp that they had before it was a setting
        recipe["most_windows"] = settings.most_windows
    return f"{settings.name}@{_hash_of_files(settings)}.{fingerprint([recipe, _PREPARATION])}"


def check_stamps(stamp: str, stored: Iterable[str]) -> None:
    """Raise ConfigurationError where a name already stamped stands for other files than it did."""
    ours = _STAMP.fullmatch(stamp)
    assert ours is not None
    for other in filter(None, map(_STAMP.fullmatch, stored)):
        if other["name"] == ours["name"] and other["files"] != ours["files"]:
            raise ConfigurationError(
                f"embedder.name: {ours['name']!r} was stamped on vectors with other files ({other['files']}, now "
                f"{ours['files']}); give the changed embedder a name of its own"
            )


def load_embedder(session: SparkSession, settings: Embedder) -> LoadedEmbedder:
    """The embedder, tried on a few words.

    Raises ConfigurationError where the folder lacks a file, the annotator can't run it, its vectors have another
    dimension than the settings say, or it would mix the texts of a batch.
    """
    annotator, vocabulary = _load(session, settings)
    _check_batches(settings, vocabulary)
    annotator.setBatchSize(settings.batch_size).setMaxSentenceLength(settings.max_tokens)
    found = _dimension_of(session, annotator, settings)
    if found != settings.dimension:
        raise ConfigurationError(
            f"embedder.dimension: {settings.name} gives vectors of {found} numbers, not {settings.dimension}; "
            f"set it to {found}"
        )
    return LoadedEmbedder(annotator, vocabulary)


def _load(session: SparkSession, settings: Embedder) -> tuple[Any, tuple[str, ...]]:
    import sparknlp.annotator as annotators

    kind = getattr(annotators, settings.annotator)
    folder = _folder(settings)
    if (folder / _SAVED).is_dir():
        loaded = kind.load(folder.as_uri())
        return loaded, _vocabulary_in(loaded)
    vocabulary = tuple((folder / NEEDED[1]).read_text(encoding="utf-8").splitlines())
    model = (folder / NEEDED[0]).read_bytes()
    if settings.annotator in _MEAN_POOLED:
        # With the mean in the graph the states are one: the first, which this annotator takes and brings to length one.
        made = _over_onnx(session, annotators.BGEEmbeddings, with_mean_pooling(model), vocabulary)
        return made.setUseCLSToken(True), vocabulary
    return _over_onnx(session, kind, model, vocabulary), vocabulary


def _check_batches(settings: Embedder, vocabulary: tuple[str, ...]) -> None:
    """Only a graph that finds the padding itself reads a short text beside a long one as it reads it alone."""
    finds_padding = settings.annotator in _MEAN_POOLED and not (_folder(settings) / _SAVED).is_dir()
    if settings.batch_size > 1 and not (finds_padding and vocabulary[0] == PADDING):
        raise ConfigurationError(
            f"embedder.batch_size: a batch changes the vectors of {settings.name} ({settings.annotator} takes what "
            "fills short texts up for words); set it to 1"
        )


def _over_onnx(session: SparkSession, kind: Any, model: bytes, vocabulary: tuple[str, ...]) -> Any:
    """What `loadSavedModel` makes, over a file whose name is its hash.

    Spark NLP hands a model to the executors as a file of the session, by its name alone: two embedders that are both
    called model.onnx would fail, or be taken for each other.
    """
    name = hashlib.sha256(model).hexdigest()
    folder = _among_the_sessions_files(name, model)
    jvm, java_session = session.sparkContext._jvm, session._jsparkSession
    assert jvm is not None
    nothing = getattr(jvm.scala, "None$").__getattr__("MODULE$")
    wrapper = jvm.com.johnsnowlabs.ml.onnx.OnnxWrapper.read(
        java_session, str(folder), False, True, name, nothing, nothing
    )
    annotator = kind()
    java = annotator._java_obj
    java.setVocabulary(_vocabulary_map(jvm, vocabulary))
    java.set(java.engine(), "onnx")
    java.setModelIfNotSet(java_session, nothing, jvm.scala.Some(wrapper), nothing)
    return annotator


def _vocabulary_map(jvm: Any, vocabulary: tuple[str, ...]) -> Any:
    """Token to id as Scala's map; by way of JSON, since one by one over the gateway it would take seconds."""
    numbered = json.dumps({token: place for place, token in enumerate(vocabulary)})
    java = jvm.com.fasterxml.jackson.databind.ObjectMapper().readValue(
        numbered, jvm.java.lang.Class.forName("java.util.HashMap")
    )
    scala = jvm.scala.collection.JavaConverters.mapAsScalaMapConverter(java).asScala()
    return scala.toMap(getattr(jvm.scala.Predef, "$conforms")())


def _vocabulary_in(annotator: Any) -> tuple[str, ...]:
    """The vocabulary of an annotator that Spark NLP has saved."""
    java = annotator._java_obj
    pairs = java.get(java.vocabulary()).get().mkString("\n").split("\n")
    ids = {token: int(place) for token, _, place in (pair.rpartition(" -> ") for pair in pairs)}
    return tuple(sorted(ids, key=ids.__getitem__))


def _among_the_sessions_files(name: str, model: bytes) -> Path:
    """The folder of the session's files, with the model whole in it, under its own name.

    Spark copies a file that is added into this folder, and a task of another job that starts meanwhile in this process
    would find half of it there ("does not match contents") and fail. What is there already is left as it is.
    """
    folder = Path(SparkFiles.getRootDirectory())
    place = folder / f"{name}.onnx"
    if not place.is_file():
        unfinished = place.with_name(f"{place.name}.{uuid.uuid4().hex}")
        unfinished.write_bytes(model)
        unfinished.replace(place)
    return folder


def failure_on(session: SparkSession, annotator: Any, windows: Sequence[str]) -> str:
    """What the annotator says where it has no vector for one of a text's windows.

    Spark NLP logs the exception of a window and gives no annotation: so the windows are tried here again, one by one,
    while the log is read.
    """
    pipeline = _light(annotator)
    for window in windows:
        with _logged(session) as said:
            found = pipeline.fullAnnotate(window)[0]["vector"]
        if not found:
            return next((line for line in said if "Exception" in line), "no vector, and nothing said")[:500]
    return "no vector from an executor, but one from the driver: see the executor's log"


@contextlib.contextmanager
def _logged(session: SparkSession) -> Iterator[list[str]]:
    """Lines of the driver's log of what happens inside the block; they are there when it ends."""
    jvm = session.sparkContext._jvm
    assert jvm is not None
    written, lines, name = jvm.java.io.StringWriter(), [], f"linnaeus-{uuid.uuid4().hex}"  # type: ignore[var-annotated]
    log4j = jvm.org.apache.logging.log4j
    appender = log4j.core.appender.WriterAppender.createAppender(None, None, written, name, False, False)
    root = log4j.LogManager.getContext(False).getConfiguration().getRootLogger()
    appender.start()
    root.addAppender(appender, None, None)
    try:
        yield lines
    finally:
        root.removeAppender(name)
        appender.stop()
        lines += str(written.toString()).splitlines()


def _light(annotator: Any) -> Any:
    """The annotator over a text, on the driver, without a Spark job."""
    from pyspark.ml import PipelineModel
    from sparknlp.base import DocumentAssembler, LightPipeline

    document = DocumentAssembler().setInputCol("text").setOutputCol("document")
    stages = [document, annotator.setInputCols(["document"]).setOutputCol("vector")]
    return LightPipeline(PipelineModel(stages=stages), parse_embeddings=True)


def _dimension_of(session: SparkSession, annotator: Any, settings: Embedder) -> int:
    """The length of the vector of a few words."""
    try:
        found = _light(annotator).fullAnnotate(_PROBE)[0]["vector"]
        reason = "" if found else failure_on(session, annotator, [_PROBE])
    except Exception as error:  # of the JVM, of the ONNX runtime: whatever it is, nothing can be embedded
        found, reason = [], " ".join(str(getattr(error, "java_exception", error)).split())[:300]
    if not found:
        raise ConfigurationError(f"embedder.path: {settings.annotator} can't run {settings.name}: {reason}")
    return len(found[0].embeddings)


def _hash_of_files(settings: Embedder) -> str:
    """The first 12 hex digits of the SHA-256 of the embedder's files, names included."""
    folder = _folder(settings)
    saved = (folder / _SAVED).is_dir()
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()] if saved else [folder / name for name in NEEDED]
    state = tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    return _digest(folder, state)


@functools.lru_cache(maxsize=16)
def _digest(folder: Path, state: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, _, _ in state:
        digest.update(Path(name).relative_to(folder).as_posix().encode())
        with Path(name).open("rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()[:12]


def _folder(settings: Embedder) -> Path:
    if settings.path is None:
        return _pretrained(settings)
    folder = resolve(settings.path)
    if (folder / _SAVED).is_dir():
        return folder
    for name in NEEDED:
        if not (folder / name).is_file():
            raise ConfigurationError(f"embedder.path: {folder} has no {name}; run `make setup`, or give another folder")
    return folder


def _pretrained(settings: Embedder) -> Path:
    """Where Spark NLP keeps one of its own models; fetched where it is not there yet."""
    session = SparkSession.active()
    jvm = session.sparkContext._jvm
    assert jvm is not None
    language = jvm.scala.Some(settings.language)
    try:
        downloader = jvm.com.johnsnowlabs.nlp.pretrained.ResourceDownloader
        place = downloader.downloadResource(settings.pretrained, language, "public/models")
    except Exception as error:  # py4j's, whatever it wraps: no such name, or no network
        reason = " ".join(str(getattr(error, "java_exception", error)).split())[:200]
        raise ConfigurationError(
            f"embedder.pretrained: {settings.pretrained} ({settings.language}) can't be fetched: {reason}; check the "
            "name and the network, or set embedder.path to a folder"
        ) from error
    return Path(str(place).removeprefix("file:"))
