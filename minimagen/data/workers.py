"""Processes that load things ahead of time, and end a run clearly when one dies or hangs.

Each worker has a pipe of its own and one task at a time: there is no lock that a killed process
could take with it. torch's DataLoader would send pictures through /dev/shm, which is small in
containers, could not leave out what the main process has in memory by now, and reports a dead
worker from a signal handler in the middle of a step.
"""

import atexit
import multiprocessing
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, NoReturn, TypeVar

from minimagen.errors import TrainingError

Task = TypeVar("Task")
Answer = TypeVar("Answer")
TIMEOUT_S = 300.0


class Workers(Generic[Task, Answer]):
    """A fixed number of processes that compute ``load(task)``.

    Started clean, not forked from this process: CUDA and threads do not survive a fork.
    """

    def __init__(
        self, load: Callable[[Task], Answer], count: int, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.timeout_s = timeout_s
        context = _context()
        self._ends: list[Connection] = []
        self._processes = []
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_work, args=(load, theirs), daemon=True, name=f"data worker {number}"
            )
            process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)
        atexit.register(self.close)  # before multiprocessing's own, which waits for workers

    def __len__(self) -> int:
        """Return how many processes there are."""
        return len(self._processes)

    def give(self, worker: int, task: Task) -> None:
        """Give a task to an idle worker."""
        try:
            self._ends[worker].send(task)
        except OSError:
            self._fail_dead(worker)

    def take(self, worker: int) -> Answer:
        """Wait for the answer to the task given last.

        Raises:
            TrainingError: when the worker died, raised or did not answer in time.
        """
        process, end = self._processes[worker], self._ends[worker]
        if not wait([end, process.sentinel], self.timeout_s):
            self._fail(worker, f"has not answered for {self.timeout_s:.0f} s")
        if not end.poll():  # the process that forked it is gone, and it may never answer
            self._fail_dead(worker)
        try:
            answer: Answer | Failure = end.recv()
        except (EOFError, OSError):
            self._fail_dead(worker)
        if isinstance(answer, Failure):
            self._fail(worker, f"failed with {answer.error}", WorkerTraceback(answer.traceback))
        return answer

    def close(self) -> None:
        """End all processes, however they feel about it."""
        atexit.unregister(self.close)
        for process in self._processes:
            process.kill()
        for process, end in zip(self._processes, self._ends, strict=True):
            process.join()
            end.close()

    def _fail_dead(self, worker: int) -> NoReturn:
        self._processes[worker].join(1)
        self._fail(worker, f"has died (exit code {self._processes[worker].exitcode})")

    def _fail(self, worker: int, what: str, cause: Exception | None = None) -> NoReturn:
        self.close()
        raise TrainingError(
            f"data worker {worker} {what}; continue the run, with --NUM_WORKERS 0 if it recurs"
        ) from cause


def _context() -> Any:
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "minimagen.data.stream"])  # import torch once
    return context


class WorkerTraceback(Exception):  # noqa: N818 - shown below the error it explains
    """Where in a worker something was raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True)
class Failure:
    """What a worker answers when it cannot."""

    error: str
    traceback: str


def _work(load: Callable[[Task], object], end: Connection) -> None:
    """Answer tasks until the other end of the pipe is gone, as it is when the run is killed."""
    _leave_signals_to_the_main_process()
    while True:
        try:
            end.send(_answer(load, end.recv()))
        except (EOFError, OSError):
            return


def _answer(load: Callable[[Task], object], task: Task) -> object:
    try:
        return load(task)
    except Exception as error:  # whatever it is, the main process must hear of it
        return Failure(f"{type(error).__name__}: {error}", traceback.format_exc())


def _leave_signals_to_the_main_process() -> None:
    """Ctrl-C and schedulers signal whole process groups; the main process still wants its batch."""
    for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
