"""How large the loss is at each noise level, learnt beside the network.

The loss of a level is divided by its learned variance, so that every level pulls at the network
with the same strength, whatever the weighting. It belongs to training alone: neither averaged nor
written into weights files, and validation does without it.
"""

import math

import torch
from torch import Tensor, nn

from minimagen.models.layers import zeroed


class LogVariance(nn.Module):
    """The logarithm u of the loss's variance as a function of log-SNR; 0 everywhere at first.

        loss = weighted error / exp(u) + u,   smallest at u = ln E[weighted error]

    One linear layer on sines and cosines of log-SNR, whose wavelengths run from 2 pi / 2 to
    2 pi * 16: from the finest detail of the curve to more than the range of log-SNR.

    Args:
        frequencies: how many sines, and as many cosines.

    Source: Karras et al. 2023 (arXiv:2312.02696), eq. 14-15 and app. B.2, with fixed frequencies in
    place of random ones; Kendall et al. 2018 (arXiv:1705.07115).
    """

    def __init__(self, frequencies: int = 16) -> None:
        super().__init__()
        steps = torch.linspace(math.log(1 / 16), math.log(2), frequencies)
        self.frequencies: Tensor
        self.register_buffer("frequencies", steps.exp(), persistent=False)
        self.linear = zeroed(nn.Linear(2 * frequencies, 1))

    def forward(self, log_snr: Tensor) -> Tensor:
        """(B,) -> (B,), float32 under any autocast."""
        angles = log_snr.float()[:, None] * self.frequencies  # (B, frequencies)
        with torch.autocast(log_snr.device.type, enabled=False):
            out: Tensor = self.linear(torch.cat([angles.sin(), angles.cos()], dim=1))
        return out[:, 0].clone()  # a sharded module must not answer with a view
