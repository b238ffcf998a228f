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
    log_variance: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the weighted squared error of one prediction for each sample; (B,).

    With a learned ``log_variance`` u it is error / exp(u) + u instead, least where u is the
    logarithm of the error to be expected at this noise level: then every level pulls equally hard.

    Args:
        predict: the network with its condition bound,
            ``(x_t (B,C,H,W), log_snr (B,)) -> (B,C,H,W)``; x_t comes scaled by the objective.
        x_0: clean images, (B, C, H, W).
        eps: standard normal noise, (B, C, H, W).
        t: times in [0, 1], (B,).
        schedule: the noise level at t.
        objective: what the network is asked for.
        weigh: how much each level counts.
        log_variance: ``log_snr (B,) -> u (B,)``; None leaves the error as it is.

    Source: Kingma & Gao 2023 (arXiv:2303.00848), eq. 4; u as in Kendall et al. 2018
    (arXiv:1705.07115) and Karras et al. 2023 (arXiv:2312.02696), eq. 14-15.
    """
    at = schedule.at(t, like=x_0)  # alpha, sigma: (B, 1, 1, 1)
    x_t = at.alpha * x_0 + at.sigma * eps  # (B, C, H, W)
    prediction = predict(objective.input_scale(at) * x_t, at.flat_log_snr)
    error = prediction.to(x_0.dtype) - objective.target(x_0, eps, at)
    loss = weigh(at, objective, schedule.slope(t)) * mean_per_sample(error.square())
    if log_variance is None:
        return loss
    u = log_variance(at.flat_log_snr).to(loss.dtype)
    return loss / u.exp() + u
