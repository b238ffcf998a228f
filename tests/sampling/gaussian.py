"""Gaussian data: the one case where denoiser and probability flow are known in closed form."""

from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen.diffusion import Schedule
from minimagen.sampling import Bound, Sampler
from minimagen.sampling.grids import EDMGrid, KarrasGrid, LogSNRGrid, UniformGrid

AnyGrid = UniformGrid | LogSNRGrid | KarrasGrid | EDMGrid


@dataclass(frozen=True)
class GaussianData:
    """Pixels that are independent and normal: x_0 ~ N(mean, std^2)."""

    mean: Tensor
    std: Tensor

    def denoiser(self, schedule: Schedule) -> Bound:
        """Return E[x_0 | x_t] = mean + alpha std^2 / var(x_t) (x_t - alpha mean)."""

        def denoise(x_t: Tensor, t: Tensor) -> Tensor:
            at = schedule.at(t, x_t)
            gain = at.alpha * self.std**2 / (at.alpha**2 * self.std**2 + at.sigma**2)
            return (self.mean + gain * (x_t - at.alpha * self.mean)).to(x_t)

        return denoise

    def flow(self, x: Tensor, t: Tensor, s: Tensor, schedule: Schedule) -> Tensor:
        """Carry x along the probability flow from t to s: a sample keeps its quantile."""
        now, then = schedule.at(t, x), schedule.at(s, x)
        wide = (now.alpha**2 * self.std**2 + now.sigma**2).sqrt()
        narrow = (then.alpha**2 * self.std**2 + then.sigma**2).sqrt()
        return then.alpha * self.mean + narrow / wide * (x - now.alpha * self.mean)


def start(shape: tuple[int, ...], dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """Return the noise that every walk here starts from."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


COLOURFUL = GaussianData(
    mean=torch.linspace(-1, 1, 6, dtype=torch.float64).view(1, 6, 1, 1),
    std=torch.linspace(0.1, 1, 6, dtype=torch.float64).view(1, 6, 1, 1),
)


def error(
    sampler: Sampler,
    steps: int,
    schedule: Schedule,
    grid: AnyGrid,
    data: GaussianData = COLOURFUL,
    x: Tensor | None = None,
) -> float:
    """Return the largest distance to the exact solution."""
    x = start((8, 6, 1, 1)) if x is None else x
    times = grid.times(schedule, steps)
    drawn = sampler(data.denoiser(schedule), x, times, schedule)
    return (drawn - data.flow(x, times[0], times[-1], schedule)).abs().max().item()
