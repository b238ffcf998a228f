"""Raising the noise a little before each step, so that a solver forgets its errors."""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.walk import Generators, Level, levels, noise_like

Amount = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Churn:
    """How much noise is added before a step; Karras et al. 2022 (arXiv:2206.00364), algorithm 2.

    Args:
        amount: S_churn, spread over all steps; 0 adds none.
        lowest: S_tmin, in units of r = sigma / alpha; below it none is added.
        highest: S_tmax, likewise above it.
        inflation: S_noise, the standard deviation of what is added.
    """

    amount: float = 0.0
    lowest: float = 0.0
    highest: float = math.inf
    inflation: float = 1.0

    def raised(self, now: Level, count: int, schedule: Schedule) -> Level:
        """Return the level to start a step of a walk of ``count`` steps from; t = 1 at most."""
        if not self.amount or not self.lowest <= now.r <= self.highest:
            return now
        gamma = min(self.amount / count, math.sqrt(2) - 1)
        log_snr = max(now.log_snr - 2 * math.log1p(gamma), schedule.log_snr_min)
        time = schedule.time(torch.tensor([log_snr], dtype=torch.float64))
        return min(now, levels(time.clamp(max=1), schedule)[0], key=lambda level: level.log_snr)

    def add(self, x: Tensor, now: Level, raised: Level, generators: Generators) -> Tensor:
        """Carry x_t to the raised level."""
        if raised is now:
            return x
        std = self.inflation * math.sqrt(raised.r**2 - now.r**2)
        return raised.alpha * (x / now.alpha + std * noise_like(x, generators))
