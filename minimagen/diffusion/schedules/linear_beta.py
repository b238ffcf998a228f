"""DDPM's schedule in continuous time."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from minimagen.config import config
from minimagen.diffusion.schedules.base import Schedule


@config
class LinearBetaSchedule(Schedule):
    """Variance-preserving schedule whose noise rate beta grows linearly; DDPM's in continuous time.

        alpha^2 = exp(-B),   B(u) = beta_min u + (beta_max - beta_min) u^2 / 2

    At t = 1 DDPM keeps alpha = 6.7e-3, enough for the mean brightness to leak through
    (Lin et al. 2023, arXiv:2305.08891). ``log_snr_min=-20`` goes on past u = 1 and closes the leak.

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
        integral = torch.logaddexp(-log_snr, torch.zeros_like(log_snr))
        growth = self.beta_max - self.beta_min
        return 2 * integral / (self.beta_min + (self.beta_min**2 + 2 * growth * integral).sqrt())

    def steepness(self, u: Tensor) -> Tensor:
        """beta(u) / (1 - exp(-B))."""
        beta = self.beta_min + (self.beta_max - self.beta_min) * u
        return beta / -(-self._integral(u)).expm1()

    def _integral(self, u: Tensor) -> Tensor:
        return self.beta_min * u + (self.beta_max - self.beta_min) * u.square() / 2
