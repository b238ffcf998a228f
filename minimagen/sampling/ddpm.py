"""Ancestral sampling, the diffusion process run backwards."""

import math
from typing import Literal

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.walk import (
    Bound,
    Generators,
    estimate,
    fresh_share,
    is_last,
    noise_like,
    steps,
)


@torch.no_grad()
def ddpm(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
    variance: Literal["small", "large"] = "small",
) -> Tensor:
    """Draw each x_s from the posterior q(x_s | x_t, x_0).

        fresh = 1 - SNR_t / SNR_s
        x_s = alpha_s/alpha_t (1 - fresh) x_t + alpha_s fresh x_0 + sigma sqrt(fresh) noise

    sigma is sigma_s, the posterior's own, or sigma_t at the scale of x_s.

    One call a step. The last step adds no noise.

    Args:
        denoise: see :class:`~minimagen.sampling.walk.Sampler`, as all that follow.
        x: x_t at ``times[0]``.
        times: the grid.
        schedule: the schedule.
        generators: where the noise comes from.
        variance: "small" takes sigma_s, right for data that is one point; "large" takes sigma_t,
            right for data that is white noise.

    Source: Ho et al. 2020 (arXiv:2006.11239), eq. 6-7 and sec. 3.2; in this form Kingma et al. 2021
    (arXiv:2107.00630), eq. 32.
    """
    for now, then in steps(times, schedule):
        fresh = fresh_share(now, then)
        x_0 = estimate(denoise, x, now)
        x = then.alpha / now.alpha * (1 - fresh) * x + then.alpha * fresh * x_0
        if not is_last(then, times):
            sigma = then.sigma if variance == "small" else now.sigma * then.scale / now.scale
            x = x + sigma * math.sqrt(fresh) * noise_like(x, generators)
    return x
