"""The one place that builds a Spark session."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from py4j.protocol import Py4JJavaError
from pyspark import StorageLevel, inheritable_thread_target
from pyspark.errors import PySparkException, PySparkRuntimeError
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import errors
from linnaeus.contracts.config import Config, conf_folder, resolve
from linnaeus.contracts.errors import SetupError
from linnaeus.runtime.jars import DRIVER_OPTIONS, resolved_jars

CLASS_PATH = "SPARK_DIST_CLASSPATH"  # what Spark puts on the class paths of its JVMs, after its own jars
CLASS_ARCHIVE = "spark-classes.jsa"  # made by runtime/class_archive.py, beside the jars

_STAGE_FAILURE = "Job aborted due to stage failure"
_SPARKS_OWN = "org.apache.spark.SparkException: Job aborted"  # no cause below it: an executor was lost, say
_OF_THE_MACHINE = ("OutOfMemoryError", "No space left on device", "InterruptedException", "cancelled")
_OURS = re.compile(re.escape(errors.__name__) + r"\.(\w+): ([^\n]+)")  # the last line of a Python trace

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")

# Spark NLP's own requirements at session start; on Databricks they belong to the cluster (databricks.yml sets them).
SPARK_NLP = {
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.kryoserializer.buffer.max": "2000M",
    "spark.driver.maxResultSize": "0",
    # One thread a task: the default of six starves a busy executor. All keys are set because executors look them up.
    "spark.jsl.settings.onnx.gpuDeviceId": "0",
    "spark.jsl.settings.onnx.intraOpNumThreads": "1",
    # Beyond the basic level onnxruntime joins each addition to its layer norm by a kernel that is slower than both
    # apart: 7 to 8% of all the time of a small BERT on AVX2 (tests/benchmarks/text_features.md).
    "spark.jsl.settings.onnx.optimizationLevel": "BASIC_OPT",
    "spark.jsl.settings.onnx.executionMode": "SEQUENTIAL",
}

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}

# Tables on one machine are small: the defaults of 50 and 200 partitions cost seconds a query.
ONE_MACHINE = {
    "spark.databricks.delta.snapshotPartitions": "2",
    # Delta reads a table's whole state after each commit, to compare it with the checksum that it has just kept up.
    "spark.databricks.delta.incrementalCommit.verify": "false",
    # The files of a small table stand in that checksum: a reader of the newest version need not put the log together.
    "spark.databricks.delta.allFilesInCrc.enabled": "true",
    "spark.databricks.delta.allFilesInCrc.verificationMode.enabled": "false",
    # Jobs of a flow run side by side: one of many tasks must not keep the others waiting.
    "spark.scheduler.mode": "FAIR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.debug.maxToStringFields": "100",
    # VACUUM lists a table's folders by as many tasks as this: the default of 10,000 took minutes here.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "32",
    # And up to so many files are looked at without tasks: those of a small table (runtime/small_reads.py).
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "256",
    # A flow's queries are more than the hundred whose compiled code Spark keeps: it compiled most of them each time.
    "spark.sql.codegen.cache.maxEntries": "2000",
}


def detached(rows: DataFrame) -> DataFrame:
    """The rows as planned now, apart from the tables that they come from; lost partitions are still computed again.

    Spark plans every cached frame anew, reading the tables' logs, when a table that it comes from is written, and
    drops what was cached: seconds a write, and rows that are not those any more that were asked for.
    """
    session = rows.sparkSession
    planned = rows._jdf.queryExecution().toRdd()
    return DataFrame(session._jsparkSession.internalCreateDataFrame(planned, rows._jdf.schema(), False), session)


def cached(rows: DataFrame, until: contextlib.ExitStack) -> DataFrame:
    """The rows, cached until a block ends."""
    until.callback(rows.unpersist)
    return rows.persist(StorageLevel.MEMORY_AND_DISK)


def cached_apart(rows: DataFrame, until: contextlib.ExitStack) -> DataFrame:
    """The rows `detached` and cached until a block ends, in which a table that they come from may be written."""
    return cached(detached(rows), until)


def build_session(config: Config, name: str = "linnaeus") -> SparkSession:
    """The session of this process: a new one by `config.spark`, or the running one where there is one.

    Raises SetupError where the jars can't be resolved or the JVM does not start.
    """
    with contextlib.suppress(PySparkRuntimeError):  # raised where there is none
        return SparkSession.active()  # also in another thread than the one that built it
    if config.spark.master is None:
        return SparkSession.builder.appName(name).getOrCreate()
    # Workers must run the driver's interpreter, or they start with the system's and lack its packages.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name).master(config.spark.master)
    for key, value in session_settings(config).items():
        builder = builder.config(key, value)
    log = resolve(config.spark.ivy_folder).parent / "spark.log"
    try:
        with _jvm_messages_to(log), _locale_of_unicode(), _class_path_with(_jars_of_one_machine(config)):
            session = builder.getOrCreate()
    except Exception as error:
        raise SetupError(f"Spark did not start: {_reason(log, error)} (log: {log})") from error
    session.sparkContext.setLogLevel("ERROR")
    _keep_jars_from_python(session)
    _look_functions_up_once(session)
    return session


def _look_functions_up_once(session: SparkSession) -> None:
    """Let Python keep the JVM's class of SQL functions.

    PySpark asks for it at each call of one, and Py4J then looks through all jars for it in each package that is
    imported: 4% of the JVM's time in a flow over few rows. What the view knows it does not ask for.
    """
    view = session.sparkContext._jvm
    assert view is not None  # a running context has it
    view.__dict__["functions"] = view.functions


def _keep_jars_from_python(session: SparkSession) -> None:
    """Take the jars of `spark.jars.packages`, which hold no Python, off the module search paths of driver and workers.

    Spark puts them there, as a package may bring modules along. Before each task a worker reads the directories of all
    archives on its path again (importlib.invalidate_caches in pyspark/worker_util.py): of these, 0.3 to 0.4 s of its
    processor time.
    """
    context = session.sparkContext
    includes = context._python_includes
    assert includes is not None  # a running context has its list
    includes[:] = [name for name in includes if not name.endswith(".jar")]
    sys.path[:] = [place for place in sys.path if not place.endswith(".jar")]


def session_settings(config: Config) -> dict[str, str]:
    """All Spark settings of a session that is built here."""
    spark = config.spark
    settings = {
        "spark.driver.memory": spark.driver_memory,
        "spark.executor.memory": spark.executor_memory,
        "spark.sql.shuffle.partitions": str(spark.shuffle_partitions),
        "spark.sql.session.timeZone": "UTC",
        **({} if _jars_of_one_machine(config) else _jars_to_resolve(config)),
        **SPARK_NLP,
        **DELTA,
        **ONE_MACHINE,
    }
    settings |= spark.extra
    archive = resolve(spark.ivy_folder).parent / CLASS_ARCHIVE
    if archive.is_file():
        options = settings.get(DRIVER_OPTIONS, "")
        settings[DRIVER_OPTIONS] = f'{options} -XX:SharedArchiveFile="{archive}"'.strip()
    return settings


def _jars_of_one_machine(config: Config) -> list[Path]:
    """The jars that the set-up resolved, where all JVMs of a session can read them; else none.

    On the class path they are neither resolved nor copied at each start, and the archive of classes has theirs too.
    """
    is_one_machine = (config.spark.master or "").startswith("local")
    asks_for_others = any(key.startswith("spark.jars.") for key in config.spark.extra)
    return (resolved_jars(config) or []) if is_one_machine and not asks_for_others else []


def _jars_to_resolve(config: Config) -> dict[str, str]:
    """Settings by which Spark resolves the jars at its start, and sends them to its executors."""
    return {
        "spark.jars.packages": ",".join(config.spark.packages),
        "spark.jars.excludes": ",".join(config.spark.excludes),
        "spark.jars.ivySettings": str(conf_folder() / "ivysettings.xml"),
        "spark.jars.ivy": str(resolve(config.spark.ivy_folder)),
    }


@contextlib.contextmanager
def _locale_of_unicode() -> Iterator[None]:
    """A block in which a JVM that starts reads names of files as UTF-8, as Python does where the locale is POSIX."""
    before = os.environ.get("LC_ALL")
    if before in ("C", "POSIX"):
        os.environ["LC_ALL"] = "C.UTF-8"
    try:
        yield
    finally:
        if before is not None:
            os.environ["LC_ALL"] = before


@contextlib.contextmanager
def _class_path_with(jars: Sequence[Path]) -> Iterator[None]:
    """A block in which a JVM that starts finds these jars, after Spark's own and those that the user has named."""
    before = os.environ.get(CLASS_PATH)
    places = [*filter(None, [before]), *map(str, jars)]
    if jars:
        os.environ[CLASS_PATH] = os.pathsep.join(places)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(CLASS_PATH, None)
        else:
            os.environ[CLASS_PATH] = before


