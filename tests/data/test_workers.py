import os
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing import forkserver

import pytest

from minimagen.data.workers import Workers, WorkerTraceback
from minimagen.errors import TrainingError


def obey(task: str) -> str:
    if task == "raise":
        raise ValueError("what is this")
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if task == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    return f"{task} {os.getpid()}"


@pytest.fixture
def workers() -> Iterator[Workers[str, str]]:
    pool: Workers[str, str] = Workers(obey, 1, timeout_s=30)
    pool.give(0, "hello")
    assert pool.take(0).startswith("hello")
    pool.timeout_s = 1
    yield pool
    pool.close()


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("die", "has died .exit code -9."),
        ("stop", "has not answered for 1 s"),
        ("raise", "failed with ValueError: what is this"),
    ],
)
def test_a_worker_that_fails_ends_the_run_in_one_line(
    workers: Workers[str, str], task: str, said: str
) -> None:
    started = time.monotonic()
    workers.give(0, task)
    with pytest.raises(TrainingError, match=f"data worker 0 {said}.*--NUM_WORKERS 0") as caught:
        workers.take(0)
    assert time.monotonic() - started < 5
    assert "\n" not in str(caught.value)


def test_a_workers_traceback_is_kept_as_the_cause(workers: Workers[str, str]) -> None:
    workers.give(0, "raise")
    with pytest.raises(TrainingError) as caught:
        workers.take(0)
    assert isinstance(caught.value.__cause__, WorkerTraceback)
    assert "in obey" in str(caught.value.__cause__)


def test_workers_leave_no_process_behind_and_ignore_ctrl_c(workers: Workers[str, str]) -> None:
    workers.give(0, "interrupt")
    pid = int(workers.take(0).split()[1])
    workers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process forks the workers")
def test_a_hanging_worker_is_given_up_when_the_process_that_forked_it_is_gone(
    workers: Workers[str, str],
) -> None:
    workers.give(0, "stop")
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    with pytest.raises(TrainingError, match="data worker 0 has died"):
        workers.take(0)
