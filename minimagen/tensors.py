"""Small verbs on tensors. Images enter as uint8 and leave as uint8 here, and nowhere else."""

import math

import torch
from torch import Tensor


def mean_per_sample(x: Tensor) -> Tensor:
    """Average over everything but the batch; (B, ...) -> (B,)."""
    return x.flatten(1).mean(dim=1)


def from_uint8(images: Tensor) -> Tensor:
    """Turn bytes into the project's images: uint8 (B, C, H, W) -> float32 in [-1, 1]."""
    contiguous = images.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    return contiguous.div_(127.5).sub_(1)


def to_uint8(images: Tensor) -> Tensor:
    """Turn images in [-1, 1] into bytes, rounding to the nearest: (B, C, H, W) -> uint8."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def crop(images: Tensor, corners: Tensor, height: int, width: int | None = None) -> Tensor:
    """Cut a part out of each image; (B, C, height, width).

    Args:
        images: (B, C, H, W).
        corners: top and left in pixels, (B, 2), int64.
        height: of the parts, in pixels.
        width: likewise; None cuts squares.
    """
    width = height if width is None else width
    cuts = [
        image[:, top : top + height, left : left + width]
        for image, (top, left) in zip(images, corners.tolist(), strict=True)
    ]
    return torch.stack(cuts)


def blur(images: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """Blur each image with a Gaussian of its own; what lies outside mirrors what is inside.

    Args:
        images: (B, C, H, W).
        sigma: standard deviations in pixels, (B,).
        largest: what no sigma is above; 0 leaves the images as they are.
    """
    if not largest:
        return images
    from kornia.filters import gaussian_blur2d

    side = 2 * blur_reach(largest) + 1
    widths = sigma.to(images).clamp(min=1e-3)[:, None].repeat(1, 2)
    blurred: Tensor = gaussian_blur2d(images, (side, side), widths)
    return blurred


def blur_reach(sigma: float) -> int:
    """Return how many pixels away a blur of this standard deviation still looks."""
    return math.ceil(3 * sigma)
