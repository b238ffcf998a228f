"""How much noise there is at time t.

A schedule is a decreasing function ``log_snr(t)`` plus a scale family. Shift and cut act on log-SNR
alone:

    curve(u)                  the textbook schedule, u in (0, 1), unbounded at both ends
    log_snr(t) = curve(u) + shift,   u linear in t from where this is log_snr_max to log_snr_min

so the ends are finite whatever the textbook says, and no value is ever clamped (equal log-SNRs make
multistep solvers divide by zero). alpha and sigma follow from log-SNR: their family is
variance-preserving or flow.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from minimagen.config import config


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


@config
class Schedule(ABC):
    """A decreasing log-SNR on t in [0, 1] and a scale family.

    Args:
        log_snr_max: log-SNR at t = 0, almost data.
        log_snr_min: log-SNR at t = 1, almost noise.
        shift: added to the textbook's log-SNR; 2 ln(32 / size) moves a schedule made for 32 px
            pictures to another size. Source: Hoogeboom et al. 2023 (arXiv:2301.11093), eq. 4.
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
        wanted = torch.tensor([self.log_snr_max, self.log_snr_min])
        if not ((self.log_snr(torch.tensor([0.0, 1.0])) - wanted).abs() < 0.1).all():
            raise ValueError(
                f"float32 cannot tell t from its end at log-SNRs {self.log_snr_max} and "
                f"{self.log_snr_min} with shift {self.shift}; keep them less the shift within +-20"
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
        """Return log-SNR at t in [0, 1]; the shape and dtype of t."""
        return self.curve(self._u(t)) + self.shift

    def time(self, log_snr: Tensor) -> Tensor:
        """Invert :meth:`log_snr`: the t at which this log-SNR is reached."""
        first, last = self._cut()
        return (self.place(log_snr - self.shift) - first) / (last - first)

    def slope(self, t: Tensor) -> Tensor:
        """Return -d log_snr / dt, positive; the shape of t."""
        first, last = self._cut()
        return self.steepness(self._u(t)) * (last - first)

    def at(self, t: Tensor, like: Tensor) -> NoiseLevel:
        """Return the noise level at t.

        Args:
            t: time in [0, 1], 0-d or (B,).
            like: gives dtype (never below float32), device and number of dimensions, nothing else.
        """
        dtype = torch.promote_types(like.dtype, torch.float32)
        log_snr = self.log_snr(t.to(like.device, dtype)).reshape(-1, *[1] * (like.ndim - 1))
        alpha, sigma = self.scales(log_snr)
        return NoiseLevel(alpha, sigma, log_snr)

    def _u(self, t: Tensor) -> Tensor:
        first, last = self._cut()
        return first + t * (last - first)

    def _cut(self) -> tuple[float, float]:
        ends = torch.tensor([self.log_snr_max, self.log_snr_min], dtype=torch.float64)
        first, last = self.place(ends - self.shift).tolist()
        return first, last


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
        return -2 * (math.pi / 2 * u).tan().log()

    def place(self, log_snr: Tensor) -> Tensor:
        """Invert the curve."""
        return (-log_snr / 2).exp().atan() * 2 / math.pi

    def steepness(self, u: Tensor) -> Tensor:
        """2 pi / sin(pi u)."""
        return 2 * math.pi / (math.pi * u).sin()


@config
class LinearBetaSchedule(Schedule):
    """Variance-preserving schedule whose noise rate beta grows linearly; DDPM's in continuous time.

        alpha^2 = exp(-B),   B(u) = beta_min u + (beta_max - beta_min) u^2 / 2

    Source: Ho et al. 2020 (arXiv:2006.11239); Song et al. 2021 (arXiv:2011.13456), eq. 32.
    """

    kind: Literal["linear_beta"] = "linear_beta"
    log_snr_max: float = 9.0
    log_snr_min: float = -10.0
    beta_min: Annotated[float, Field(gt=0)] = 0.1
    beta_max: Annotated[float, Field(gt=0)] = 20.0

    def _check(self) -> None:
        if self.beta_max < self.beta_min:
            raise ValueError("beta_max must not be below beta_min")
        super()._check()

    def curve(self, u: Tensor) -> Tensor:
        """-ln(exp(B) - 1)."""
        return -self._integral(u).expm1().log()

    def place(self, log_snr: Tensor) -> Tensor:
        """Solve the quadratic B(u) = ln(1 + exp(-log_snr))."""
        integral = F.softplus(-log_snr)
        growth = self.beta_max - self.beta_min
        return 2 * integral / (self.beta_min + (self.beta_min**2 + 2 * growth * integral).sqrt())

    def steepness(self, u: Tensor) -> Tensor:
        """beta(u) / (1 - exp(-B))."""
        beta = self.beta_min + (self.beta_max - self.beta_min) * u
        return beta / -(-self._integral(u)).expm1()

    def _integral(self, u: Tensor) -> Tensor:
        return self.beta_min * u + (self.beta_max - self.beta_min) * u.square() / 2


@config
class FlowSchedule(Schedule):
    """Straight paths from data to noise: alpha = 1 - u, sigma = u.

    Source: Lipman et al. 2022 (arXiv:2210.02747); Liu et al. 2022 (arXiv:2209.03003); shifted as in
    Esser et al. 2024 (arXiv:2403.03206), sec. 5.3.2.
    """

    kind: Literal["flow"] = "flow"

    def curve(self, u: Tensor) -> Tensor:
        """2 ln((1 - u) / u)."""
        return -2 * u.logit()

    def place(self, log_snr: Tensor) -> Tensor:
        """Invert the curve."""
        return (-log_snr / 2).sigmoid()

    def steepness(self, u: Tensor) -> Tensor:
        """2 / (u (1 - u))."""
        return 2 / (u * (1 - u))

    def scales(self, log_snr: Tensor) -> tuple[Tensor, Tensor]:
        """alpha + sigma = 1."""
        return flow(log_snr)


AnySchedule = Annotated[
    CosineSchedule | LinearBetaSchedule | FlowSchedule, Field(discriminator="kind")
]
