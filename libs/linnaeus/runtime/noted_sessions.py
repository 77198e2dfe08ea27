"""Spark sessions by whose settings rows are merged: Delta takes the note of a MERGE from the session alone.

Jobs of a flow share a session and have notes of their own, so a merge with a note runs in another one. Delta keeps
something of every session for as long as the JVM lives. So sessions are used again: there are as many as merges ran at
the same moment.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import SparkSession

_NOTE_SETTING = "spark.databricks.delta.commitInfo.userMetadata"
_IDLE: dict[str, list[SparkSession]] = {}  # by the application they belong to
_CHANGING = threading.Lock()
_IN_USE = threading.local()  # `session`: the one that this thread merges by


@contextmanager
def noted_session(session: SparkSession, note: str, settings: Mapping[str, str]) -> Iterator[None]:
    """Merge with a note, and with settings, while a block runs in this thread (see `merging_session`)."""
    application = session.sparkContext.applicationId
    with _CHANGING:
        idle = _IDLE.setdefault(application, [])
        taken = idle.pop() if idle else session.newSession()
    for key, value in (*settings.items(), (_NOTE_SETTING, note)):
        taken.conf.set(key, value)
    before = getattr(_IN_USE, "session", None)
    _IN_USE.session = taken
    try:
        yield
    finally:
        _IN_USE.session = before
        with _CHANGING:
            _IDLE[application].append(taken)


def merging_session(session: SparkSession) -> SparkSession:
    """The session of this thread's noted merge, or the given one outside of any."""
    return getattr(_IN_USE, "session", None) or session
