"""Heun's method on the probability-flow equation."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule


@torch.no_grad()
def heun(
    denoise: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Sequence[torch.Generator] | None = None,
) -> Tensor:
    """Average the slopes at both ends of each step; second order, two calls a step.

    The equation is solved for y = x / alpha over r = sigma / alpha, where it reads
    dy/dr = (y - x_0) / r. The last step is Euler's: there is next to no noise left to correct for.

    Args:
        denoise: maps (x_t (B,C,H,W), t (B,)) to an estimate of x_0 (B,C,H,W).
        x: x_t at ``times[0]``, usually noise, (B, C, H, W).
        times: decreasing times in [0, 1], (steps + 1,).
        schedule: the schedule the network was trained with.
        generators: unused; this sampler draws nothing.

    Source: Karras et al. 2022 (arXiv:2206.00364), algorithm 1.
    """
    for t, s in pairwise(times):
        now, then = schedule.at(t, x), schedule.at(s, x)
        r, r_next = now.sigma / now.alpha, then.sigma / then.alpha
        y = x / now.alpha
        slope = (y - denoise(x, t.expand(len(x)))) / r
        y_next = y + (r_next - r) * slope
        if s > times[-1]:
            x_0 = denoise(then.alpha * y_next, s.expand(len(x)))
            y_next = y + (r_next - r) * (slope + (y_next - x_0) / r_next) / 2
        x = then.alpha * y_next
    return x
