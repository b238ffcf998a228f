"""A weighting is a statement about noise levels, whatever the network predicts."""

import pytest
import torch

from minimagen.diffusion import NoiseLevel, Schedule
from minimagen.diffusion.objectives import (
    EDMPrediction,
    EpsPrediction,
    VPrediction,
    X0Prediction,
)
from minimagen.diffusion.schedules import CosineSchedule, FlowSchedule, LinearBetaSchedule
from minimagen.diffusion.weightings import (
    EDMWeighting,
    FlooredSigmaWeighting,
    MinSNRWeighting,
    P2Weighting,
    SigmoidWeighting,
    TruncatedSNRWeighting,
    UniformWeighting,
    VSpaceWeighting,
)
from tests.diffusion.kinds import OBJECTIVES, SCHEDULES, SHIFTED, WEIGHTINGS, name

T = torch.linspace(0, 1, 41, dtype=torch.float64)
family = pytest.mark.parametrize("schedule", SCHEDULES, ids=name)


def levels(schedule: Schedule) -> NoiseLevel:
    """Return noise levels over the whole range."""
    return schedule.at(T, like=torch.zeros(1, 3, 2, 2, dtype=torch.float64))


@family
@pytest.mark.parametrize(
    "weighting", [w for w in WEIGHTINGS if not isinstance(w, UniformWeighting)], ids=name
)
def test_the_weight_of_an_x_0_error_does_not_depend_on_the_objective(
    weighting: SigmoidWeighting, schedule: Schedule
) -> None:
    """Weight times error scale is what an error of x_0 costs; equal to rounding in float64."""
    at, slope = levels(schedule), schedule.slope(T)
    plain = weighting(at, X0Prediction(), slope)
    for objective in OBJECTIVES:
        seen = weighting(at, objective, slope) * objective.x_0_error_scale(at).flatten()
        assert torch.allclose(seen, plain, rtol=1e-12)


@family
@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=name)
def test_weights_are_finite_and_positive_in_float32(
    weighting: SigmoidWeighting, schedule: Schedule
) -> None:
    t = T.float()
    at = schedule.at(t, like=torch.zeros(1, 3, 2, 2))
    for objective in OBJECTIVES:
        weight = weighting(at, objective, schedule.slope(t))
        assert weight.shape == t.shape
        assert weight.dtype == torch.float32
        assert weight.isfinite().all()
        assert (weight > 0).all()


@family
def test_min_snr_is_the_clipped_signal_to_noise_ratio(schedule: Schedule) -> None:
    at = levels(schedule)
    weight = MinSNRWeighting(gamma=5)(at, X0Prediction(), schedule.slope(T))
    assert torch.allclose(weight, at.flat_log_snr.exp().clamp(max=5))


@family
def test_truncated_snr_is_the_signal_to_noise_ratio_or_one(schedule: Schedule) -> None:
    at = levels(schedule)
    weight = TruncatedSNRWeighting()(at, X0Prediction(), schedule.slope(T))
    assert torch.allclose(weight, at.flat_log_snr.exp().clamp(min=1))


@family
@pytest.mark.parametrize("sd", [0.5, 1.3])
def test_edm_weighs_by_its_paper_and_is_one_in_its_own_space(schedule: Schedule, sd: float) -> None:
    at, weighting = levels(schedule), EDMWeighting(sigma_data=sd)
    sigma = (-at.flat_log_snr / 2).exp()
    written = (sigma**2 + sd**2) / (sigma * sd) ** 2
    assert torch.allclose(weighting(at, X0Prediction(), schedule.slope(T)), written)
    own = weighting(at, EDMPrediction(sigma_data=sd), schedule.slope(T))
    assert torch.allclose(own, torch.ones_like(T))


