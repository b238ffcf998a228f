"""Asking a convolutional network about a large picture in parts that together are the whole.

A part is cut with a margin as wide as the network looks, and the margin of its answer is thrown
away: what is left is what the whole picture's answer has there, up to rounding.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from minimagen.conditioning import Conditioning, LowRes
from minimagen.errors import UsageError
from minimagen.models.unet import UNetConfig


class Answers(Protocol):
    """What a network does."""

    def __call__(self, x_t: Tensor, log_snr: Tensor, cond: Conditioning) -> Tensor:
        """Answer a noisy image."""


class Part(NamedTuple):
    """A stretch of one side of a picture, in pixels.

    Args:
        start: first pixel that is kept.
        stop: the pixel after the last that is kept.
        first: first pixel that is looked at.
        last: the pixel after the last that is looked at.
    """

    start: int
    stop: int
    first: int
    last: int

    @property
    def kept(self) -> slice:
        """What is kept, seen from the first pixel that is looked at."""
        return slice(self.start - self.first, self.stop - self.first)


class Tiled:
    """A convolutional network that is asked about one square at a time.

    Memory is that of a square and its margin, whatever the picture's size; the margins are computed
    more than once.

    Args:
        network: called as ``(x_t, log_snr, cond)``.
        config: its shape.
        tile: side of a square in pixels, a multiple of ``config.size_multiple``.
    """

    def __init__(self, network: Answers, config: UNetConfig, tile: int) -> None:
        require_tiles(config, tile)
        self.network, self.tile, self.margin = network, tile, margin(config)

    def __call__(self, x_t: Tensor, log_snr: Tensor, cond: Conditioning) -> Tensor:
        """Answer as the network does: (B, C, H, W) -> (B, C, H, W)."""
        answer = torch.empty_like(x_t)
        height, width = x_t.shape[2:]
        for down in parts(height, self.tile, self.margin):
            for across in parts(width, self.tile, self.margin):
                seen = (..., slice(down.first, down.last), slice(across.first, across.last))
                part = self.network(x_t[seen], log_snr, _cut(cond, seen))
                kept = part[..., down.kept, across.kept]
                answer[..., down.start : down.stop, across.start : across.stop] = kept
        return answer


def require_tiles(config: UNetConfig, tile: int) -> None:
    """Check that a network can be asked about squares of this side.

    Raises:
        UsageError: when it looks at the whole picture, or the squares do not fit its cells.
    """
    if tile < 1 or tile % config.size_multiple:
        raise UsageError(f"--TILE {tile}: give a multiple of {config.size_multiple} pixels")
    if not config.is_convolutional:
        raise UsageError(
            f"--TILE {tile}: a network with self-attention or coordinates looks at the whole "
            "picture; give at least the size of its stage"
        )


def margin(config: UNetConfig) -> int:
    """Return how many pixels away a convolutional network looks, rounded up to whole cells.

    In cells of the finest level: one for the first and the last convolution, and 2^l for each of
    the two in every residual block of level l, down, up and in the middle. Cells of the coarsest
    level add their own width, since a pixel may lie at either end of one.
    """
    coarsest = len(config.levels) - 1
    blocks = sum(2 * level.blocks * 2**i for i, level in enumerate(config.levels)) + 2**coarsest
    pixels: int = config.patch * (2 + 2 * blocks + 2**coarsest)
    return pixels + (-pixels) % config.size_multiple


def parts(side: int, tile: int, margin: int) -> Iterator[Part]:
    """Divide one side of a picture."""
    for start in range(0, side, tile):
        stop = min(start + tile, side)
        yield Part(start, stop, max(start - margin, 0), min(stop + margin, side))


def _cut(cond: Conditioning, seen: tuple[object, ...]) -> Conditioning:
    """Cut whatever has pixels; the text stays the same object."""
    lowres, previous = cond.lowres, cond.previous
    if lowres is not None:
        lowres = LowRes(lowres.image[seen], lowres.log_snr)  # type: ignore[index]
    return replace(
        cond,
        lowres=lowres,
        previous=None if previous is None else previous[seen],  # type: ignore[index]
    )
