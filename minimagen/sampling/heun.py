"""Heun's method on the probability-flow equation."""

import math

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.churn import Amount, Churn
from minimagen.sampling.walk import (
    Bound,
    Generators,
    along_eps,
    eps_of,
    estimate,
    is_last,
    steps,
)


@torch.no_grad()
def heun(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
    churn: Amount = 0.0,
    churn_range: tuple[float, float] = (0.0, math.inf),
    churn_inflation: Amount = 1.0,
) -> Tensor:
    """Average the slopes at both ends of each step: dy/dr = eps, y = x / alpha, r = sigma / alpha.

    Second order, two calls a step. The last step is Euler's: there is next to no noise left to
    correct for.

    Args:
        denoise: see :class:`~minimagen.sampling.walk.Sampler`, as all that follow.
        x: x_t at ``times[0]``.
        times: the grid.
        schedule: the schedule.
        generators: used when churn > 0.
        churn: S_churn, noise added before the steps, over the whole walk; 0 is deterministic.
        churn_range: S_tmin and S_tmax, the values of r between which it is added.
        churn_inflation: S_noise, its standard deviation.

    Source: Karras et al. 2022 (arXiv:2206.00364), algorithms 1 and 2.
    """
    stir = Churn(churn, *churn_range, churn_inflation)
    for now, then in steps(times, schedule):
        start = stir.raised(now, len(times) - 1, schedule)
        x = stir.add(x, now, start, generators)
        eps = eps_of(x, estimate(denoise, x, start), start)
        ahead = along_eps(x, eps, start, then)
        if not is_last(then, times):
            eps_ahead = eps_of(ahead, estimate(denoise, ahead, then), then)
            ahead = along_eps(x, (eps + eps_ahead) / 2, start, then)
        x = ahead
    return x
