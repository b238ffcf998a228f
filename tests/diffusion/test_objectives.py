"""An objective can be read back into x_0, and its errors converted into errors of x_0."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minimagen.diffusion import Schedule
from minimagen.diffusion.objectives import ObjectiveLike
from minimagen.tensors import mean_per_sample
from tests.diffusion.kinds import OBJECTIVES, SCHEDULES, name

each = pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
family = pytest.mark.parametrize("schedule", SCHEDULES, ids=name)


def noise(seed: int) -> torch.Tensor:
    """Return a batch of standard normal numbers, float64."""
    source = torch.Generator().manual_seed(seed)
    return torch.randn(4, 3, 2, 2, dtype=torch.float64, generator=source)


@each
@family
@settings(max_examples=30)
@given(t=st.floats(0, 1), seed=st.integers(0, 1000))
def test_to_x_0_inverts_target(
    objective: ObjectiveLike, schedule: Schedule, t: float, seed: int
) -> None:
    """Float64; dividing by alpha >= e^-7.5 costs three of its sixteen digits."""
    x_0, eps = noise(seed), noise(seed + 1)
    at = schedule.at(torch.tensor(t, dtype=torch.float64), like=x_0)
    x_t = at.alpha * x_0 + at.sigma * eps
    assert torch.allclose(
        objective.to_x_0(objective.target(x_0, eps, at), x_t, at), x_0, atol=1e-11
    )


@each
@family
def test_error_scale_is_the_measured_ratio(objective: ObjectiveLike, schedule: Schedule) -> None:
    """to_x_0 is linear, so a wrong answer's squared error shrinks by this factor; float64."""
    x_0, eps, wrong = noise(0), noise(1), noise(2)
    at = schedule.at(torch.tensor([0.1, 0.4, 0.7, 0.95], dtype=torch.float64), like=x_0)
    x_t = at.alpha * x_0 + at.sigma * eps
    estimate = objective.to_x_0(objective.target(x_0, eps, at) + wrong, x_t, at)
    ratio = mean_per_sample(wrong**2) / mean_per_sample((estimate - x_0) ** 2)
    assert torch.allclose(objective.x_0_error_scale(at).flatten(), ratio, rtol=1e-9)


@each
@family
def test_no_objective_divides_by_zero_at_the_ends(
    objective: ObjectiveLike, schedule: Schedule
) -> None:
    x_0 = noise(0).float()
    at = schedule.at(torch.tensor([0.0, 1.0]), like=x_0)
    scale = objective.x_0_error_scale(at)
    assert scale.shape == at.alpha.shape
    assert scale.isfinite().all()
    assert (scale > 0).all()
