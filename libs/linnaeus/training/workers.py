"""The tasks of a barrier stage as one group of XGBoost's collective operations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from pyspark import BarrierTaskContext
from xgboost import collective
from xgboost.tracker import RabitTracker


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
