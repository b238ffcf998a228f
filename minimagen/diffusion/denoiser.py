"""From a network to a denoiser, the one thing that guidance, thresholding and samplers know."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from minimagen.conditioning import Conditioning
from minimagen.diffusion.objectives import ObjectiveLike
from minimagen.diffusion.schedules import Schedule


class Network(Protocol):
    """Anything that answers a noisy image: ``(x_t (B,C,H,W), log_snr (B,), cond) -> (B,C,H,W)``."""

    def __call__(self, x_t: Tensor, log_snr: Tensor, cond: Conditioning) -> Tensor:
        """Return the objective's prediction."""


Denoiser = Callable[[Tensor, Tensor, Conditioning], Tensor]
"""``(x_t (B,C,H,W), t (B,), cond) -> estimate of x_0 (B,C,H,W)``."""


def make_denoiser(network: Network, schedule: Schedule, objective: ObjectiveLike) -> Denoiser:
    """Turn a network's answer into an estimate of x_0, in float32 whatever it computes in."""

    def denoise(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        at = schedule.at(t, like=x_t)
        scaled = (objective.input_scale(at) * x_t).to(x_t.dtype)
        prediction = network(scaled, at.flat_log_snr, cond)
        return objective.to_x_0(
            prediction.to(torch.promote_types(x_t.dtype, torch.float32)), x_t, at
        )

    return denoise
