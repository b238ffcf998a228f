"""Samplers on a budget: how many denoiser calls a walk costs, and of what order it is."""

import math
from bisect import bisect_right
from functools import cache

import torch
from torch import Tensor

from minimagen.diffusion.schedules import CosineSchedule
from minimagen.sampling import SAMPLERS, Bound
from minimagen.sampling.grids import EDMGrid, Grid, KarrasGrid, LogSNRGrid, UniformGrid
from minimagen.seeds import generators
from tests.sampling.gaussian import COLOURFUL, start

SCHEDULE = CosineSchedule()
GRIDS: dict[str, Grid] = {
    grid.kind: grid for grid in (UniformGrid(), LogSNRGrid(), KarrasGrid(), EDMGrid())
}


def walk(name: str, denoise: Bound, x: Tensor, grid: Grid, steps: int, seed: int = 0) -> Tensor:
    """Walk x (B, C, H, W) from noise to data; the seed is that of a random sampler's noise."""
    times, draws = grid.times(SCHEDULE, steps), generators(range(len(x)), seed, "sampler")
    return SAMPLERS[name](denoise, x, times, SCHEDULE, generators=draws)


@cache
def calls_made(name: str, steps: int) -> int:
    """Count the denoiser calls of a walk."""
    calls = 0

    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return torch.zeros_like(x_t)

    walk(name, denoise, torch.zeros(1, 1, 1, 1), GRIDS["uniform_t"], steps)
    return calls


def calls_a_step(name: str) -> int:
    """Return what one more step costs, whatever the start costs."""
    return calls_made(name, 41) - calls_made(name, 40)


def longest_walk(name: str, budget: int) -> int:
    """Return the most steps that cost no more calls than the budget; 0 when one costs more."""
    return bisect_right(range(1, budget + 1), budget, key=lambda steps: calls_made(name, steps))


def measured_order(name: str) -> float | None:
    """Return log2 of how much less error half the step leaves; None for a sampler that draws.

    The data are Gaussian, where the end of the walk is known in closed form.
    """
    x, denoise = start((8, 6, 1, 1)), COLOURFUL.denoiser(SCHEDULE)
    if not torch.equal(*(walk(name, denoise, x, GRIDS["uniform_t"], 5, seed) for seed in (0, 1))):
        return None
    exact = COLOURFUL.flow(x, x.new_ones(()), x.new_zeros(()), SCHEDULE)
    coarse, fine = (
        (walk(name, denoise, x, GRIDS["uniform_log_snr"], steps) - exact).abs().max().item()
        for steps in (200, 400)
    )
    return round(math.log2(coarse / fine), 1)
