"""The endless seeded stream of samples that training draws from.

Sample number n is item ``index_of(n)`` of an :class:`~minimagen.data.order.Order`. A batch is a
range of sample numbers, so the stream can be entered anywhere at once, and neither batch size nor
workers change what a sample is. Pictures are decoded when first needed and then kept in memory;
what chance does to a sample comes after that.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, cycle

import numpy as np
import torch
from torch import Tensor

from minimagen.data.augmentation import augmented
from minimagen.data.buckets import Framing
from minimagen.data.captions import drawn
from minimagen.data.chance import cut_by_chance, flipped_by_chance
from minimagen.data.framing import Frame
from minimagen.data.items import Picture, RejectedItem, Rejection, Source
from minimagen.data.order import Order
from minimagen.data.workers import TIMEOUT_S, Workers
from minimagen.errors import DataError
from minimagen.tensors import from_uint8

__all__ = ["Batch", "Loader", "Order", "batches", "load_batch", "make_loader", "readable_pictures"]

REPLACEMENT_ATTEMPTS = 100
OnReject = Callable[[Rejection], None]


@dataclass(frozen=True)
class Batch:
    """Consecutive samples of the stream.

    Args:
        numbers: global sample numbers, (B,).
        images: (B, 3, H, W), float32 in [-1, 1].
        captions: (B,); empty means null text.
    """

    numbers: tuple[int, ...]
    images: Tensor
    captions: tuple[str, ...]


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
    framing: Framing

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
                picture = self.source.picture(index, self.framing.frame(index))
                return Loaded(index, picture, tuple(passed_over))
            except RejectedItem as rejected:
                passed_over.append(Rejection(self.source.name(index), str(rejected)))
                index = self.order.replacement_for(number, attempt)
        raise DataError(
            f"sample {number}: {REPLACEMENT_ATTEMPTS} items in a row cannot be read, the last "
            f"{passed_over[-1].file_name} ({passed_over[-1].reason}); is the data still there?"
        )


def make_loader(
    source: Source, indices: Sequence[int], shape: int | Framing, seed: int, stage: int
) -> Loader:
    """Make the loader of a stage; the arguments are those of :func:`batches`."""
    framing = Framing.of(shape)
    buckets = () if framing.buckets is None else tuple(map(framing.bucket, indices))
    order = Order(tuple(indices), seed, stage, buckets, framing.images_per_step)
    return Loader(source, order, framing)


def load_batch(loader: Loader, numbers: Sequence[int]) -> Batch:
    """Load some samples by themselves, as the stream would serve them."""
    return _batch(loader, dict(zip(numbers, loader(numbers), strict=True)))


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
    size: int | Framing,
    plan: Iterable[range],
    seed: int,
    stage: int,
    workers: int = 0,
    cache_gb: float = 4.0,
    on_reject: OnReject | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Batch]:
    """Serve a batch for each range of sample numbers, as long as there are some.

    Args:
        source: the data set.
        indices: its items to train on.
        size: how pictures are framed; a number is centre squares of that side, in pixels.
        plan: the sample numbers of each batch, as :func:`consecutive` makes them.
        seed: the run's seed.
        stage: the stage's number.
        workers: processes that decode ahead; 0 decodes here. Batches are the same.
        cache_gb: memory for decoded pictures, in GB.
        on_reject: told of each item that had to be replaced, once.
        timeout_s: how long a worker may take for a batch, in seconds.

    Raises:
        TrainingError: when a worker dies or hangs.
    """
    loader = make_loader(source, indices, size, seed, stage)
    memory = Memory(cache_gb)
    if workers:
        loads = _load_by_workers(loader, memory, iter(plan), Workers(loader, workers, timeout_s))
    else:
        loads = _load_here(loader, memory, iter(plan))
    report = _once(on_reject)
    with closing(loads):
        for loaded in loads:
            for sample in loaded.values():
                report(sample.passed_over)
            yield _batch(loader, loaded)


def consecutive(batch_size: int, first: int = 0, every: int = 1) -> Iterator[range]:
    """Return the sample numbers of batches, without end; batch m holds m b .. m b + b - 1.

    Args:
        batch_size: b.
        first: the batch to enter at.
        every: 1 for all batches from there on, n for each n-th, when n processes take turns.
    """
    return (range(m * batch_size, (m + 1) * batch_size) for m in count(first, every))


def readable_pictures(
    source: Source, indices: Sequence[int], shape: int | Frame
) -> tuple[list[int], Tensor, list[Rejection]]:
    """Decode items, leaving out those that cannot be and all chance.

    Returns:
        The items kept; their pictures, uint8 (N, 3, H, W), of which there may be none; and what
        was left out.
    """
    frame = Frame.of(shape).without_chance()
    kept: list[int] = []
    pictures: list[Picture] = []
    left_out: list[Rejection] = []
    for index in indices:
        try:
            pictures.append(source.picture(index, shape if isinstance(shape, int) else frame))
            kept.append(index)
        except RejectedItem as rejected:
            left_out.append(Rejection(source.name(index), str(rejected)))
    none = torch.empty(0, 3, frame.height, frame.width, dtype=torch.uint8)
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
    in_hand: deque[tuple[int, range, Samples, list[int]]] = deque()

    def oldest() -> Samples:
        worker, numbers, found, missing = in_hand.popleft()
        fresh = pool.take(worker) if missing else []
        return _complete(numbers, memory, found, missing, fresh)

    with closing(pool):
        for numbers, worker in zip(plan, cycle(range(len(pool)))):
            done = oldest() if len(in_hand) == len(pool) else None
            found, missing = _recall(loader, memory, numbers)
            in_hand.append((worker, numbers, found, missing))
            if missing:
                pool.give(worker, missing)
            if done is not None:
                yield done
        while in_hand:
            yield oldest()


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
    pictures = [
        _left_to_chance(loader, number, sample, caption)
        for (number, sample), caption in zip(samples.items(), captions, strict=True)
    ]
    numbers, images = tuple(samples), from_uint8(_stacked(pictures))
    how = loader.framing.config.augmentation
    if how is not None:
        images = augmented(images, how, numbers, loader.order.seed, loader.order.stage)
    return Batch(numbers, images, captions)


def _left_to_chance(loader: Loader, number: int, sample: Loaded, caption: str) -> Picture:
    """Cut and mirror a fitted picture as its sample number says."""
    config, picture = loader.framing.config, sample.picture
    key = loader.order.seed, loader.order.stage
    if config.crop == "random":
        frame = Frame.of(loader.framing.frame(sample.index))
        picture = cut_by_chance(picture, frame, number, *key)
    return flipped_by_chance(picture, caption, number, *key) if config.flip else picture


def _stacked(pictures: Sequence[Picture]) -> Tensor:
    together = torch.from_numpy(np.stack(pictures))  # (B, H, W, 3)
    return together.permute(0, 3, 1, 2)  # a view: floats are made in order
