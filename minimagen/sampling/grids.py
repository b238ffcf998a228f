"""At which times a sampler stops: decreasing grids of t from 1 to 0, (steps + 1,), float64."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from minimagen.config import config
from minimagen.diffusion.schedules import Schedule
from minimagen.errors import UsageError


def discrete_grid(timesteps: int, steps: int) -> Tensor:
    """Choose ``steps`` of the T steps that a network trained on {1/T .. 1} has seen, evenly.

    With steps = T this is DDPM's own walk 1, (T-1)/T .. 0.

    Raises:
        UsageError: when more steps are asked for than there are.
    """
    if steps > timesteps:
        raise UsageError(
            f"{steps} sampling steps: this stage was trained with {timesteps} timesteps; "
            f"ask for at most {timesteps}"
        )
    return torch.linspace(timesteps, 0, steps + 1, dtype=torch.float64).round() / timesteps


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
        ends = torch.tensor([schedule.log_snr_min, schedule.log_snr_max], dtype=torch.float64)
        first, last = (-ends / 2 / self.rho).exp().tolist()
        roots = torch.linspace(first, last, steps + 1, dtype=torch.float64)
        return _between_ends(-2 * self.rho * roots.log(), schedule)


Grid = Annotated[UniformGrid | LogSNRGrid | KarrasGrid, Field(discriminator="kind")]