def side_by_side(action: Callable[[_Given], _Made], given: Sequence[_Given]) -> list[_Made]:
    """The action's results in order, each from a thread of its own, so that one's planning overlaps another's tasks.

    All are waited for; then the first error, by the order of `given`, is raised.
    """
    if len(given) < 2:
        return [action(one) for one in given]
    with ThreadPoolExecutor(len(given)) as pool:
        # The thread's properties, its scheduling pool among them, go along.
        futures = [pool.submit(inheritable_thread_target(action), one) for one in given]
    return [future.result() for future in futures]


def slots(session: SparkSession) -> int:
    """Tasks that run side by side."""
    return max(1, session.sparkContext.defaultParallelism)


def task_failure(error: BaseException) -> str | None:
    """What made a task of a Spark job fail, in a line; None where it was no task, or the machine and not the data."""
    thrown = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    if thrown is None or _STAGE_FAILURE not in f"{thrown} {error}":
        return None
    while thrown.getCause() is not None:
        thrown = thrown.getCause()
    reason = " ".join(str(thrown).split())
    is_the_machine = any(mark in reason for mark in _OF_THE_MACHINE)
    return None if is_the_machine or reason.startswith(_SPARKS_OWN) else reason[:500]


def raised_in_task(error: BaseException) -> errors.LinnaeusError | None:
    """The error of ours that a task of a Spark job ended with, read from the trace that Spark gives; None: no such."""
    found = _OURS.search(str(error)) if isinstance(error, (PySparkException, Py4JJavaError)) else None
    return getattr(errors, found[1])(found[2]) if found else None


@contextlib.contextmanager
def _jvm_messages_to(log: Path) -> Iterator[None]:
    """The JVM inherits the output streams when it is launched: give it a log, so that a job's output stays readable."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = (os.dup(1), os.dup(2))
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        try:
            yield
        finally:
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)


def _reason(log: Path, error: Exception) -> str:
    """One line out of the JVM's log."""
    tail = log.read_text(encoding="utf-8", errors="replace")[-20000:] if log.is_file() else ""
    if "UnknownHostException" in tail or "unresolved dependency" in tail or "Connection refused" in tail:
        return "Maven Central can't be reached for the jars; check the network and run it again"
    if "No space left on device" in tail:
        return "the disk is full; free some space and run it again"
    return " ".join(str(error).split())[:300]
