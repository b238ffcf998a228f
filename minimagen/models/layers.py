"""The smallest parts of a network: a norm, an embedding of numbers, resampling, zeroed layers."""

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minimagen.models.convolution import Pointwise

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def zeroed(layer: Layer) -> Layer:
    """Start a layer at zero, so that a fresh block changes nothing."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class PixelNorm(nn.Module):
    """Normalise the channels of each pixel by themselves, then scale them.

    It looks at one pixel at a time, so a crop, a tile and a whole picture are normalised alike;
    group normalisation is not.  Ba et al. 2016 (arXiv:1607.06450), over channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        channels_last = x.movedim(1, -1)
        return F.layer_norm(channels_last, self.scale.shape, self.scale).movedim(-1, 1)


class LogSNREmbedding(nn.Module):
    """Sines and cosines of log-SNR, then a small network.  Vaswani et al. 2017 (arXiv:1706.03762).

    Wavelengths run from 2 pi / 4 to 2 pi * 16, a little more than the range of log-SNR.
    """

    def __init__(self, width: int, frequencies: int = 16) -> None:
        super().__init__()
        steps = torch.linspace(math.log(1 / 16), math.log(4), frequencies)
        self.frequencies: Tensor
        self.register_buffer("frequencies", steps.exp(), persistent=False)
        self.mlp = nn.Sequential(
            nn.Linear(2 * frequencies, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, log_snr: Tensor) -> Tensor:
        """(B,) -> (B, width)."""
        angles = log_snr[:, None] * self.frequencies  # (B, frequencies)
        out: Tensor = self.mlp(torch.cat([angles.sin(), angles.cos()], dim=1))
        return out


class Down(nn.Module):
    """Halve the sides: fold 2 x 2 pixels into channels, then mix.

    Source: Shi et al. 2016 (arXiv:1609.05158).
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.mix = Pointwise(4 * channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/2, W/2)."""
        out: Tensor = self.mix(F.pixel_unshuffle(x, 2))
        return out


class Up(nn.Module):
    """Double the sides: mix, then unfold channels into 2 x 2 pixels."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.mix = Pointwise(channels, 4 * out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', 2H, 2W)."""
        return F.pixel_shuffle(self.mix(x), 2)


def coordinates(x: Tensor) -> Tensor:
    """Where each pixel lies: y and x, in [-1, 1] for a square; (B, 2, H, W) for x (B, C, H, W).

    One unit is as long across as down, and of about the same number of pixels at every aspect
    ratio of one area: so a wide picture reaches further than 1 across and less far down, and a
    network sees by it what shape it draws.
    """
    height, width = x.shape[2:]
    stretch = math.sqrt(max(height - 1, 1) / max(width - 1, 1))  # exactly 1 for a square
    down, across = stretch, 1 / stretch
    rows = torch.linspace(-down, down, height, device=x.device, dtype=x.dtype)
    columns = torch.linspace(-across, across, width, device=x.device, dtype=x.dtype)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(x.shape[0], -1, -1, -1)
