"""The deterministic walk of DDIM."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule


@torch.no_grad()
def ddim(
    denoise: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Sequence[torch.Generator] | None = None,
) -> Tensor:
    """Keep the noise that x_t and the estimate imply:  x_s = alpha_s x_0 + sigma_s eps(x_t, x_0).

    First order, one call a step.

    Args:
        denoise: maps (x_t (B,C,H,W), t (B,)) to an estimate of x_0 (B,C,H,W).
        x: x_t at ``times[0]``, usually noise, (B, C, H, W).
        times: decreasing times in [0, 1], (steps + 1,).
        schedule: the schedule the network was trained with.
        generators: unused; this sampler draws nothing.

    Source: Song et al. 2020 (arXiv:2010.02502), eq. 12 with eta = 0.
    """
    for t, s in pairwise(times):
        now, then = schedule.at(t, x), schedule.at(s, x)
        h = (then.log_snr - now.log_snr) / 2
        x_0 = denoise(x, t.expand(len(x)))
        x = then.sigma / now.sigma * x - then.alpha * torch.expm1(-h) * x_0
    return x
