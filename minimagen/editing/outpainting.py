"""A picture set into a larger frame, and what lies around it: an inpainting of the margin."""

import torch
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.editing.pictures import fitted
from minimagen.errors import UsageError


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
    (top, left), (height, width) = box_in(sides, share, place)
    frame = torch.zeros(len(pictures), pictures.shape[1], *sides)
    frame[..., top : top + height, left : left + width] = fitted(pictures, (height, width))
    return frame


def margin(sides: Sides, share: float, place: tuple[float, float]) -> Tensor:
    """Return the mask of what lies around a framed picture; (1, 1, H, W), True where to paint."""
    (top, left), (height, width) = box_in(sides, share, place)
    mask = torch.ones(1, 1, *sides, dtype=torch.bool)
    mask[..., top : top + height, left : left + width] = False
    return mask


def box_in(sides: Sides, share: float, place: tuple[float, float]) -> tuple[Sides, Sides]:
    """Return (top, left) and (height, width) of a framed picture, in pixels."""
    if not 0 < share < 1:
        raise UsageError(f"share {share:g}: of the frame, give a number between 0 and 1")
    height, width = (max(1, round(share * side)) for side in sides)
    top, left = (
        round(where * (side - own))
        for where, side, own in zip(place, sides, (height, width), strict=True)
    )
    return (top, left), (height, width)
