"""The loss, written out by hand for a network that is a formula."""

from collections.abc import Callable

import pytest
import torch

from minimagen.diffusion import Schedule, diffusion_loss
from minimagen.diffusion.objectives import (
    EDMPrediction,
    ObjectiveLike,
    VPrediction,
    X0Prediction,
)
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


def test_the_network_sees_x_t_at_the_objectives_scale() -> None:
    seen = []

    def network(x_t: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
        seen.append(x_t)
        return x_t

    schedule, objective = CosineSchedule(), EDMPrediction()
    diffusion_loss(
        network, X_0, EPS, T, schedule=schedule, objective=objective, weigh=UniformWeighting()
    )
    at = schedule.at(T, like=X_0)
    assert torch.equal(seen[0], objective.input_scale(at) * (at.alpha * X_0 + at.sigma * EPS))


def losses(log_variance: Callable[[torch.Tensor], torch.Tensor] | None) -> torch.Tensor:
    """Return the losses of a network that answers x_t."""
    return diffusion_loss(
        lambda x_t, log_snr: x_t,
        X_0.double(),
        EPS.double(),
        T.double(),
        schedule=CosineSchedule(),
        objective=X0Prediction(),
        weigh=MinSNRWeighting(),
        log_variance=log_variance,
    )


def test_a_log_variance_of_zero_leaves_the_loss_as_it_was() -> None:
    assert torch.equal(losses(torch.zeros_like), losses(None))


def test_the_best_log_variance_is_the_logarithm_of_the_mean_error() -> None:
    """There its gradient is zero and the mean loss 1 + u, its least; float64 roundings."""
    errors = losses(None)
    u = errors.mean().log().requires_grad_()
    loss = losses(lambda log_snr: u.expand_as(log_snr)).mean()
    (gradient,) = torch.autograd.grad(loss, u)
    assert gradient.item() == pytest.approx(0, abs=1e-12)
    assert loss.item() == pytest.approx(1 + u.item(), rel=1e-12)
    for elsewhere in (u - 0.1, u + 0.1):
        worse = losses(lambda log_snr, at=elsewhere: at.expand_as(log_snr)).mean()  # type: ignore[misc]
        assert worse > loss


def test_the_log_variance_is_told_log_snr_and_may_be_in_half_precision() -> None:
    told = []

    def log_variance(log_snr: torch.Tensor) -> torch.Tensor:
        told.append(log_snr)
        return torch.zeros_like(log_snr, dtype=torch.bfloat16)

    assert losses(log_variance).dtype == torch.float64
    assert torch.equal(told[0], CosineSchedule().log_snr(T.double()))
