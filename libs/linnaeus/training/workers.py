"""The tasks of a barrier stage as one group of XGBoost's collective operations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread

import pyarrow as pa
from pyspark import BarrierTaskContext
from pyspark.sql import DataFrame, Row
from pyspark.sql.types import StructType
from xgboost import collective
from xgboost.tracker import RabitTracker

Batches = Iterable[pa.RecordBatch]


def fitted_by(placed: DataFrame, fit: Callable[[Batches], Batches], schema: StructType) -> Row:
    """The one row that one of the workers gives who fit together on `placed`, a partition each, in a barrier stage."""
    # Spark starts a barrier stage again only where a shuffle comes after it: it gives up one whose rows are collected.
    (row,) = placed.mapInArrow(fit, schema, barrier=True).repartition(1).collect()  # few: one row
    return row


@contextmanager
def together() -> Iterator[int]:
    """Inside, all tasks of the stage are workers of one group; gives this one's rank, 0 being the first partition's.

    As `xgboost.spark` does: the first task starts the tracker, the others are told where it is.
    """
    context = BarrierTaskContext.get()
    workers = context.getTaskInfos()
    said = ""
    if context.partitionId() == 0:
        tracker = RabitTracker(n_workers=len(workers), host_ip=workers[0].address.split(":")[0], sortby="task")
        tracker.start()
        Thread(target=tracker.wait_for, daemon=True).start()
        said = json.dumps(tracker.worker_args())
    arguments = json.loads(next(one for one in context.allGather(said) if one))
    with collective.CommunicatorContext(**arguments, dmlc_task_id=f"{context.partitionId():09d}"):
        yield collective.get_rank()
