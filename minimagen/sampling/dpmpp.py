"""DPM-Solver++: exponential integrators in log-SNR for the estimate of x_0."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule


@torch.no_grad()
def dpmpp_2m(
    denoise: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Sequence[torch.Generator] | None = None,
) -> Tensor:
    """Extrapolate the last two estimates; second order, one call a step.

        h = (log_snr_s - log_snr_t) / 2;   x_s = sigma_s/sigma_t x_t - alpha_s (exp(-h) - 1) ahead

    Args:
        denoise: maps (x_t (B,C,H,W), t (B,)) to an estimate of x_0 (B,C,H,W).
        x: x_t at ``times[0]``, usually noise, (B, C, H, W).
        times: decreasing times in [0, 1], (steps + 1,).
        schedule: the schedule the network was trained with.
        generators: unused; this sampler draws nothing.

    Source: Lu et al. 2022 (arXiv:2211.01095), algorithm 2.
    """
    x_0_before, h_before = None, None
    for t, s in pairwise(times):
        now, then = schedule.at(t, x), schedule.at(s, x)
        h = (then.log_snr - now.log_snr) / 2
        x_0 = denoise(x, t.expand(len(x)))
        ahead = x_0
        if x_0_before is not None and h_before is not None:
            # Half a step ahead, never further than the last step reached back: on a grid uniform in
            # t the last step is 6 to 8 times the one before, and a free extrapolation is 100 times
            # less exact.
            ahead = x_0 + (h / (2 * h_before)).clamp(max=0.5) * (x_0 - x_0_before)
        x = then.sigma / now.sigma * x - then.alpha * torch.expm1(-h) * ahead
        x_0_before, h_before = x_0, h
    return x
