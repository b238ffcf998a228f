"""The training loss, on one page."""

from collections.abc import Callable

from torch import Tensor

from minimagen.diffusion.objectives import ObjectiveLike
from minimagen.diffusion.schedules import NoiseLevel, Schedule
from minimagen.tensors import mean_per_sample

Weigh = Callable[[NoiseLevel, ObjectiveLike, Tensor], Tensor]


def diffusion_loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    x_0: Tensor,
    eps: Tensor,
    t: Tensor,
    *,
    schedule: Schedule,
    objective: ObjectiveLike,
    weigh: Weigh,
) -> Tensor:
    """Return the weighted squared error of one prediction for each sample; (B,).

    Args:
        predict: the network with its condition bound,
            ``(x_t (B,C,H,W), log_snr (B,)) -> (B,C,H,W)``.
        x_0: clean images, (B, C, H, W).
        eps: standard normal noise, (B, C, H, W).
        t: times in [0, 1], (B,).
        schedule: the noise level at t.
        objective: what the network is asked for.
        weigh: how much each level counts.

    Source: Kingma & Gao 2023 (arXiv:2303.00848), eq. 4.
    """
    at = schedule.at(t, like=x_0)  # alpha, sigma: (B, 1, 1, 1)
    x_t = at.alpha * x_0 + at.sigma * eps  # (B, C, H, W)
    error = predict(x_t, at.flat_log_snr).to(x_0.dtype) - objective.target(x_0, eps, at)
    return weigh(at, objective, schedule.slope(t)) * mean_per_sample(error.square())
