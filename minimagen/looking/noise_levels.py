"""At which noise levels one picture is hard to see, and where its caption helps."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen.conditioning import Conditioning
from minimagen.looking.moments import plain
from minimagen.seeds import generators, normal
from minimagen.stage import Stage
from minimagen.tensors import mean_per_sample

NOISIEST, CLEANEST = -10.0, 10.0  # log-SNR beyond which nothing happens any more


@dataclass(frozen=True)
class LevelLoss:
    """How well one picture is seen through the noise of one level.

    Args:
        log_snr: the level.
        error: mean squared error of the estimate of x_0.
        loss: what training makes of it: in the objective's own space, weighted.
    """

    log_snr: float
    error: float
    loss: float


def evenly_spread(stage: Stage, count: int) -> list[float]:
    """Return times whose log-SNRs lie evenly between the noisiest and the cleanest worth seeing."""
    schedule = stage.config.schedule
    low, high = max(NOISIEST, schedule.log_snr_min), min(CLEANEST, schedule.log_snr_max)
    times = schedule.time(torch.linspace(low, high, count, dtype=torch.float64))
    return [float(t) for t in times.clamp(0, 1)]


@torch.no_grad()
def loss_by_noise_level(
    stage: Stage,
    image: Tensor,
    cond: Conditioning,
    times: Sequence[float],
    *,
    draws: int = 4,
    seed: int = 0,
) -> list[LevelLoss]:
    """Measure the loss of one picture at some noise levels, without guidance.

    Args:
        stage: its network.
        image: of the stage's size, (1, C, H, W) in [-1, 1].
        cond: what it shows, for one picture.
        times: of the levels, in [0, 1].
        draws: noises at each level; the same ones at all, so that curves are smooth.
        seed: the noise follows from it.
    """
    eps = normal(generators(range(draws), seed, stage.name, "noise levels"), image.shape[1:])
    rows = torch.zeros(draws, dtype=torch.int64, device=stage.device)
    x_0, cond = image.to(stage.device).expand(draws, -1, -1, -1), cond[rows]
    return [_measured(stage, x_0, eps.to(stage.device), cond, t) for t in times]


def _measured(stage: Stage, x_0: Tensor, eps: Tensor, cond: Conditioning, t: float) -> LevelLoss:
    config, ts = stage.config, torch.full((len(x_0),), t, dtype=torch.float64)
    at = config.schedule.at(ts, like=x_0)
    found = plain(stage, cond)(at.alpha * x_0 + at.sigma * eps, ts)
    error = mean_per_sample((found - x_0).square())  # (B,)
    weight = config.weighting(at, config.objective, config.schedule.slope(ts).to(error))
    loss = weight * config.objective.x_0_error_scale(at).flatten() * error
    return LevelLoss(float(at.flat_log_snr[0]), error.mean().item(), loss.mean().item())
