"""The endless seeded stream of samples that training draws from.

Sample number n is item ``index_of(n)``: seeded permutations of the training items, one after the
other. A batch is a range of sample numbers, so the stream can be entered anywhere at once, and
neither batch size nor workers change what a sample is. Pictures are decoded when first needed and
then kept in memory.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, cycle

import numpy as np
import torch
from torch import Tensor

from minimagen import seeds
from minimagen.data.captions import drawn
from minimagen.data.items import Picture, RejectedItem, Rejection, Source
from minimagen.data.workers import TIMEOUT_S, Workers
from minimagen.errors import DataError
from minimagen.tensors import from_uint8

REPLACEMENT_ATTEMPTS = 100
OnReject = Callable[[Rejection], None]


@dataclass(frozen=True)
class Batch:
    """Consecutive samples of the stream.

    Args:
        numbers: global sample numbers, (B,).
        images: (B, 3, S, S), float32 in [-1, 1].
        captions: (B,); empty means null text.
    """

    numbers: tuple[int, ...]
    images: Tensor
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """Which item each sample number is.

    Args:
        indices: the training items.
        seed: the run's seed.
        stage: stages see different orders.
    """

    indices: tuple[int, ...]
    seed: int
    stage: int

    def index_of(self, number: int) -> int:
        """Return the item of a sample number."""
        epoch, place = divmod(number, len(self.indices))
        return self.indices[_epoch_order(len(self.indices), self.seed, self.stage, epoch)[place]]

    def replacement_for(self, number: int, attempt: int) -> int:
        """Draw an item in place of one that turned out to be unusable."""
        draw = seeds.unit(self.seed, self.stage, "replacement", number, attempt)
        return self.indices[int(draw * len(self.indices))]


@lru_cache(maxsize=4)
def _epoch_order(length: int, seed: int, stage: int, epoch: int) -> list[int]:
    order: list[int] = seeds.permutation(length, seed, stage, "order", epoch).tolist()
    return order


@dataclass(frozen=True)
class Loaded:
    """The picture of one sample, and what had to be passed over to get it."""

    index: int
    picture: Picture
    passed_over: tuple[Rejection, ...] = ()


@dataclass(frozen=True)
class Loader:
    """Loads samples; it is what workers are sent."""

    source: Source
    order: Order
    size: int

    def __call__(self, numbers: Sequence[int]) -> list[Loaded]:
        """Decode the pictures of these samples."""
        return [self._load(number) for number in numbers]

    def caption(self, number: int, index: int) -> str:
        """Draw a sample's caption from those of its item."""
        return drawn(self.source.captions(index), self.order.seed, self.order.stage, number)

    def _load(self, number: int) -> Loaded:
        index = self.order.index_of(number)
        passed_over: list[Rejection] = []
        for attempt in range(REPLACEMENT_ATTEMPTS):
            try:
                return Loaded(index, self.source.picture(index, self.size), tuple(passed_over))
            except RejectedItem as rejected:
                passed_over.append(Rejection(self.source.name(index), str(rejected)))
                index = self.order.replacement_for(number, attempt)
        raise DataError(
            f"sample {number}: {REPLACEMENT_ATTEMPTS} items in a row cannot be read, the last "
            f"{passed_over[-1].file_name} ({passed_over[-1].reason}); is the data still there?"
        )


class Memory:
    """Pictures already decoded, by item, up to a number of bytes."""

    def __init__(self, budget_gb: float) -> None:
        self._left = int(budget_gb * 1e9)
        self._pictures: dict[int, Picture] = {}

    def get(self, index: int) -> Picture | None:
        """Return a picture, if it is here."""
        return self._pictures.get(index)

    def keep(self, index: int, picture: Picture) -> None:
        """Keep a picture, if it is new and there is room."""
        if index not in self._pictures and picture.nbytes <= self._left:
            self._left -= picture.nbytes
            self._pictures[index] = picture


