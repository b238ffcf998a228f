"""Which images are drawn at one time: by whom, and what happens when they do not fit."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import torch

from minimagen.errors import TrainingError
from minimagen.training.memory import is_out_of_memory

T = TypeVar("T")


class Batch(NamedTuple):
    """Images that are drawn at one time: from which one on, and how many."""

    first: int
    size: int

    @property
    def places(self) -> range:
        """The images' places among all."""
        return range(self.first, self.first + self.size)

    def halves(self) -> "list[Batch]":
        """Return its two halves, the larger one first."""
        larger = -(-self.size // 2)
        return [Batch(self.first, larger), Batch(self.first + larger, self.size - larger)]

    def parts(self, largest: int) -> "list[Batch]":
        """Halve it until no part is larger."""
        if self.size <= largest:
            return [self]
        return [part for half in self.halves() for part in half.parts(largest)]


def batches_of(count: int, size: int) -> list[Batch]:
    """Divide images into batches of a size; the last one may be smaller."""
    return [Batch(first, min(size, count - first)) for first in range(0, count, size)]


def fitting_size(count: int, device: torch.device) -> int:
    """Choose how many images to try at a time.

    A CPU is as fast with few, so it is not tempted; a GPU gets many, and half of them when they do
    not fit.
    """
    return min(count, 64 if device.type == "cuda" else 16)


def drawn(
    batches: Sequence[Batch], draw: Callable[[Batch], T], tell: Callable[[str], None] = print
) -> Iterator[tuple[Batch, T]]:
    """Draw batches; one that does not fit into memory is halved, and so are all after it.

    Args:
        batches: what to draw.
        draw: draws one.
        tell: is told of each halving.

    Raises:
        TrainingError: when a single image does not fit.
    """
    waiting = list(batches)
    while waiting:
        batch = waiting.pop(0)
        try:
            made = draw(batch)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            yield batch, made
            continue
        if batch.size == 1:
            raise TrainingError(
                "out of memory with a single image; stop at a smaller --IMG_SIDE_LEN, or choose "
                "another --DEVICE"
            )
        largest = batch.halves()[0].size
        tell(f"out of memory with {batch.size} images at a time: going on with {largest}")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        waiting = [part for other in (batch, *waiting) for part in other.parts(largest)]
