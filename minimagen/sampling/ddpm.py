"""Ancestral sampling, the diffusion process run backwards."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.seeds import normal


@torch.no_grad()
def ddpm(
    denoise: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Sequence[torch.Generator] | None = None,
) -> Tensor:
    """Draw each x_s from the posterior q(x_s | x_t, x_0), with its own ("small") variance.

        fresh = 1 - SNR_t / SNR_s
        x_s = alpha_s/alpha_t (1 - fresh) x_t + alpha_s fresh x_0 + sigma_s sqrt(fresh) noise

    The last step adds no noise.

    Args:
        denoise: maps (x_t (B,C,H,W), t (B,)) to an estimate of x_0 (B,C,H,W).
        x: x_t at ``times[0]``, usually noise, (B, C, H, W).
        times: decreasing times in [0, 1], (steps + 1,).
        schedule: the schedule the network was trained with.
        generators: one per image, on the CPU; without them noise comes from the global state.

    Source: Ho et al. 2020 (arXiv:2006.11239), eq. 6-7; in this form Kingma et al. 2021
    (arXiv:2107.00630), eq. 32.
    """
    for t, s in pairwise(times):
        now, then = schedule.at(t, x), schedule.at(s, x)
        fresh = -torch.expm1(now.log_snr - then.log_snr)
        x_0 = denoise(x, t.expand(len(x)))
        x = then.alpha / now.alpha * (1 - fresh) * x + then.alpha * fresh * x_0
        if s > times[-1]:
            x = x + then.sigma * fresh.sqrt() * _noise_like(x, generators)
    return x


def _noise_like(x: Tensor, generators: Sequence[torch.Generator] | None) -> Tensor:
    if generators is None:
        return torch.randn_like(x)
    return normal(generators, x.shape[1:]).to(x)