def batches(
    source: Source,
    indices: Sequence[int],
    *,
    size: int,
    batch_size: int,
    first_batch: int,
    seed: int,
    stage: int,
    workers: int = 0,
    cache_gb: float = 4.0,
    on_reject: OnReject | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Batch]:
    """Serve the stream from a batch on, without end; batch m holds samples m b .. m b + b - 1.

    Args:
        source: the data set.
        indices: its items to train on.
        size: side of the pictures, in pixels.
        batch_size: samples in a batch.
        first_batch: where to enter.
        seed: the run's seed.
        stage: the stage's number.
        workers: processes that decode ahead; 0 decodes here. Batches are the same.
        cache_gb: memory for decoded pictures, in GB.
        on_reject: told of each item that had to be replaced, once.
        timeout_s: how long a worker may take for a batch, in seconds.

    Raises:
        TrainingError: when a worker dies or hangs.
    """
    loader = Loader(source, Order(tuple(indices), seed, stage), size)
    memory = Memory(cache_gb)
    plan = (range(m * batch_size, (m + 1) * batch_size) for m in count(first_batch))
    if workers:
        loads = _load_by_workers(loader, memory, plan, Workers(loader, workers, timeout_s))
    else:
        loads = _load_here(loader, memory, plan)
    report = _once(on_reject)
    with closing(loads):
        for loaded in loads:
            for sample in loaded.values():
                report(sample.passed_over)
            yield _batch(loader, loaded)


def readable_pictures(
    source: Source, indices: Sequence[int], size: int
) -> tuple[list[int], Tensor, list[Rejection]]:
    """Decode items, leaving out those that cannot be.

    Returns:
        The items kept; their pictures, uint8 (N, 3, size, size), of which there may be none; and
        what was left out.
    """
    kept: list[int] = []
    pictures: list[Picture] = []
    left_out: list[Rejection] = []
    for index in indices:
        try:
            pictures.append(source.picture(index, size))
            kept.append(index)
        except RejectedItem as rejected:
            left_out.append(Rejection(source.name(index), str(rejected)))
    none = torch.empty(0, 3, size, size, dtype=torch.uint8)
    return kept, _stacked(pictures) if pictures else none, left_out


Samples = dict[int, Loaded]  # by sample number


def _load_here(
    loader: Loader, memory: Memory, plan: Iterator[range]
) -> Generator[Samples, None, None]:
    for numbers in plan:
        loaded, missing = _recall(loader, memory, numbers)
        yield _complete(numbers, memory, loaded, missing, loader(missing))


def _load_by_workers(
    loader: Loader, memory: Memory, plan: Iterator[range], pool: Workers[list[int], list[Loaded]]
) -> Generator[Samples, None, None]:
    """Let each worker have one batch in hand; take the oldest, and give its worker the next."""
    with closing(pool):
        in_hand: deque[tuple[range, Samples, list[int]]] = deque()
        for numbers, worker in zip(plan, cycle(range(len(pool)))):
            done = None
            if len(in_hand) == len(pool):
                oldest, loaded, missing = in_hand.popleft()
                fresh = pool.take(worker) if missing else []
                done = _complete(oldest, memory, loaded, missing, fresh)
            in_hand.append((numbers, *_recall(loader, memory, numbers)))
            if in_hand[-1][2]:
                pool.give(worker, in_hand[-1][2])
            if done is not None:
                yield done


def _recall(loader: Loader, memory: Memory, numbers: range) -> tuple[Samples, list[int]]:
    """Return the samples in memory, and the numbers of the others."""
    found: Samples = {}
    for number in numbers:
        index = loader.order.index_of(number)
        picture = memory.get(index)
        if picture is not None:
            found[number] = Loaded(index, picture)
    return found, [number for number in numbers if number not in found]


def _complete(
    numbers: range, memory: Memory, found: Samples, missing: list[int], fresh: list[Loaded]
) -> Samples:
    for loaded in fresh:
        memory.keep(loaded.index, loaded.picture)
    everything = found | dict(zip(missing, fresh, strict=True))
    return {number: everything[number] for number in numbers}


def _once(on_reject: OnReject | None) -> Callable[[Iterable[Rejection]], None]:
    seen: set[Rejection] = set()

    def report(rejections: Iterable[Rejection]) -> None:
        for rejection in rejections:
            if rejection not in seen and on_reject is not None:
                on_reject(rejection)
            seen.add(rejection)

    return report


def _batch(loader: Loader, samples: Samples) -> Batch:
    captions = tuple(loader.caption(number, sample.index) for number, sample in samples.items())
    images = from_uint8(_stacked([sample.picture for sample in samples.values()]))
    return Batch(tuple(samples), images, captions)


def _stacked(pictures: Sequence[Picture]) -> Tensor:
    together = torch.from_numpy(np.stack(pictures))  # (B, S, S, 3)
    return together.permute(0, 3, 1, 2).contiguous()
