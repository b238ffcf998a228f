"""DPM-Solver++ that remembers: estimates of earlier steps are extrapolated in log-SNR.

All of them look back as if the steps before had been at least as long as the one ahead. On equal
steps of log-SNR that changes nothing. On a grid uniform in t the last step is 6 to 8 times the one
before, and free extrapolation over it is 100 times less exact than this.
"""

import math

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.walk import (
    Bound,
    Generators,
    along_x_0,
    estimate,
    fresh_share,
    half_log_snr_gained,
    is_last,
    noise_like,
    steps,
)

Past = list[tuple[float, Tensor]]
"""Lengths of the steps before and the estimates they began with, newest first."""


@torch.no_grad()
def dpmpp_2m(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
) -> Tensor:
    """Extrapolate the last two estimates to the middle of the step; second order, one call a step.

    The first step is of first order. Arguments: see :class:`~minimagen.sampling.walk.Sampler`.

    Source: Lu et al. 2022 (arXiv:2211.01095), algorithm 2.
    """
    past: Past = []
    for now, then in steps(times, schedule):
        h = half_log_snr_gained(now, then)
        x_0 = estimate(denoise, x, now)
        x = along_x_0(x, _half_a_step_ahead(x_0, past, h), now, then)
        past = [(h, x_0)]
    return x


@torch.no_grad()
def dpmpp_3m(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
) -> Tensor:
    """Lay a parabola through the last three estimates; one call a step.

    The weight of the parabola's bend is the one that the authors' code made known: half of what
    would integrate it exactly. So the whole is of order 2, with a third of the error of
    ``dpmpp_2m`` when steps are small. Arguments: see :class:`~minimagen.sampling.walk.Sampler`.

    Source: Lu et al. 2022 (arXiv:2211.01095), eq. 9 with k = 3, as their code has it.
    """
    past: Past = []
    for now, then in steps(times, schedule):
        h = half_log_snr_gained(now, then)
        x_0 = estimate(denoise, x, now)
        if len(past) < 2:
            x = along_x_0(x, _half_a_step_ahead(x_0, past, h), now, then)
        else:
            slope, bend = _parabola(x_0, past, h)
            phi_2 = math.expm1(-h) / h + 1
            phi_3 = phi_2 / h - 1 / 2
            x = along_x_0(x, x_0, now, then) + then.alpha * (phi_2 * slope - phi_3 * bend)
        past = [(h, x_0), *past[:1]]
    return x


@torch.no_grad()
def dpmpp_2m_sde(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
) -> Tensor:
    """Step as ``ddpm`` does, towards the estimate that ``dpmpp_2m`` extrapolates.

    One call a step; second order in the estimate, with the noise of the reverse process. The last
    step adds none. Arguments: see :class:`~minimagen.sampling.walk.Sampler`.

    Source: Lu et al. 2022 (arXiv:2211.01095), app. D, SDE-DPM-Solver++(2M).
    """
    past: Past = []
    for now, then in steps(times, schedule):
        fresh, h = fresh_share(now, then), half_log_snr_gained(now, then)
        x_0 = estimate(denoise, x, now)
        ahead = _half_a_step_ahead(x_0, past, h)
        x = then.alpha / now.alpha * (1 - fresh) * x + then.alpha * fresh * ahead
        if not is_last(then, times):
            x = x + then.sigma * math.sqrt(fresh) * noise_like(x, generators)
        past = [(h, x_0)]
    return x


def _half_a_step_ahead(x_0: Tensor, past: Past, h: float) -> Tensor:
    """Continue the line through the last two estimates by h / 2."""
    if not past:
        return x_0
    h_before, x_0_before = past[0]
    return x_0 + (x_0 - x_0_before) / (2 * max(h_before / h, 1))


def _parabola(x_0: Tensor, past: Past, h: float) -> tuple[Tensor, Tensor]:
    """Return first and half the second derivative at ``now``, per h, of three estimates."""
    (h_1, x_0_1), (h_2, x_0_2) = past
    r_1, r_2 = max(h_1 / h, 1), max(h_2 / h, 1)
    line, line_before = (x_0 - x_0_1) / r_1, (x_0_1 - x_0_2) / r_2
    bend = (line - line_before) / (r_1 + r_2)
    return line + r_1 * bend, bend
