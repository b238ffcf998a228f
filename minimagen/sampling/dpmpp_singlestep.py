"""DPM-Solver++ that forgets between steps: exponential integrators in log-SNR."""

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.walk import Bound, Generators, along_x_0, estimate, levels, steps


@torch.no_grad()
def dpmpp_1s(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
) -> Tensor:
    """Take the estimate of x_0 as constant over each step; first order, one call a step.

    It is ``ddim``, reached from another side. Arguments: see
    :class:`~minimagen.sampling.walk.Sampler`.

    Source: Lu et al. 2022 (arXiv:2211.01095), eq. 8 and 9 with k = 1.
    """
    for now, then in steps(times, schedule):
        x = along_x_0(x, estimate(denoise, x, now), now, then)
    return x


@torch.no_grad()
def dpmpp_2s(
    denoise: Bound,
    x: Tensor,
    times: Tensor,
    schedule: Schedule,
    *,
    generators: Generators = None,
) -> Tensor:
    """Take the estimate from half way in log-SNR; second order, two calls a step.

    Arguments: see :class:`~minimagen.sampling.walk.Sampler`.

    Source: Lu et al. 2022 (arXiv:2211.01095), algorithm 1 with r = 1/2.
    """
    for now, then in steps(times, schedule):
        log_snr = torch.tensor([(now.log_snr + then.log_snr) / 2], dtype=torch.float64)
        middle = levels(schedule.time(log_snr), schedule)[0]
        half_way = along_x_0(x, estimate(denoise, x, now), now, middle)
        x = along_x_0(x, estimate(denoise, half_way, middle), now, then)
    return x
