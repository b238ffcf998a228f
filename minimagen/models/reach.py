"""How far a network looks: from which pixels around it a pixel of its answer can depend."""

from minimagen.models.unet import UNetConfig

BLOCK = 2  # positions that a residual block looks aside: two convolutions of 3 x 3


def reach(config: UNetConfig) -> int | None:
    """Return how far beyond a box of pixels everything lies that the answer inside depends on.

    The box begins and ends at multiples of ``config.size_multiple``, and so does what is returned,
    in pixels. None is everywhere: a network with self-attention, or told where each pixel lies.
    """
    if not config.is_convolutional:
        return None
    sides = [config.patch * 2**place for place in range(len(config.levels))]  # of a position
    aside = [BLOCK * level.blocks * side for level, side in zip(config.levels, sides, strict=True)]
    pixels = config.patch  # the last convolution; from here against the stream
    for side, own in zip(sides, aside, strict=True):
        pixels = _up_to(pixels, side) + own
    pixels += BLOCK * sides[-1]  # the middle
    pixels += sum(aside) + config.patch
    return _up_to(pixels, config.size_multiple)


def _up_to(pixels: int, side: int) -> int:
    """Round up to whole positions: who sees a part of one sees all of it."""
    return -(-pixels // side) * side
