"""Which aspect ratio a picture is cut to, and how the pictures of one stage are framed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minimagen.data.framing import Frame, FramingConfig
from minimagen.data.items import Source


def nearest_ratios(source: Source, ratios: Sequence[float]) -> NDArray[np.uint8]:
    """Find the ratio nearest to each picture's own, so that as little as can be is cut away.

    Args:
        source: the pictures; their headers are read.
        ratios: width over height, at most 255 of them.

    Returns:
        For each picture the place of its ratio, (N,).
    """
    if len(ratios) == 1:
        return np.zeros(len(source), np.uint8)
    logs = [math.log(ratio) for ratio in ratios]
    places = []
    for index in range(len(source)):
        width, height = source.size(index)
        own = math.log(width / height)
        places.append(min(range(len(logs)), key=lambda place: abs(logs[place] - own)))
    return np.array(places, np.uint8)


@dataclass(frozen=True)
class Framing:
    """How the pictures of one stage are framed.

    Args:
        frames: one for each bucket; a number is a centre square of that side.
        buckets: the bucket of each item of the source, (N,); None is the first for all.
        images_per_step: images of one optimizer step, which all come from one bucket.
    """

    frames: tuple[int | Frame, ...]
    buckets: NDArray[np.uint8] | None = None
    images_per_step: int = 1

    @property
    def config(self) -> FramingConfig:
        """What its frames have in common, and what chance may change."""
        return Frame.of(self.frames[0]).config

    @classmethod
    def of(cls, shape: "int | Framing") -> "Framing":
        """Read a number as centre squares of that side."""
        return cls((shape,)) if isinstance(shape, int) else shape

    def bucket(self, index: int) -> int:
        """Return the bucket of an item."""
        return 0 if self.buckets is None else int(self.buckets[index])

    def frame(self, index: int) -> int | Frame:
        """Return what an item is fitted into."""
        return self.frames[self.bucket(index)]

    def by_frame(self, indices: Sequence[int]) -> Iterator[tuple[int | Frame, list[int]]]:
        """Divide items by what they are fitted into; frames without items are left out."""
        for bucket, frame in enumerate(self.frames):
            own = [index for index in indices if self.bucket(index) == bucket]
            if own:
                yield frame, own
