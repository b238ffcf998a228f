"""Adams-Bashforth: earlier slopes of dy/dr = eps extrapolated over the step ahead."""

from typing import Literal

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.walk import (
    Bound,
    Generators,
    Level,
    along_eps,
    eps_of,
    estimate,
    is_last,
    levels,
    steps,
)

ADAMS_BASHFORTH_4 = 55 / 24, -59 / 24, 37 / 24, -9 / 24


@torch.no_grad()
def lms(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
    order: Literal[1, 2, 3, 4] = 4,
) -> Tensor:
    """Integrate the polynomial in r = sigma / alpha through the last slopes; one call a step.

    Of order ``order``: its first steps are of lower order, but there, where all is noise, the slope
    hardly changes.

    Args:
        denoise: see :class:`~minimagen.sampling.walk.Sampler`, as all that follow.
        x: x_t at ``times[0]``.
        times: the grid.
        schedule: the schedule.
        generators: unused; this sampler draws nothing.
        order: how many slopes the polynomial goes through.

    Source: Hairer, Norsett & Wanner 1993, Solving Ordinary Differential Equations I, sec. III.5,
    in the variables of Karras et al. 2022 (arXiv:2206.00364).
    """
    past: list[tuple[float, Tensor]] = []
    for now, then in steps(times, schedule):
        past = [(now.r, eps_of(x, estimate(denoise, x, now), now)), *past][:order]
        nodes = [(r - now.r) / (then.r - now.r) for r, _ in past]
        x = along_eps(x, _mixed(_integrated(nodes), [eps for _, eps in past]), now, then)
    return x


@torch.no_grad()
def pndm(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
) -> Tensor:
    """Mix the last four slopes as on equal steps, after three pseudo Runge-Kutta steps.

    One call a step, four in each of the first three. The mixture takes steps as equal that are not
    equal in r, so it is of order 2. Its first step must not be a wild one in r: take a grid that
    begins at a moderate r, such as :class:`~minimagen.sampling.grids.EDMGrid`. Arguments: see
    :class:`~minimagen.sampling.walk.Sampler`.

    Source: Liu et al. 2022 (arXiv:2202.09778), eq. 11 to 13 and algorithm 2.
    """
    past: list[Tensor] = []
    for now, then in steps(times, schedule):
        slope = eps_of(x, estimate(denoise, x, now), now)
        past = [slope, *past][:4]
        if len(past) == 4:
            slope = _mixed(ADAMS_BASHFORTH_4, past)
        elif not is_last(then, times):  # at t = 0 a slope is a difference over next to nothing
            slope = _runge_kutta(denoise, x, slope, (now, then), schedule)
        x = along_eps(x, slope, now, then)
    return x


def _runge_kutta(
    denoise: Bound, x: Tensor, first: Tensor, step: tuple[Level, Level], schedule: Schedule
) -> Tensor:
    """Return the classical mixture of four slopes: here, twice half way in t, there.  Eq. 13."""
    now, then = step
    half = levels(torch.tensor([(now.t + then.t) / 2], dtype=torch.float64), schedule)[0]
    slopes = [first]
    for place in (half, half, then):
        ahead = along_eps(x, slopes[-1], now, place)
        slopes.append(eps_of(ahead, estimate(denoise, ahead, place), place))
    return _mixed((1 / 6, 1 / 3, 1 / 3, 1 / 6), slopes)


def _integrated(nodes: list[float]) -> list[float]:
    """Return the weights that integrate a polynomial over [0, 1] from its values at nodes.

    They solve sum_k weight_k node_k^i = 1 / (i + 1), i = 0 .. n - 1.
    """
    powers = torch.tensor([[node**i for node in nodes] for i in range(len(nodes))]).double()
    moments = 1 / torch.arange(1, len(nodes) + 1, dtype=torch.float64)
    weights: list[float] = torch.linalg.solve(powers, moments).tolist()
    return weights


def _mixed(weights: tuple[float, ...] | list[float], slopes: list[Tensor]) -> Tensor:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        total = total + weight * slope
    return total
