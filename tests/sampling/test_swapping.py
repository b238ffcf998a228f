"""Objective, schedule, grid and sampler are independent choices, even after training.

An exact network stands for a trained one: it answers the objective from (x_t, log_snr) alone, which
is all that networks are told.
"""

from functools import partial

import pytest
import torch
from torch import Tensor

from minimagen.conditioning import Conditioning
from minimagen.diffusion import (
    AnySchedule,
    Denoiser,
    NoiseLevel,
    Objective,
    Schedule,
    make_denoiser,
)
from minimagen.diffusion.objectives import EpsPrediction, ObjectiveLike, X0Prediction
from minimagen.diffusion.schedules import CosineSchedule, variance_preserving
from minimagen.sampling import SAMPLERS
from minimagen.sampling.grids import Grid, LogSNRGrid
from tests.diffusion.kinds import every, name
from tests.sampling.gaussian import COLOURFUL, start

STEPS = 300
OBJECTIVES = every(Objective)
VARIANCE_PRESERVING = [s for s in every(AnySchedule) if s.kind != "flow"]


class ExactNetwork:
    """What a network would answer that had learnt the Gaussian data perfectly."""

    def __init__(self, objective: ObjectiveLike) -> None:
        self.objective = objective

    def __call__(self, x: Tensor, log_snr: Tensor, cond: Conditioning) -> Tensor:
        """Answer the objective; x_t comes scaled as the objective asks."""
        log_snr = log_snr.view(-1, 1, 1, 1)
        at = NoiseLevel(*variance_preserving(log_snr), log_snr)
        x_t = x / self.objective.input_scale(at)
        gain = at.alpha * COLOURFUL.std**2 / (at.alpha**2 * COLOURFUL.std**2 + at.sigma**2)
        x_0 = COLOURFUL.mean + gain * (x_t - at.alpha * COLOURFUL.mean)
        return self.objective.target(x_0, (x_t - at.alpha * x_0) / at.sigma, at)


def drawn(objective: ObjectiveLike, schedule: Schedule, times: Tensor, sampler: str) -> Tensor:
    """Sample the Gaussian data through the network of an objective."""
    denoise = make_denoiser(ExactNetwork(objective), schedule, objective)
    bound = partial(_bound, denoise)
    return SAMPLERS[sampler](bound, start((4, 6, 1, 1)), times, schedule)


def _bound(denoise: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
    return denoise(x_t, t, Conditioning())


def exact(schedule: Schedule, times: Tensor) -> Tensor:
    """Carry the same noise along the flow to where the walk ends."""
    return COLOURFUL.flow(start((4, 6, 1, 1)), times[0], times[-1], schedule)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
def test_another_objective_changes_rounding_only(objective: ObjectiveLike) -> None:
    """1e-8: float64's rounding times 1 / alpha = 1,800, with which eps-prediction reads x_0."""
    schedule = CosineSchedule()
    times = LogSNRGrid().times(schedule, 30)
    one = drawn(X0Prediction(), schedule, times, "dpmpp_2m")
    assert torch.allclose(drawn(objective, schedule, times, "dpmpp_2m"), one, atol=1e-8)


@pytest.mark.parametrize("schedule", VARIANCE_PRESERVING, ids=name)
@pytest.mark.parametrize("shift", [0.0, -2.0, 1.5])
def test_another_schedule_changes_solver_error_only(schedule: Schedule, shift: float) -> None:
    """Schedules end at different log-SNRs, so each is held to the exact flow over its own range.

    1e-3 is what 2M needs on 300 steps of log-SNR of at most 0.1; first order would leave 3e-2.
    """
    moved = type(schedule)(shift=shift)
    times = LogSNRGrid().times(moved, STEPS)
    found = drawn(EpsPrediction(), moved, times, "dpmpp_2m")
    assert (found - exact(moved, times)).abs().max() < 1e-3


@pytest.mark.parametrize("grid", every(Grid), ids=name)
def test_another_grid_changes_solver_error_only(grid: LogSNRGrid) -> None:
    """0.02 of the widest pixel after 300 steps: the coarsest grids end with one long step."""
    schedule = CosineSchedule()
    times = grid.times(schedule, STEPS)
    found = drawn(EpsPrediction(), schedule, times, "dpmpp_2m")
    assert (found - exact(schedule, times)).abs().max() < 0.02


def test_all_deterministic_samplers_meet() -> None:
    """One noise, one picture: all agree with UniPC's to 5e-2, what first order leaves."""
    schedule = CosineSchedule()
    times = LogSNRGrid().times(schedule, STEPS)
    best = drawn(X0Prediction(), schedule, times, "unipc")
    assert (best - exact(schedule, times)).abs().max() < 1e-4
    for sampler in ("ddim", "euler", "heun", "dpmpp_1s", "dpmpp_2s", "dpmpp_3m", "pndm", "lms"):
        assert (drawn(X0Prediction(), schedule, times, sampler) - best).abs().max() < 5e-2
