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
    rows = torch.zeros(draws, dtype=torch.int64, device=stage.device)
    x_0, cond = image.to(stage.device).expand(draws, -1, -1, -1), cond[rows]
    found = [seen_at(stage, x_0, cond, t, range(draws), seed) for t in times]
    return [LevelLoss(level, *(each.mean().item() for each in seen)) for level, *seen in found]


@torch.no_grad()
def seen_at(
    stage: Stage, x_0: Tensor, cond: Conditioning, t: float, numbers: Sequence[int], seed: int = 0
) -> tuple[float, Tensor, Tensor]:
    """Measure how well each of some pictures is seen through the noise of one level.

    Args:
        stage: its network, without guidance.
        x_0: of the stage's size, (B, C, H, W) in [-1, 1].
        cond: what they show.
        t: of the level, in [0, 1].
        numbers: key the noises, (B,); a number has the same one at every level.
        seed: likewise.

    Returns:
        The log-SNR; of each picture the squared error of the estimate of x_0, and the loss that
        training makes of it, (B,) each.
    """
    eps = normal(generators(numbers, seed, stage.name, "noise levels"), x_0.shape[1:])
    config, ts = stage.config, torch.full((len(x_0),), t, dtype=torch.float64)
    x_0, eps = x_0.to(stage.device), eps.to(stage.device)
    at = config.schedule.at(ts, like=x_0)
    found = plain(stage, cond)(at.alpha * x_0 + at.sigma * eps, ts)
    error = mean_per_sample((found - x_0).square())  # (B,)
    weight = config.weighting(at, config.objective, config.schedule.slope(ts).to(error))
    loss = weight * config.objective.x_0_error_scale(at).flatten() * error
    return float(at.flat_log_snr[0]), error, loss
