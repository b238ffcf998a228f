"""What every noise schedule is: a decreasing ``log_snr(t)`` and a scale family.

Shift and cut act on log-SNR alone:

    curve(u)                  the textbook schedule, u in (0, 1), unbounded at both ends
    log_snr(t) = curve(u) + shift,   u linear in t from where this is log_snr_max to log_snr_min

so the ends are finite whatever the textbook says, and no value is ever clamped (equal log-SNRs make
multistep solvers divide by zero). All of it is float64 inside: near u = 1 float32 runs out of u.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from pydantic import model_validator
from torch import Tensor

from minimagen.config import config
from minimagen.errors import UsageError

LIMIT = 50.0  # SNRs of e^50 and e^-50 are ordinary float32 numbers


@dataclass(frozen=True)
class NoiseLevel:
    """One level of noise for each sample: x_t = alpha x_0 + sigma eps.

    Args:
        alpha: scale of the data, (B, 1, 1, 1).
        sigma: scale of the noise, (B, 1, 1, 1).
        log_snr: 2 ln(alpha / sigma), (B, 1, 1, 1).
    """

    alpha: Tensor
    sigma: Tensor
    log_snr: Tensor

    @property
    def flat_log_snr(self) -> Tensor:
        """log_snr as (B,), what a network is told."""
        return self.log_snr.flatten()


def variance_preserving(log_snr: Tensor) -> tuple[Tensor, Tensor]:
    """alpha^2 + sigma^2 = 1."""
    return log_snr.sigmoid().sqrt(), (-log_snr).sigmoid().sqrt()


def flow(log_snr: Tensor) -> tuple[Tensor, Tensor]:
    """alpha + sigma = 1, so alpha = sigmoid(log_snr / 2)."""
    return (log_snr / 2).sigmoid(), (-log_snr / 2).sigmoid()


def resolution_shift(size: int, reference: int) -> float:
    """Return the shift that moves a schedule made for ``reference`` px pictures to ``size`` px.

    2 ln(reference / size): a picture averaged down from size to reference has its noise divided by
    size / reference, so this much less log-SNR shows as much of it. To scale the input by
    b = reference / size multiplies SNR by b^2, which is the same shift.

    Source: Hoogeboom et al. 2023 (arXiv:2301.11093), eq. 4; Chen 2023 (arXiv:2301.10972), sec. 2.2.

    Raises:
        UsageError: when a size is not positive.
    """
    if size <= 0 or reference <= 0:
        raise UsageError(
            f"resolution_shift: size {size}, reference {reference}: sides of pictures are positive "
            "numbers of pixels; give two such"
        )
    return 2 * math.log(reference / size)


@config
class Schedule(ABC):
    """A decreasing log-SNR on t in [0, 1] and a scale family.

    The default cut at -15 leaves alpha = 5.5e-4 at t = 1, where sampling starts from sigma times
    noise. The mean of that noise over a picture of 512 px varies by 1 / 512: brightness cannot
    leak into training and be missed in sampling, the flaw of Lin et al. 2023 (arXiv:2305.08891).

    Args:
        log_snr_max: log-SNR at t = 0, almost data; at most 50.
        log_snr_min: log-SNR at t = 1, almost noise; at least -50.
        shift: added to the textbook's log-SNR; see :func:`resolution_shift`.
    """

    log_snr_max: float = 15.0
    log_snr_min: float = -15.0
    shift: float = 0.0

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        self._check()
        return self

    def _check(self) -> None:
        if self.log_snr_min >= self.log_snr_max:
            raise ValueError("log_snr_min must be below log_snr_max")
        if max(self.log_snr_max, -self.log_snr_min) > LIMIT:
            raise ValueError(f"float32 needs log_snr_max and log_snr_min within +-{LIMIT:g}")
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        wanted = torch.tensor([self.log_snr_max, self.log_snr_min], dtype=torch.float64)
        if not ((self.log_snr(ends) - wanted).abs() < 1e-3).all():
            raise ValueError(
                f"float64 cannot tell t from its end at log-SNRs {self.log_snr_max:g} and "
                f"{self.log_snr_min:g} with shift {self.shift:g}; bring both nearer to the shift"
            )

    @abstractmethod
    def curve(self, u: Tensor) -> Tensor:
        """Return the textbook's log-SNR at u."""

    @abstractmethod
    def place(self, log_snr: Tensor) -> Tensor:
        """Invert :meth:`curve`."""

    @abstractmethod
    def steepness(self, u: Tensor) -> Tensor:
        """Return -d curve / du, positive."""

    def scales(self, log_snr: Tensor) -> tuple[Tensor, Tensor]:
        """Return alpha and sigma; variance-preserving unless a schedule says otherwise."""
        return variance_preserving(log_snr)

    def log_snr(self, t: Tensor) -> Tensor:
        """Return log-SNR at t in [0, 1]; the shape and dtype of t, never below float32."""
        return _in_float64(lambda t: self.curve(self._u(t)) + self.shift, t)

    def time(self, log_snr: Tensor) -> Tensor:
        """Invert :meth:`log_snr`: the t at which this log-SNR is reached."""
        first, last = self._cut
        return _in_float64(
            lambda log_snr: (self.place(log_snr - self.shift) - first) / (last - first), log_snr
        )

    def slope(self, t: Tensor) -> Tensor:
        """Return -d log_snr / dt, positive; the shape and dtype of t, never below float32."""
        first, last = self._cut
        return _in_float64(lambda t: self.steepness(self._u(t)) * (last - first), t)

    def at(self, t: Tensor, like: Tensor) -> NoiseLevel:
        """Return the noise level at t.

        Args:
            t: time in [0, 1], 0-d or (B,); read in its own dtype, on its own device.
            like: gives dtype (never below float32), device and number of dimensions, nothing else.
        """
        dtype = torch.promote_types(like.dtype, torch.float32)
        log_snr = self.log_snr(_float64(t)).to(dtype).to(like.device)
        log_snr = log_snr.reshape(-1, *[1] * (like.ndim - 1))
        alpha, sigma = self.scales(log_snr)
        return NoiseLevel(alpha, sigma, log_snr)

    def _u(self, t: Tensor) -> Tensor:
        first, last = self._cut
        return first * (1 - t) + last * t  # exact at both ends

    @cached_property
    def _cut(self) -> tuple[float, float]:
        ends = torch.tensor([self.log_snr_max, self.log_snr_min], dtype=torch.float64)
        first, last = self.place(ends - self.shift).tolist()
        return first, last


def _in_float64(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    dtype = torch.promote_types(x.dtype, torch.float32)
    return function(_float64(x)).to(dtype).to(x.device)


def _float64(x: Tensor) -> Tensor:
    """Return x in float64, which MPS lacks: on the CPU then."""
    return (x.cpu() if x.device.type == "mps" else x).double()
