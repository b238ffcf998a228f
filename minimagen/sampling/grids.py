"""At which times a sampler stops: decreasing grids of t that end at 0, (steps + 1,), float64.

All start at t = 1 but :class:`LeadingGrid` and :class:`EDMGrid`, which start a little later.
"""

import math
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from minimagen.config import config
from minimagen.diffusion.schedules import Schedule
from minimagen.errors import UsageError


def discrete_grid(timesteps: int, steps: int) -> Tensor:
    """Choose ``steps`` of the T steps that a network trained on {1/T .. 1} has seen, evenly.

    With steps = T this is DDPM's own walk 1, (T-1)/T .. 0; with fewer it is "trailing" spacing.

    Raises:
        UsageError: when more steps are asked for than there are.
    """
    _require_steps(timesteps, steps)
    return torch.linspace(timesteps, 0, steps + 1, dtype=torch.float64).round() / timesteps


def truncated(times: Tensor, start: float) -> Tensor:
    """Keep the part of a grid below ``start``: image-to-image begins there, with part of the noise.

    Args:
        times: a grid, (steps + 1,).
        start: first time of the new grid, in (0, 1]; what others call strength.

    Returns:
        ``start`` and the times below it; about start * steps steps on a grid uniform in t.

    Raises:
        UsageError: when start is outside (0, 1].
    """
    if not 0 < start <= 1:
        raise UsageError(f"start {start:g}: a walk can begin at a time above 0 and up to 1")
    return torch.cat([times.new_tensor([start]), times[times < start]])


def _require_steps(timesteps: int, steps: int) -> None:
    if steps > timesteps:
        raise UsageError(
            f"{steps} sampling steps: there are {timesteps} timesteps to choose from; "
            f"ask for at most {timesteps}"
        )


def _even_roots(first: float, last: float, rho: float, count: int) -> Tensor:
    """Return ``count`` log-SNRs between two, in equal steps of r^(1/rho), r = sigma / alpha."""
    start, end = (math.exp(-log_snr / 2 / rho) for log_snr in (first, last))
    return -2 * rho * torch.linspace(start, end, count, dtype=torch.float64).log()


def _between_ends(log_snr: Tensor, schedule: Schedule) -> Tensor:
    inner = schedule.time(log_snr[1:-1])
    return torch.cat([inner.new_ones(1), inner, inner.new_zeros(1)])


@config
class UniformGrid:
    """Equal steps of t."""

    kind: Literal["uniform_t"] = "uniform_t"

    def times(self, schedule: Schedule, steps: int) -> Tensor:
        """Return 1 - i / steps."""
        return torch.linspace(1, 0, steps + 1, dtype=torch.float64)


@config
class LogSNRGrid:
    """Equal steps of log-SNR.  Lu et al. 2022 (arXiv:2206.00927), sec. 3.4."""

    kind: Literal["uniform_log_snr"] = "uniform_log_snr"

    def times(self, schedule: Schedule, steps: int) -> Tensor:
        """Return the times at equally spaced log-SNRs."""
        ends = schedule.log_snr_min, schedule.log_snr_max
        return _between_ends(torch.linspace(*ends, steps + 1, dtype=torch.float64), schedule)


@config
class KarrasGrid:
    """Equal steps of (sigma / alpha)^(1/rho): finer where there is little noise.

    Source: Karras et al. 2022 (arXiv:2206.00364), eq. 5.
    """

    kind: Literal["karras"] = "karras"
    rho: Annotated[float, Field(gt=0)] = 7.0

    def times(self, schedule: Schedule, steps: int) -> Tensor:
        """Return the times at equally spaced (sigma / alpha)^(1/rho)."""
        ends = schedule.log_snr_min, schedule.log_snr_max
        return _between_ends(_even_roots(*ends, self.rho, steps + 1), schedule)


@config
class EDMGrid:
    """Karras et al.'s own: their equal steps from sigma_max to sigma_min, then to no noise at all.

    Their sigma is sigma / alpha here. What lies outside the schedule's range is cut.

    Source: Karras et al. 2022 (arXiv:2206.00364), eq. 5 and table 1.
    """

    kind: Literal["edm"] = "edm"
    sigma_min: Annotated[float, Field(gt=0)] = 0.002
    sigma_max: Annotated[float, Field(gt=0)] = 80.0
    rho: Annotated[float, Field(gt=0)] = 7.0

    @model_validator(mode="after")
    def _ends_are_in_order(self) -> Self:
        if self.sigma_min >= self.sigma_max:
            raise ValueError("sigma_min must be below sigma_max")
        return self

    def times(self, schedule: Schedule, steps: int) -> Tensor:
        """Return the times of sigma_max .. sigma_min, and 0."""
        first = max(-2 * math.log(self.sigma_max), schedule.log_snr_min)
        last = -2 * math.log(self.sigma_min)
        if last >= schedule.log_snr_max:  # its t = 0 is noisier than sigma_min: end there
            times = schedule.time(_even_roots(first, schedule.log_snr_max, self.rho, steps + 1))
            return torch.cat([times[:-1].clamp(max=1), times.new_zeros(1)])
        times = schedule.time(_even_roots(first, last, self.rho, steps))
        return torch.cat([times.clamp(max=1), times.new_zeros(1)])


@config
class TrailingGrid:
    """Every so many-th of DDPM's T steps, counted from the last: 1 .. and then 0.

    Source: Lin et al. 2023 (arXiv:2305.08891), sec. 3.3.
    """

    kind: Literal["trailing"] = "trailing"
    timesteps: Annotated[int, Field(ge=1)] = 1000

    def times(self, schedule: Schedule, steps: int) -> Tensor:
        """Return round(T - i T / steps) / T."""
        return discrete_grid(self.timesteps, steps)


@config
class LeadingGrid:
    """Every so many-th of DDPM's T steps, counted from the first; DDIM's and Stable Diffusion's.

    It never sees t = 1, so pictures cannot lose the brightness that is left in x_t where it starts.

    Source: Lin et al. 2023 (arXiv:2305.08891), sec. 3.3, who advise against it.
    """

    kind: Literal["leading"] = "leading"
    timesteps: Annotated[int, Field(ge=1)] = 1000

    def times(self, schedule: Schedule, steps: int) -> Tensor:
        """Return (1 + i floor(T / steps)) / T for i = steps - 1 .. 0, and 0."""
        _require_steps(self.timesteps, steps)
        i = torch.arange(steps - 1, -1, -1, dtype=torch.float64)
        times = (1 + i * (self.timesteps // steps)) / self.timesteps
        return torch.cat([times, times.new_zeros(1)])


Grid = Annotated[
    UniformGrid | LogSNRGrid | KarrasGrid | EDMGrid | TrailingGrid | LeadingGrid,
    Field(discriminator="kind"),
]
