"""A picture set into a larger frame, and what lies around it: an inpainting of the margin."""

import torch
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.editing.pictures import fitted
from minimagen.errors import UsageError

Box = tuple[Sides, Sides]
"""Top and left, height and width, in pixels."""


def framed(pictures: Tensor, sides: Sides, share: float, place: tuple[float, float]) -> Tensor:
    """Set pictures into frames, grey around them; (N, C, H, W).

    Args:
        pictures: (N, C, h, w), resized to ``share`` of the frame.
        sides: height and width of the frame.
        share: of the frame's sides that the picture takes, in (0, 1).
        place: of its centre in the free room, down and right, each in [0, 1]; (0.5, 0.5) is the
            middle.

    Raises:
        UsageError: for a share that leaves nothing to paint, or nothing of the picture.
    """
    return set_into(pictures, sides, box_in(sides, share, place))


def margin(sides: Sides, share: float, place: tuple[float, float]) -> Tensor:
    """Return the mask of what lies around a framed picture; (1, 1, H, W), True where to paint."""
    return around(sides, box_in(sides, share, place))


def set_into(pictures: Tensor, sides: Sides, box: Box) -> Tensor:
    """Resize pictures (N, C, h, w) into a box of a frame, grey around them; (N, C, H, W)."""
    (top, left), (height, width) = box
    frame = torch.zeros(len(pictures), pictures.shape[1], *sides)
    frame[..., top : top + height, left : left + width] = fitted(pictures, (height, width))
    return frame


def around(sides: Sides, box: Box) -> Tensor:
    """Return the mask of what a box of a frame leaves out; (1, 1, H, W), True where to paint."""
    (top, left), (height, width) = box
    mask = torch.ones(1, 1, *sides, dtype=torch.bool)
    mask[..., top : top + height, left : left + width] = False
    return mask


def box_in(sides: Sides, share: float, place: tuple[float, float]) -> Box:
    """Return the box of a framed picture, see :func:`framed`."""
    if not 0 < share < 1:
        raise UsageError(f"share {share:g}: of the frame, give a number between 0 and 1")
    height, width = (max(1, round(share * side)) for side in sides)
    top, left = (
        round(where * (side - own))
        for where, side, own in zip(place, sides, (height, width), strict=True)
    )
    return (top, left), (height, width)


def box_within(sides: Sides, margins: tuple[float, float, float, float]) -> Box:
    """Return the box that margins leave of a frame.

    Args:
        sides: height and width of the frame.
        margins: at the top, right, bottom and left, as shares of the frame's height and width.

    Raises:
        UsageError: when they leave nothing of the frame, or all of it.
    """
    height, width = sides
    top, right, bottom, left = (
        round(share * side) for share, side in zip(margins, (height, width) * 2, strict=True)
    )
    box = (top, left), (height - top - bottom, width - left - right)
    if min(margins) < 0 or min(box[1]) < 1 or box[1] == sides:
        shares = ", ".join(f"{share:g}" for share in margins)
        raise UsageError(
            f"margins {shares}: give shares of the frame from 0 up, some room for the picture, "
            "and some around it"
        )
    return box
