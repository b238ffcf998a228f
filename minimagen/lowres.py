"""The only door between stages: how a smaller image becomes the condition of the next stage."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.conditioning import LowRes
from minimagen.diffusion.schedules import Schedule
from minimagen.tensors import crop

Filter = Literal["bilinear", "bicubic"]

REACH = 4
"""Pixels of a low-res image around a crop that the crop's can depend on: one of reducing, two of
enlarging, and one more where a crop begins inside a pixel."""


def resize(images: Tensor, size: int | Sides, how: Filter = "bilinear") -> Tensor:
    """Resize images with an antialiased filter.

    Args:
        images: (B, C, H, W).
        size: height and width; a number is both.
        how: the filter. The bilinear one stays in range; the bicubic one is sharper, and may leave
            the range a little beside edges.
    """
    sides = (size, size) if isinstance(size, int) else size
    if tuple(images.shape[2:]) == sides:
        return images
    return F.interpolate(images, size=sides, mode=how, antialias=True)


def surroundings(
    images: Tensor, corners: Tensor, sides: Sequence[int], scale: int, blurred: int = 0
) -> tuple[Tensor, Tensor]:
    """Cut out all that the low-res images of some crops depend on.

    Reducing these pieces and enlarging them again gives at the crops what reducing and enlarging
    the whole pictures would, in time that does not grow with the pictures.

    Args:
        images: whole pictures, (B, C, H, W); H and W multiples of ``scale``.
        corners: top and left of the crops, (B, 2).
        sides: height and width of the crops.
        scale: how many times smaller the low-res images are.
        blurred: pixels of a low-res image that a blur of it reaches.

    Returns:
        The pieces, (B, C, h, w), and the corners of the crops in them, (B, 2).
    """
    reach = REACH + blurred
    small = [side // scale for side in images.shape[2:]]
    pieces = [
        min(-(-side // scale) + 2 * reach, whole) for side, whole in zip(sides, small, strict=True)
    ]
    last = torch.tensor([whole - piece for whole, piece in zip(small, pieces, strict=True)])
    first = torch.minimum((corners // scale - reach).clamp(min=0), last) * scale
    height, width = (piece * scale for piece in pieces)
    return crop(images, first, height, width), corners - first


def prepare_lowres(
    smaller: Tensor,
    size: int | Sides,
    t: Tensor,
    eps: Tensor,
    schedule: Schedule,
    corners: Tensor | None = None,
    how: Filter = "bilinear",
) -> LowRes:
    """Upsample a smaller image and add augmentation noise to it.

    Training and sampling both come through here, so they cannot disagree on resize, range and
    noise. It is upsampled before it is cut: a crop sees what the picture would show.

    Args:
        smaller: images in [-1, 1], (B, C, h, w).
        size: height and width of this stage's images in pixels, of the same ratio; a number is
            both.
        t: augmentation time in [0, 1], (B,); random in training, fixed in sampling.
        eps: standard normal noise, (B, C, H, W): of the whole picture, or of the crop.
        schedule: the augmentation's noise schedule.
        corners: top and left of the crop of each image in pixels of this stage, (B, 2); None for
            whole pictures.
        how: the filter that upsamples.

    Source: Ho et al. 2021 (arXiv:2106.15282), sec. 4; Saharia et al. 2022 (arXiv:2205.11487),
    sec. 2.4.
    """
    upsampled = resize(smaller, size, how)
    if corners is not None:
        upsampled = crop(upsampled, corners, *eps.shape[2:])
    at = schedule.at(t, like=upsampled)
    return LowRes(image=at.alpha * upsampled + at.sigma * eps, log_snr=at.flat_log_snr)
