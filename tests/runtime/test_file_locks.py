"""Locks between processes, and between the threads of one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from linnaeus.runtime.file_locks import locked
from tests.patience import PATIENCE

HOLDS = """
import sys, time
from pathlib import Path
from linnaeus.runtime.file_locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(3600)
"""


def test_who_comes_second_waits_until_the_first_is_dead(tmp_path: Path) -> None:
    file, entered = tmp_path / "locks" / "table", threading.Event()
    first = subprocess.Popen([sys.executable, "-c", HOLDS, str(file)], stdout=subprocess.PIPE)
    assert first.stdout is not None and first.stdout.readline() == b"held\n"

    def second() -> None:
        with locked(file), locked(file):  # a thread may take again what it holds
            entered.set()

    waiting = threading.Thread(target=second)
    waiting.start()
    assert not entered.wait(0.3)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    waiting.join(PATIENCE)
    assert entered.is_set()


def test_threads_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def enter() -> None:
        for _ in range(50):
            with locked(tmp_path / "table"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert (inside[0], most[0]) == (0, 1)


def test_another_file_is_another_lock_and_an_error_gives_it_back(tmp_path: Path) -> None:
    try:
        with locked(tmp_path / "one"), locked(tmp_path / "other"):
            raise KeyError
    except KeyError:
        pass
    done = threading.Event()

    def enter() -> None:
        with locked(tmp_path / "one"):
            done.set()

    threading.Thread(target=enter).start()
    assert done.wait(PATIENCE)
