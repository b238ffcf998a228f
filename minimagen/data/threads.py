"""Looking at many things at once, in their order, with few in hand at a time.

Threads, for what is waited for here are disks and networks, and Pillow's decoders let go of the
interpreter while they work.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
THREADS = 8
IN_HAND = 4096  # the executor takes all it is given at once, a kilobyte each


def in_threads(work: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
    """Yield ``work(thing)`` for each thing, in order; the first error ends it."""
    source = iter(things)
    with ThreadPoolExecutor(THREADS) as pool:
        while some := list(islice(source, IN_HAND)):
            yield from pool.map(work, some)
