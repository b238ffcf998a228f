"""Work spread over processes, its answers in the order of the tasks."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from itertools import cycle
from typing import TypeVar

from minimagen.data.workers import Workers

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def in_order(
    load: Callable[[Task], Answer], tasks: Iterable[Task], workers: int
) -> Generator[tuple[Task, Answer], None, None]:
    """Yield each task with ``load(task)``, however many processes share the work.

    Args:
        load: is sent to the processes, once.
        tasks: are sent one by one.
        workers: how many processes; 0 works here.

    Raises:
        TrainingError: when a worker dies, raises or hangs.
    """
    if not workers:
        yield from ((task, load(task)) for task in tasks)
        return
    with closing(Workers(load, workers)) as pool:
        in_hand: deque[tuple[int, Task]] = deque()
        for worker, task in zip(cycle(range(workers)), tasks):
            done = [_oldest(pool, in_hand)] if len(in_hand) == workers else []
            pool.give(worker, task)
            in_hand.append((worker, task))
            yield from done
        while in_hand:
            yield _oldest(pool, in_hand)


def _oldest(pool: "Workers[Task, Answer]", in_hand: deque[tuple[int, Task]]) -> tuple[Task, Answer]:
    worker, task = in_hand.popleft()
    return task, pool.take(worker)
