"""Which item each sample number is: endless seeded permutations, one bucket at each step.

All of it is a pure function of (seed, stage, number): the stream can be entered anywhere, and it
does not matter how a step is divided into batches or among processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from minimagen import seeds

Numbers = NDArray[np.int64]
ROUNDS_KEPT = 4


@dataclass(frozen=True)
class Order:
    """Which item each sample number is.

    Every image of an optimizer step comes from one bucket, so that a step has one shape. Items are
    shuffled, and the item at place s lends step s its bucket: n steps for n items, and a bucket
    gets exactly as many of them as it has items. Within a bucket its own permutations follow each
    other, so that a bucket smaller than a step repeats and nothing is left out.

    Args:
        indices: the training items.
        seed: the run's seed.
        stage: stages see different orders.
        buckets: the bucket of each of ``indices``, from 0; empty is the same for all.
        images_per_step: images of one optimizer step.
    """

    indices: tuple[int, ...]
    seed: int
    stage: int
    buckets: tuple[int, ...] = ()
    images_per_step: int = 1

    def index_of(self, number: int) -> int:
        """Return the item of a sample number."""
        bucket, place = self._place(number)
        items = self._items[bucket]
        epoch, place = divmod(place, len(items))
        return items[int(_epoch_order(len(items), epoch, self._key(bucket))[place])]

    def bucket_of(self, step: int) -> int:
        """Return the bucket that a step takes its images from."""
        return self._turn(step)[0]

    def replacement_for(self, number: int, attempt: int) -> int:
        """Draw an item, of the same bucket, in place of one that turned out to be unusable."""
        items = self._items[self.bucket_of(number // self.images_per_step)]
        draw = seeds.unit(self.seed, self.stage, "replacement", number, attempt)
        return items[int(draw * len(items))]

    def _place(self, number: int) -> tuple[int, int]:
        """Return the bucket of a sample, and how many samples of the bucket came before it."""
        step, within = divmod(number, self.images_per_step)
        bucket, turn = self._turn(step)
        return bucket, turn * self.images_per_step + within

    def _turn(self, step: int) -> tuple[int, int]:
        """Return the bucket of a step, and how many steps it had before."""
        only = next(iter(self._items)) if len(self._items) == 1 else None
        if only is not None:
            return only, step
        number, place = divmod(step, len(self.indices))
        buckets, turns = self._round(number)
        bucket = int(buckets[place])
        return bucket, number * len(self._items[bucket]) + int(turns[place])

    @cached_property
    def _items(self) -> dict[int, tuple[int, ...]]:
        """The items of each bucket that has some."""
        items: dict[int, list[int]] = {}
        for index, bucket in zip(self.indices, self._bucket_of_each, strict=True):
            items.setdefault(int(bucket), []).append(index)
        return {bucket: tuple(items[bucket]) for bucket in sorted(items)}

    @cached_property
    def _bucket_of_each(self) -> Numbers:
        return np.array(self.buckets or (0,) * len(self.indices), np.int64)

    @cached_property
    def _rounds(self) -> dict[int, tuple[Numbers, Numbers]]:
        return {}

    def _round(self, number: int) -> tuple[Numbers, Numbers]:
        """Return the bucket of each step of a round, and its turns before it in this round."""
        if number not in self._rounds:
            while len(self._rounds) >= ROUNDS_KEPT:
                del self._rounds[next(iter(self._rounds))]
            self._rounds[number] = self._make_round(number)
        return self._rounds[number]

    def _make_round(self, number: int) -> tuple[Numbers, Numbers]:
        shuffled = seeds.permutation(len(self.indices), self.seed, self.stage, "turns", number)
        buckets = self._bucket_of_each[shuffled.numpy()]
        turns = np.empty_like(buckets)
        for bucket in self._items:
            own = buckets == bucket
            turns[own] = np.arange(np.count_nonzero(own))
        return buckets, turns

    def _key(self, bucket: int) -> tuple[seeds.Key, ...]:
        key = self.seed, self.stage, "order"
        return key if len(self._items) == 1 else (*key, bucket)


@lru_cache(maxsize=32)
def _epoch_order(length: int, epoch: int, key: Sequence[seeds.Key]) -> NDArray[np.int32]:
    order: NDArray[np.int32] = seeds.permutation(length, *key, epoch).int().numpy()
    return order
