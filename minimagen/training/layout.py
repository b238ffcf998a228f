"""Which sides a run's pictures have: one shape for each aspect ratio and stage.

It is settled before anything is made: a ratio that the networks cannot take is refused here, and
pictures too small to be enlarged are found by their headers.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from minimagen.aspect import Sides
from minimagen.cascade import CascadeConfig
from minimagen.data.buckets import Framing, nearest_ratios
from minimagen.data.framing import Frame, FramingConfig
from minimagen.data.items import RejectedItem, Source
from minimagen.data.sources import DataConfig
from minimagen.errors import ConfigError, DataError


@dataclass(frozen=True)
class Layout:
    """Which sides pictures have.

    Args:
        config: how they are framed.
        sides: height and width in pixels, by bucket and stage.
        buckets: the bucket of each item of the source, (N,).
    """

    config: FramingConfig
    sides: tuple[tuple[Sides, ...], ...]
    buckets: NDArray[np.uint8]

    def framing(self, stage: int, images_per_step: int) -> Framing:
        """Return how a stage's pictures are framed, for steps of so many images."""
        frames = tuple(Frame(*by_stage[stage], self.config) for by_stage in self.sides)
        buckets = self.buckets if len(frames) > 1 else None
        return Framing(frames, buckets, images_per_step)

    @cached_property
    def is_plain(self) -> bool:
        """Whether pictures are centre squares and chance changes nothing."""
        return self.config == FramingConfig()

    def lines(self, training: Sequence[int], validation: Sequence[int]) -> Iterator[str]:
        """Say what each bucket holds, for people; nothing when there is only one."""
        if len(self.sides) == 1:
            return
        trained, held_out = self._counts(training), self._counts(validation)
        for bucket, by_stage in enumerate(self.sides):
            sides = ", ".join(f"{width} x {height}" for height, width in by_stage)
            yield (
                f"aspect ratio {self.config.aspect_ratios[bucket]:g} ({sides} px): "
                f"{trained[bucket]} to train on, {held_out[bucket]} to validate with"
            )

    def _counts(self, indices: Sequence[int]) -> list[int]:
        counts = np.bincount(self.buckets[list(indices)], minlength=len(self.sides))
        return [int(count) for count in counts]


def lay_out(
    source: Source, config: DataConfig, cascade: CascadeConfig
) -> tuple[Layout, dict[int, str]]:
    """Settle the sides of a run's pictures.

    Returns:
        The layout, and the items that had to be enlarged too much, with the reason.

    Raises:
        ConfigError: for an aspect ratio that the networks cannot take, or two that become one.
        DataError: when more pictures are too small than may be rejected.
    """
    sides = tuple(cascade.sides(ratio) for ratio in config.aspect_ratios)
    _require_different(sides, config.aspect_ratios)
    ratios = [width / height for (height, width), *_ in sides]
    layout = Layout(config.framing(), sides, nearest_ratios(source, ratios))
    too_small = _too_small(source, layout)
    _refuse_too_many(len(too_small), len(source), config)
    return layout, too_small


def without(left_out: Mapping[int, str], indices: Sequence[int]) -> list[int]:
    """Return the items that were not left out."""
    return [index for index in indices if index not in left_out]


def _require_different(sides: Sequence[tuple[Sides, ...]], ratios: Sequence[float]) -> None:
    for place, by_stage in enumerate(sides):
        if by_stage in sides[:place]:
            other, (height, width) = ratios[sides.index(by_stage)], by_stage[0]
            raise ConfigError(
                f"data.aspect_ratios: {other:g} and {ratios[place]:g} both become {width} x "
                f"{height} px at stage 0, for the networks take no sides between; leave one out"
            )


def _too_small(source: Source, layout: Layout) -> dict[int, str]:
    """Find the pictures that the last stage would enlarge too much, by their headers."""
    if layout.config.max_enlargement is None:
        return {}
    framing = layout.framing(len(layout.sides[0]) - 1, images_per_step=1)
    left_out = {}
    for index in range(len(source)):
        try:
            Frame.of(framing.frame(index)).require_large_enough(*source.size(index))
        except RejectedItem as rejected:
            left_out[index] = str(rejected)
    return left_out


def _refuse_too_many(too_small: int, count: int, config: DataConfig) -> None:
    share = too_small / count
    if too_small == count or share > config.max_rejected:
        raise DataError(
            f"data.max_enlargement {config.max_enlargement}: {share:.0%} of the pictures had to be "
            f"enlarged more, and at most {config.max_rejected:.0%} may be left out; raise it, "
            "bring larger pictures, or allow more with --SET data.max_rejected="
            f"{math.ceil(share * 10) / 10}"
        )