@pytest.mark.parametrize(("k", "gamma"), [(1.0, 1.0), (1.0, 0.5), (0.1, 2.0)])
def test_p2_is_chois_on_the_cosine_schedule(k: float, gamma: float) -> None:
    """1 / (k + SNR)^gamma on the eps error; cut at +-40 the slope is 3e-9 short of the uncut."""
    schedule = CosineSchedule(log_snr_max=40, log_snr_min=-40)
    at = levels(schedule)
    weight = P2Weighting(k=k, gamma=gamma)(at, EpsPrediction(), schedule.slope(T))
    assert torch.allclose(weight, (k + at.flat_log_snr.exp()) ** -gamma, rtol=1e-8, atol=0)


@pytest.mark.parametrize("weighting", [SigmoidWeighting(bias=-2.0), P2Weighting()], ids=name)
@pytest.mark.parametrize("schedule", SCHEDULES + SHIFTED, ids=name)
def test_weight_per_unit_of_log_snr_does_not_depend_on_the_schedule(
    weighting: P2Weighting, schedule: Schedule
) -> None:
    """Weight over slope at equal log-SNRs, against the cosine schedule's; float64 roundings."""

    def per_unit(schedule: Schedule) -> torch.Tensor:
        t = schedule.time(torch.linspace(-6, 6, 25, dtype=torch.float64))
        at = schedule.at(t, like=torch.zeros(1, 1, dtype=torch.float64))
        return weighting(at, EpsPrediction(), schedule.slope(t)) / schedule.slope(t)

    assert torch.allclose(per_unit(schedule), per_unit(CosineSchedule()), rtol=1e-9)


@family
def test_v_space_counts_errors_of_v_as_they_are(schedule: Schedule) -> None:
    weight = VSpaceWeighting()(levels(schedule), VPrediction(), schedule.slope(T))
    assert torch.allclose(weight, torch.ones_like(T))


def test_v_space_is_snr_plus_one_when_variance_is_preserved() -> None:
    at = levels(CosineSchedule())
    weight = VSpaceWeighting()(at, X0Prediction(), T)
    assert torch.allclose(weight, at.flat_log_snr.exp() + 1)


@family
def test_floor_one_is_the_plain_x_0_error(schedule: Schedule) -> None:
    weight = FlooredSigmaWeighting(floor=1)(levels(schedule), X0Prediction(), schedule.slope(T))
    assert torch.equal(weight, torch.ones_like(T))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
def test_a_floor_below_every_sigma_is_v_space_when_variance_is_preserved(
    objective: VPrediction,
) -> None:
    at = levels(CosineSchedule())
    floored = FlooredSigmaWeighting(floor=1e-4)(at, objective, T)
    assert torch.allclose(floored, VSpaceWeighting()(at, objective, T), rtol=1e-12)


@pytest.mark.parametrize("bias", [-3.0, -1.0, 2.0])
@pytest.mark.parametrize(
    "schedule",
    [
        kind(log_snr_max=9, log_snr_min=-9, shift=shift)
        for kind in (CosineSchedule, LinearBetaSchedule, FlowSchedule)
        for shift in (-3.0, 0.0, 2.0)
    ],
    ids=name,
)
def test_sigmoid_weighting_does_not_depend_on_schedule_or_shift(
    schedule: Schedule, bias: float
) -> None:
    """Over uniform t it is the integral of sigmoid(bias - log_snr) times any eps error.

    Midpoint rule with 20,000 points of t; where it is steepest, a point spans 0.03 of log-SNR, and
    the rule's error is of the order of its square over 24.
    """
    t = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    at = schedule.at(t, like=torch.zeros(1, 1, dtype=torch.float64))
    eps_error = at.flat_log_snr.sigmoid()  # that of unit Gaussian data, for one
    over_t = (
        SigmoidWeighting(bias=bias)(at, EpsPrediction(), schedule.slope(t)) * eps_error
    ).mean()

    log_snr = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    weight = (bias - log_snr).sigmoid() * log_snr.sigmoid()
    assert over_t.item() == pytest.approx(torch.trapezoid(weight, log_snr).item(), rel=1e-4)
