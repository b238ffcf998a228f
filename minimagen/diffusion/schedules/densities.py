"""Schedules that are a density: uniform times draw log-SNR from it.

The curve is the density's quantile function. Far in a tail t hardly moves, and near t = 1 even
float64 tells levels apart no longer: by default, unshifted, ``log_snr_min`` reaches -16 for Laplace
and -15 for EDM. Sample them on a grid of log-SNR, not of t.
"""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from minimagen.config import config
from minimagen.diffusion.schedules.base import Schedule


@config
class LaplaceSchedule(Schedule):
    """Variance-preserving schedule with a Laplace density of log-SNR, sharp at mu.

        p(log_snr) = exp(-|log_snr - mu| / b) / (2 b)
        log_snr = mu - b sgn(1/2 - u) ln(1 - 2 |u - 1/2|)

    Cut at +-10: beyond lies e^-20 of all times, which training never draws.

    Args:
        mu: the density's middle.
        b: its scale; 1 / b is how fast it falls.

    Source: Hang et al. 2024 (arXiv:2407.03297), table 1.
    """

    kind: Literal["laplace"] = "laplace"
    log_snr_max: float = 10.0
    log_snr_min: float = -10.0
    mu: float = 0.0
    b: Annotated[float, Field(gt=0)] = 0.5

    def curve(self, u: Tensor) -> Tensor:
        """Mu - b ln(2 u) in the data's half of u, mu + b ln(2 (1 - u)) in the noise's."""
        data, noise = -(2 * u).log(), (2 * (1 - u)).log()
        return self.mu + self.b * torch.where(u < 0.5, data, noise)

    def place(self, log_snr: Tensor) -> Tensor:
        """Invert the curve."""
        away = (log_snr - self.mu) / self.b
        nearer = (-away.abs()).exp() / 2
        return torch.where(away > 0, nearer, 1 - nearer)

    def steepness(self, u: Tensor) -> Tensor:
        """b / min(u, 1 - u)."""
        return self.b / torch.minimum(u, 1 - u)


@config
class EDMSchedule(Schedule):
    """EDM's log-normal training density of noise levels.

        ln(sigma / alpha) ~ N(mean, std^2)
        log_snr = -2 mean - 2 std ndtri(u)

    Cut at EDM's sigmas, 0.002 and 80. Its scales preserve variance where EDM's alpha is 1: x_t
    differs by the factor sqrt(1 + sigma^2), which EDM's c_in takes out again, so a network with the
    ``edm`` objective sees the same input.

    Args:
        mean: EDM's P_mean.
        std: EDM's P_std.

    Source: Karras et al. 2022 (arXiv:2206.00364), table 1.
    """

    kind: Literal["edm"] = "edm"
    log_snr_max: float = -2 * math.log(0.002)
    log_snr_min: float = -2 * math.log(80)
    mean: float = -1.2
    std: Annotated[float, Field(gt=0)] = 1.2

    def curve(self, u: Tensor) -> Tensor:
        """-2 mean - 2 std ndtri(u)."""
        z: Tensor = torch.special.ndtri(u)
        return -2 * (self.mean + self.std * z)

    def place(self, log_snr: Tensor) -> Tensor:
        """ndtr(z), z = (-log_snr / 2 - mean) / std; torch's own loses the lower tail."""
        z = (-log_snr / 2 - self.mean) / self.std
        return (-z / math.sqrt(2)).erfc() / 2

    def steepness(self, u: Tensor) -> Tensor:
        """2 std / (normal density at ndtri(u))."""
        z: Tensor = torch.special.ndtri(u)
        return 2 * self.std * math.sqrt(2 * math.pi) * (z.square() / 2).exp()
