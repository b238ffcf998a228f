"""Small verbs on tensors. Images enter as uint8 and leave as uint8 here, and nowhere else."""

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
