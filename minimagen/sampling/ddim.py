"""Denoising diffusion implicit models: from a deterministic walk to DDPM's by one number."""

import math

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.walk import (
    Bound,
    Generators,
    Share,
    eps_of,
    estimate,
    fresh_share,
    is_last,
    noise_like,
    steps,
)


@torch.no_grad()
def ddim(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
    eta: Share = 0.0,
) -> Tensor:
    """Keep the noise that x_t and the estimate imply, or exchange a part of it.

        drawn = eta sigma_s sqrt(1 - SNR_t / SNR_s)
        x_s = alpha_s x_0 + sqrt(sigma_s^2 - drawn^2) eps(x_t, x_0) + drawn noise

    First order, one call a step. The last step adds no noise.

    Args:
        denoise: see :class:`~minimagen.sampling.walk.Sampler`, as all that follow.
        x: x_t at ``times[0]``.
        times: the grid.
        schedule: the schedule.
        generators: used when eta > 0.
        eta: 0 is deterministic, 1 is ``ddpm`` with its small variance.

    Source: Song et al. 2020 (arXiv:2010.02502), eq. 12 and 16.
    """
    for now, then in steps(times, schedule):
        x_0 = estimate(denoise, x, now)
        drawn = eta * then.sigma * math.sqrt(fresh_share(now, then)) if eta else 0.0
        kept = math.sqrt(then.sigma**2 - drawn**2)
        x = then.alpha * x_0 + kept * eps_of(x, x_0, now)
        if drawn and not is_last(then, times):
            x = x + drawn * noise_like(x, generators)
    return x
