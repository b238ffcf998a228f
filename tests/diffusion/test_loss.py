"""The loss, written out by hand for a network that is a formula."""

import pytest
import torch

from minimagen.diffusion import Schedule, diffusion_loss
from minimagen.diffusion.objectives import ObjectiveLike, VPrediction, X0Prediction
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.diffusion.weightings import MinSNRWeighting, SigmoidWeighting, UniformWeighting
from tests.diffusion.kinds import OBJECTIVES, SCHEDULES, WEIGHTINGS, name

T = torch.tensor([0.2, 0.5, 0.9])
X_0, EPS = torch.randn(2, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0))


def test_loss_is_the_weighted_mean_square_by_hand() -> None:
    """A network that answers x_t / 2, asked for v, min-SNR weights; all in float64 arithmetic."""
    schedule = CosineSchedule()
    loss = diffusion_loss(
        lambda x_t, log_snr: x_t / 2,
        X_0.double(),
        EPS.double(),
        T.double(),
        schedule=schedule,
        objective=VPrediction(),
        weigh=MinSNRWeighting(gamma=5),
    )
    for i, t in enumerate(T.double()):
        snr = schedule.log_snr(t).exp()
        alpha, sigma = (snr / (1 + snr)).sqrt(), (1 / (1 + snr)).sqrt()
        x_0, eps = X_0[i].double(), EPS[i].double()
        error = (alpha * x_0 + sigma * eps) / 2 - (alpha * eps - sigma * x_0)
        expected = snr.clamp(max=5) / (snr + 1) * error.square().mean()
        assert loss[i].item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=name)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
@pytest.mark.parametrize("weigh", WEIGHTINGS, ids=name)
def test_the_right_answer_costs_nothing(
    schedule: Schedule, objective: ObjectiveLike, weigh: UniformWeighting
) -> None:
    at = schedule.at(T, like=X_0)
    right = objective.target(X_0, EPS, at)
    loss = diffusion_loss(
        lambda x_t, log_snr: right, X_0, EPS, T, schedule=schedule, objective=objective, weigh=weigh
    )
    assert torch.equal(loss, torch.zeros(3))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
def test_a_wrong_estimate_costs_the_same_whatever_was_predicted(objective: ObjectiveLike) -> None:
    """The same error of x_0, asked for in any space; float32 roundings, larger at low noise."""
    schedule, weigh = CosineSchedule(), SigmoidWeighting()
    at = schedule.at(T, like=X_0)
    scale = objective.x_0_error_scale(at).sqrt()

    def wrong_by_one(x_t: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
        return objective.target(X_0, EPS, at) + scale

    loss = diffusion_loss(
        wrong_by_one, X_0, EPS, T, schedule=schedule, objective=objective, weigh=weigh
    )
    assert torch.allclose(loss, weigh(at, X0Prediction(), schedule.slope(T)), rtol=1e-5)


def test_the_network_is_told_log_snr_and_may_answer_in_half_precision() -> None:
    told = []

    def network(x_t: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
        told.append(log_snr)
        return x_t.bfloat16()

    loss = diffusion_loss(
        network,
        X_0,
        EPS,
        T,
        schedule=CosineSchedule(),
        objective=X0Prediction(),
        weigh=UniformWeighting(),
    )
    assert torch.equal(told[0], CosineSchedule().log_snr(T))
    assert loss.dtype == torch.float32
