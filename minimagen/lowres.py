"""The only door between stages: how a smaller image becomes the condition of the next stage."""

import torch.nn.functional as F
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.conditioning import LowRes
from minimagen.diffusion.schedules import Schedule
from minimagen.tensors import crop


def resize(images: Tensor, size: int | Sides) -> Tensor:
    """Resize images with an antialiased bilinear filter.

    Args:
        images: (B, C, H, W).
        size: height and width; a number is both.
    """
    sides = (size, size) if isinstance(size, int) else size
    if tuple(images.shape[2:]) == sides:
        return images
    return F.interpolate(images, size=sides, mode="bilinear", antialias=True)


def prepare_lowres(
    smaller: Tensor,
    size: int | Sides,
    t: Tensor,
    eps: Tensor,
    schedule: Schedule,
    corners: Tensor | None = None,
) -> LowRes:
    """Upsample a smaller image and add augmentation noise to it.

    Training and sampling both come through here, so they cannot disagree on resize, range and
    noise. The whole picture is upsampled before it is cut: a crop sees what the picture would show.

    Args:
        smaller: images in [-1, 1], (B, C, h, w).
        size: height and width of this stage's images in pixels, of the same ratio; a number is
            both.
        t: augmentation time in [0, 1], (B,); random in training, fixed in sampling.
        eps: standard normal noise, (B, C, H, W): of the whole picture, or of the crop.
        schedule: the augmentation's noise schedule.
        corners: top and left of the crop of each image in pixels of this stage, (B, 2); None for
            whole pictures.

    Source: Ho et al. 2021 (arXiv:2106.15282), sec. 4; Saharia et al. 2022 (arXiv:2205.11487),
    sec. 2.4.
    """
    upsampled = resize(smaller, size)
    if corners is not None:
        upsampled = crop(upsampled, corners, *eps.shape[2:])
    at = schedule.at(t, like=upsampled)
    return LowRes(image=at.alpha * upsampled + at.sigma * eps, log_snr=at.flat_log_snr)
