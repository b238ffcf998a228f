"""UniPC: a predictor whose next estimate corrects it, at no further call."""

import math
from typing import Literal

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.walk import (
    Bound,
    Generators,
    Level,
    along_x_0,
    estimate,
    half_log_snr_gained,
    steps,
)

Past = list[tuple[Level, Tensor]]
"""Where estimates were made and what they were, newest first."""


@torch.no_grad()
def unipc(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
    order: Literal[1, 2, 3] = 2,
) -> Tensor:
    """Predict with the last ``order`` estimates, then correct with the one made where it led.

    One call a step; of order ``order`` + 1 thanks to the corrector. The first steps are of lower
    order, and the last is not corrected: that would take one more call.

    Args:
        denoise: see :class:`~minimagen.sampling.walk.Sampler`, as all that follow.
        x: x_t at ``times[0]``.
        times: the grid.
        schedule: the schedule.
        generators: unused; this sampler draws nothing.
        order: of the predictor.

    Source: Zhao et al. 2023 (arXiv:2302.04867), algorithms 5 and 6 (data prediction) with
    B_2(h) = exp(-h) - 1.
    """
    past: Past = []
    before = x
    for now, then in steps(times, schedule):
        x_0 = estimate(denoise, x, now)
        if past:
            x = _move(before, past, now, found=x_0)
        past = [(now, x_0), *past][:order]
        before, x = x, _move(x, past, then)
    return x


def _move(x: Tensor, past: Past, then: Level, found: Tensor | None = None) -> Tensor:
    """Step to ``then`` along the polynomial through the past and, correcting, what was found there.

    Source: Zhao et al. 2023 (arXiv:2302.04867), eq. 3 and 9.
    """
    (now, x_0), *earlier = past
    h = half_log_snr_gained(now, then)
    # Nodes in units of the step; as in the multistep DPM-Solvers, never nearer than equal steps.
    nodes = [min(half_log_snr_gained(now, at) / h, -k) for k, (at, _) in enumerate(earlier, 1)]
    differences = [
        (then_x_0 - x_0) / node for node, (_, then_x_0) in zip(nodes, earlier, strict=True)
    ]
    if found is not None:
        nodes, differences = [*nodes, 1.0], [*differences, found - x_0]
    x = along_x_0(x, x_0, now, then)
    for weight, difference in zip(_weights(nodes, h), differences, strict=True):
        x = x - then.alpha * math.expm1(-h) * weight * difference
    return x


def _weights(nodes: list[float], h: float) -> list[float]:
    """Return the weights of the differences: exact for polynomials of degree 1 to n in log-SNR.

        sum_k weight_k node_k^(i-1) = i! phi_(i+1) / phi_1,   phi_1 = exp(-h) - 1,
        phi_(i+1) = phi_i / (-h) - 1 / i!,   i = 1 .. n

    A single node gets 1/2, which is enough for its order.  Zhao et al. 2023, theorem 3.1.
    """
    if len(nodes) < 2:
        return [0.5] * len(nodes)
    moments, phi = [], math.expm1(-h)
    for i in range(1, len(nodes) + 1):
        phi = phi / -h - 1 / math.factorial(i)
        moments.append(phi * math.factorial(i) / math.expm1(-h))
    powers = torch.tensor([[node**i for node in nodes] for i in range(len(nodes))]).double()
    weights: list[float] = torch.linalg.solve(powers, torch.tensor(moments).double()).tolist()
    return weights
