"""Timing things that take turns, so that all of them meet the same noise of a machine."""

import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

import torch

T = TypeVar("T")
SIDE = 2048  # of the matrices whose product is the peak: far more work than reading them


@dataclass(frozen=True)
class Timed:
    """What one of them took, as medians over the rounds.

    Args:
        seconds: by the clock on the wall.
        core_seconds: of all threads; on a busy machine the one to compare.
    """

    seconds: float
    core_seconds: float


def in_turns(works: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Timed]:
    """Do each once to warm up, then all of them one after the other, ``rounds`` times."""
    for work in works.values():
        work()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(seconds_of(work))
    return {
        name: Timed(*(median(column) for column in zip(*times, strict=True)))
        for name, times in taken.items()
    }


def seconds_of(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds something takes, by the clock and of all cores."""
    wall, cores = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cores


def matrix_product(side: int = SIDE) -> Callable[[], torch.Tensor]:
    """Return one product of two matrices: 2 side^3 operations, the most a machine does."""
    left, right = torch.randn(side, side), torch.randn(side, side)
    return lambda: left @ right


def in_process(work: Callable[[], T]) -> T:
    """Do some work in a process of its own and return what it returned.

    This process must not have computed anything: it is copied, and threads are not.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=lambda: theirs.send(work()))
    process.start()
    theirs.close()
    found: T = ours.recv()
    process.join()
    return found
