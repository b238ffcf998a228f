"""How training pictures of the tiny feature network are spoilt: it is asked by how much.

What a network was never asked about it may overlook. These five are few and plain; that it notices
others too (blocks, holes, ghosts, warps) is tested, not trained.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

KINDS = ("noise", "blur", "brightness", "contrast", "colour")
SHARE = 0.5  # of the pictures that a kind is done to
NOISE = 0.5  # largest standard deviation; white is 1, black is -1
BLUR = 2.0  # largest standard deviation of the Gaussian in pixels of 64
SHIFT = 0.4  # largest change of brightness
TURN = 0.6  # largest share of each colour that becomes the next one's
TAPS = torch.arange(-5, 6, dtype=torch.float32)


def spoilt(images: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Spoil each picture in some ways by chance.

    Args:
        images: in [-1, 1], (B, 3, H, W).
        source: of all draws.

    Returns:
        The pictures, in [-1, 1], and how much of each kind was done, from 0 to 1 (brightness and
        contrast: from -1 to 1), (B, 5).
    """
    strengths = torch.rand(len(images), len(KINDS), generator=source)
    strengths *= torch.rand(strengths.shape, generator=source) < SHARE
    signs = torch.randint(2, (len(images), 2), generator=source) * 2 - 1
    strengths[:, 2:4] *= signs
    noise, blur, brightness, contrast, colour = (
        each.view(-1, 1, 1, 1) for each in strengths.unbind(dim=1)
    )
    x = images.lerp(images.roll(1, dims=1), TURN * colour)
    x = blurred(x, BLUR * blur.flatten())
    x = x * (1 + contrast / 2) + SHIFT * brightness
    x = x + NOISE * noise * torch.randn(x.shape, generator=source)
    return x.clamp(-1, 1), strengths


def blurred(images: Tensor, sigmas: Tensor) -> Tensor:
    """Blur each picture with a Gaussian of its own; sigmas in pixels, (B,), 0 leaves it alone."""
    kernels = (-TAPS.square() / (2 * sigmas.clamp(min=1e-3)[:, None].square())).exp()
    kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)  # (3B, 11)
    reach, flat = len(TAPS) // 2, images.flatten(0, 1)[None]  # (1, 3B, H, W)
    down = F.pad(flat, (0, 0, reach, reach), mode="replicate")
    flat = F.conv2d(down, kernels[:, None, :, None], groups=len(kernels))
    across = F.pad(flat, (reach, reach, 0, 0), mode="replicate")
    return F.conv2d(across, kernels[:, None, None, :], groups=len(kernels)).view_as(images)
