"""An objective can be read back into x_0, and it and its errors turned into any other's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minimagen.diffusion import Schedule, convert
from minimagen.diffusion.objectives import (
    EDMPrediction,
    EpsPrediction,
    ObjectiveLike,
    VPrediction,
    X0Prediction,
)
from minimagen.diffusion.schedules import CosineSchedule, EDMSchedule, LinearBetaSchedule
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


@each
@pytest.mark.parametrize(
    "schedule",
    [CosineSchedule(log_snr_min=-20), LinearBetaSchedule(log_snr_min=-20)],
    ids=name,
)
def test_x_0_is_read_off_pure_noise(objective: ObjectiveLike, schedule: Schedule) -> None:
    """At alpha 4.5e-5 a wrong eps comes back 1 / alpha times larger, any other as it went in.

    Seen in float32, from answers within 5 of zero.
    """
    x_t, answer = noise(0).float(), noise(1).float()
    at = schedule.at(torch.tensor([1.0]), like=x_t)
    estimate = objective.to_x_0(answer, x_t, at)
    bound = 10 / at.alpha.item() if isinstance(objective, EpsPrediction) else 10
    assert estimate.isfinite().all()
    assert estimate.abs().max() < bound
    assert estimate.abs().max() > bound / 100


class AlphaOne(EDMSchedule):
    """EDM's own scale family: x_t = x_0 + sigma eps."""

    def scales(self, log_snr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.ones_like(log_snr), (-log_snr / 2).exp()


T = torch.linspace(0, 1, 4, dtype=torch.float64)


@pytest.mark.parametrize("sd", [0.5, 1.3])
def test_edm_is_table_1_of_its_paper(sd: float) -> None:
    """Float64; at sigma 0.002 the paper's target is a small difference, with ten digits left."""
    x_0, eps, answer = noise(0), noise(1), noise(2)
    at = AlphaOne().at(T, like=x_0)
    sigma, x_t = at.sigma, x_0 + at.sigma * eps
    c_skip = sd**2 / (sigma**2 + sd**2)
    c_out = sigma * sd / (sigma**2 + sd**2).sqrt()
    c_in = 1 / (sigma**2 + sd**2).sqrt()
    objective = EDMPrediction(sigma_data=sd)
    assert torch.allclose(objective.input_scale(at), c_in)
    assert torch.allclose(objective.to_x_0(answer, x_t, at), c_skip * x_t + c_out * answer)
    assert torch.allclose(objective.target(x_0, eps, at), (x_0 - c_skip * x_t) / c_out, rtol=1e-9)
    assert torch.allclose(objective.x_0_error_scale(at), 1 / c_out**2)


def test_an_edm_network_sees_and_answers_the_same_in_every_scale_family() -> None:
    """c_in takes out the factor between alpha = 1 and the variance-preserving scales; roundings."""
    objective, x_0, eps = EDMPrediction(), noise(0), noise(1)
    one, preserving = AlphaOne().at(T, like=x_0), EDMSchedule().at(T, like=x_0)
    for of in (
        lambda at: objective.input_scale(at) * (at.alpha * x_0 + at.sigma * eps),
        lambda at: objective.target(x_0, eps, at),
        lambda at: objective.x_0_error_scale(at),
    ):
        assert torch.allclose(of(one), of(preserving), rtol=1e-10)


@family
def test_edm_asks_for_and_shows_numbers_of_unit_variance(schedule: Schedule) -> None:
    """In closed form, for data of variance sigma_data^2: the sum of squared factors of x_0, eps."""
    sd, one, zero = 0.5, torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1).double()
    at = schedule.at(T, like=one)
    objective = EDMPrediction(sigma_data=sd)
    a, b = objective.target(one, zero, at), objective.target(zero, one, at)
    assert torch.allclose((a * sd) ** 2 + b**2, one)
    seen = objective.input_scale(at) ** 2 * ((at.alpha * sd) ** 2 + at.sigma**2)
    assert torch.allclose(seen, one)


@pytest.mark.parametrize("objective", OBJECTIVES[:-1], ids=name)
def test_all_others_see_x_t_itself(objective: ObjectiveLike) -> None:
    at = CosineSchedule().at(T, like=noise(0))
    assert torch.equal(objective.input_scale(at), torch.ones_like(at.alpha))


@pytest.mark.parametrize("wanted", OBJECTIVES, ids=lambda o: f"to {o.kind}")
@pytest.mark.parametrize("made_for", OBJECTIVES, ids=lambda o: f"from {o.kind}")
@settings(max_examples=20)
@given(t=st.floats(0, 1), seed=st.integers(0, 1000), schedule=st.sampled_from(SCHEDULES))
def test_a_prediction_converts_between_any_two_objectives(
    made_for: ObjectiveLike, wanted: ObjectiveLike, t: float, seed: int, schedule: Schedule
) -> None:
    """Float64; eps to x_0 divides by alpha >= e^-7.5, x_0 to eps by sigma: thirteen digits left."""
    x_0, eps = noise(seed), noise(seed + 1)
    at = schedule.at(torch.tensor(t, dtype=torch.float64), like=x_0)
    made, right = made_for.target(x_0, eps, at), wanted.target(x_0, eps, at)
    x_t = at.alpha * x_0 + at.sigma * eps
    assert torch.allclose(convert(made, x_t, at, made_for, wanted), right, atol=1e-11)


def test_converting_v_to_eps_takes_no_detour_over_x_0() -> None:
    """Float32 roundings; dividing x_t - alpha x_0 by sigma = e^-7.5 would cost 1,800 of them."""
    x_0, eps = noise(0).float(), noise(1).float()
    at = CosineSchedule().at(torch.tensor(0.0), like=x_0)
    x_t = at.alpha * x_0 + at.sigma * eps
    v = VPrediction().target(x_0, eps, at)
    assert torch.allclose(convert(v, x_t, at, VPrediction(), EpsPrediction()), eps, atol=2e-6)
    x_0_seen = convert(v, x_t, at, VPrediction(), X0Prediction())
    assert torch.allclose(x_0_seen, x_0, atol=2e-6)
