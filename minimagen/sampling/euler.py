"""Euler's method on the probability-flow equation, and its ancestral variant."""

import math

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.churn import Amount, Churn
from minimagen.sampling.walk import (
    Bound,
    Generators,
    Share,
    along_eps,
    eps_of,
    estimate,
    fresh_share,
    is_last,
    noise_like,
    steps,
)


@torch.no_grad()
def euler(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
    churn: Amount = 0.0,
) -> Tensor:
    """Follow dy/dr = eps for y = x / alpha over r = sigma / alpha, one straight step at a time.

    First order, one call a step. Without churn it is ``ddim``; for a flow schedule it is the
    straight walk along the velocity eps - x_0.

    Args:
        denoise: see :class:`~minimagen.sampling.walk.Sampler`, as all that follow.
        x: x_t at ``times[0]``.
        times: the grid.
        schedule: the schedule.
        generators: used when churn > 0.
        churn: S_churn; more adds and removes more noise on the way, 0 is deterministic.

    Source: Karras et al. 2022 (arXiv:2206.00364), algorithm 2 without its correction.
    """
    stir = Churn(amount=churn)
    for now, then in steps(times, schedule):
        start = stir.raised(now, len(times) - 1, schedule)
        x = stir.add(x, now, start, generators)
        x = along_eps(x, eps_of(x, estimate(denoise, x, start), start), start, then)
    return x


@torch.no_grad()
def euler_ancestral(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
    eta: Share = 1.0,
) -> Tensor:
    """Step below the noise that is wanted, then add what is missing.

        up = eta r_s sqrt(1 - r_s^2 / r_t^2),   down = sqrt(r_s^2 - up^2),   r = sigma / alpha
        x_s / alpha_s = x_t / alpha_t + (down - r_t) eps + up noise

    One call a step. The last step adds no noise. With eta = 1 it is ``ddpm``, with eta = 0
    ``euler``; as a formula in r it is the one that k-diffusion made known.

    Args:
        denoise: see :class:`~minimagen.sampling.walk.Sampler`, as all that follow.
        x: x_t at ``times[0]``.
        times: the grid.
        schedule: the schedule.
        generators: where the noise comes from.
        eta: share of the posterior's standard deviation that is drawn anew.

    Source: Song et al. 2020 (arXiv:2010.02502), eq. 16, in the variables of Karras et al. 2022
    (arXiv:2206.00364).
    """
    for now, then in steps(times, schedule):
        up = eta * then.r * math.sqrt(fresh_share(now, then))
        down = math.sqrt(then.r**2 - up**2)
        eps = eps_of(x, estimate(denoise, x, now), now)
        x = then.alpha * (x / now.alpha + (down - now.r) * eps)
        if not is_last(then, times):
            x = x + then.alpha * up * noise_like(x, generators)
    return x
