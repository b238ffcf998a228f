"""The cosine schedule, and the one whose shift changes on the way from data to noise."""

import math
from typing import Literal

import torch
from torch import Tensor

from minimagen.config import config
from minimagen.diffusion.schedules.base import Schedule

BISECTIONS = 64  # halve any bracket down to float64's rounding


@config
class CosineSchedule(Schedule):
    """Variance-preserving cosine schedule.

        alpha = cos(angle),   sigma = sin(angle),   the angle linear in t

    Source: Nichol & Dhariwal 2021 (arXiv:2102.09672); cut as in Salimans & Ho 2022
    (arXiv:2202.00512).
    """

    kind: Literal["cosine"] = "cosine"

    def curve(self, u: Tensor) -> Tensor:
        """-2 ln tan(pi u / 2)."""
        return cosine(u)

    def place(self, log_snr: Tensor) -> Tensor:
        """Invert the curve."""
        return cosine_place(log_snr)

    def steepness(self, u: Tensor) -> Tensor:
        """2 pi / sin(pi u)."""
        return cosine_steepness(u)


@config
class InterpolatedSchedule(Schedule):
    """Cosine schedule whose shift goes from ``data_shift`` at u = 0 to ``shift`` at u = 1.

        log_snr = -2 ln tan(pi u / 2) + (1 - u) data_shift + u shift

    Large pictures need more noise to hide what they show, hence a low ``shift``, but no more than
    small ones to learn their finest detail, hence a higher ``data_shift``. The paper's for 512 px
    is ``shift = resolution_shift(512, 32)``, ``data_shift = resolution_shift(512, 256)``.

    Args:
        data_shift: shift at the data's end; above ``shift - 2 pi``, else log-SNR would rise.

    Source: Hoogeboom et al. 2023 (arXiv:2301.11093), sec. 3.1 ("interpolating schedules").
    """

    kind: Literal["interpolated"] = "interpolated"
    data_shift: float = 0.0

    def _check(self) -> None:
        if self._tilt <= -2 * math.pi:
            raise ValueError(
                f"data_shift {self.data_shift:g} must be above shift - 2 pi = "
                f"{self.shift - 2 * math.pi:.3g}, else log-SNR would rise with t"
            )
        super()._check()

    def curve(self, u: Tensor) -> Tensor:
        """-2 ln tan(pi u / 2) + (1 - u) (data_shift - shift), to which the shift is added."""
        return cosine(u) + (1 - u) * self._tilt

    def place(self, log_snr: Tensor) -> Tensor:
        """Bisect for the cosine schedule's log-SNR at the same u, which differs by the tilt."""
        low, high = log_snr - max(self._tilt, 0), log_snr - min(self._tilt, 0)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            is_above = middle + (1 - cosine_place(middle)) * self._tilt > log_snr
            low, high = torch.where(is_above, low, middle), torch.where(is_above, middle, high)
        return cosine_place((low + high) / 2)

    def steepness(self, u: Tensor) -> Tensor:
        """2 pi / sin(pi u) + data_shift - shift."""
        return cosine_steepness(u) + self._tilt

    @property
    def _tilt(self) -> float:
        return self.data_shift - self.shift


def cosine(u: Tensor) -> Tensor:
    """-2 ln tan(pi u / 2)."""
    return -2 * (math.pi / 2 * u).tan().log()


def cosine_place(log_snr: Tensor) -> Tensor:
    """Invert :func:`cosine`."""
    return (-log_snr / 2).exp().atan() * 2 / math.pi


def cosine_steepness(u: Tensor) -> Tensor:
    """2 pi / sin(pi u)."""
    return 2 * math.pi / (math.pi * u).sin()
