"""A schedule is exact at both ends, decreasing between them, and the textbook's when uncut."""

import math
from typing import get_args

import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from minimagen.cascade import AugmentationConfig
from minimagen.config import parse
from minimagen.diffusion import AnySchedule, Schedule
from minimagen.diffusion.schedules import CosineSchedule, FlowSchedule, LinearBetaSchedule
from minimagen.errors import ConfigError
from tests.diffusion.kinds import SCHEDULES, SHIFTED, name

EPS32 = 2.0**-23
each = pytest.mark.parametrize("schedule", SCHEDULES + SHIFTED, ids=name)
times = st.floats(0, 1).map(lambda t: torch.tensor(t, dtype=torch.float64))

schedules = st.builds(
    lambda kind, **numbers: kind(**numbers),
    st.sampled_from(get_args(get_args(AnySchedule)[0])),
    shift=st.floats(-5, 5),
    log_snr_max=st.floats(5, 15),
    log_snr_min=st.floats(-15, -5),
)


@each
def test_float32_meets_both_ends(schedule: Schedule) -> None:
    """Rounding u by two units is stretched by the slope at that end; log-SNR itself is rounded."""
    ends = torch.tensor([0.0, 1.0])
    wanted = torch.tensor([schedule.log_snr_max, schedule.log_snr_min])
    tolerance = EPS32 * (2 * schedule.slope(ends) + 4 * wanted.abs())
    at = schedule.at(ends, like=torch.zeros(2, 3, 4, 4))
    assert ((at.flat_log_snr - wanted).abs() <= tolerance).all()
    assert (at.alpha > 0).all()
    assert (at.sigma > 0).all()


@each
def test_no_two_of_a_thousand_steps_share_a_level_in_float32(schedule: Schedule) -> None:
    """Equal log-SNRs would make a multistep solver divide by zero."""
    assert (schedule.log_snr(torch.linspace(0, 1, 1001)).diff() < 0).all()


@given(schedule=schedules, t=times, s=times)
def test_log_snr_decreases(schedule: Schedule, t: torch.Tensor, s: torch.Tensor) -> None:
    """Times 1e-6 apart are told apart in float64, where the least slope is about 4."""
    if t - s > 1e-6:
        assert schedule.log_snr(t) < schedule.log_snr(s)


@given(schedule=schedules, t=times)
def test_time_inverts_log_snr(schedule: Schedule, t: torch.Tensor) -> None:
    """Float64; log-SNR itself is recovered to its rounding times the steepest slope, about 1e5."""
    log_snr = schedule.log_snr(t)
    assert schedule.time(log_snr).item() == pytest.approx(t.item(), abs=1e-10)
    assert schedule.log_snr(schedule.time(log_snr)).item() == pytest.approx(
        log_snr.item(), abs=1e-8
    )


@given(schedule=schedules, t=st.floats(0.01, 0.99))
def test_slope_is_the_derivative(schedule: Schedule, t: float) -> None:
    """Central difference: truncation h^2 / 6 times a curvature of (1 / 0.01)^2, below 1e-7."""
    h = 1e-6
    before, after = schedule.log_snr(torch.tensor([t - h, t + h], dtype=torch.float64)).tolist()
    slope = schedule.slope(torch.tensor(t, dtype=torch.float64)).item()
    assert slope == pytest.approx((before - after) / (2 * h), rel=1e-6)


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scales_keep_their_family_and_their_ratio(schedule: Schedule, dtype: torch.dtype) -> None:
    """A few roundings; the logarithm of a ratio loses none of them to cancellation."""
    at = schedule.at(torch.linspace(0, 1, 101), like=torch.zeros(1, 1, 1, 1, dtype=dtype))
    power = 1 if isinstance(schedule, FlowSchedule) else 2
    rounding = 8 * torch.finfo(dtype).eps
    assert (at.alpha**power + at.sigma**power - 1).abs().max() <= rounding
    assert (2 * (at.alpha / at.sigma).log() - at.log_snr).abs().max() <= 16 * rounding


@each
@pytest.mark.parametrize(
    ("like", "result"),
    [
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "t", [torch.tensor(0.3), torch.tensor([0.3, 0.6, 0.9])], ids=["0-d", "(B,)"]
)
@pytest.mark.parametrize("shape", [(5, 2), (5, 3, 8, 8), (5, 3, 2, 8, 8)], ids=len)
def test_like_gives_dtype_and_dimensions_and_t_gives_the_batch(
    schedule: Schedule,
    like: torch.dtype,
    result: torch.dtype,
    t: torch.Tensor,
    shape: tuple[int, ...],
) -> None:
    at = schedule.at(t, like=torch.zeros(shape, dtype=like))
    for value in (at.alpha, at.sigma, at.log_snr):
        assert value.shape == (t.numel(), *[1] * (len(shape) - 1))
        assert value.dtype == result
    assert at.flat_log_snr.shape == (t.numel(),)


@pytest.mark.parametrize("kind", [CosineSchedule, FlowSchedule])
@pytest.mark.parametrize("shift", [-3.0, 1.5])
def test_shift_adds_its_value_where_the_cut_is_far(kind: type[Schedule], shift: float) -> None:
    """Cut at +-20, and shifted by 3 at most, either end takes e^-8 of t: 4e-4 at a slope of 10."""
    t = torch.linspace(0.2, 0.8, 13, dtype=torch.float64)
    plain = kind(log_snr_max=20, log_snr_min=-20).log_snr(t)
    moved = kind(log_snr_max=20, log_snr_min=-20, shift=shift).log_snr(t)
    assert torch.allclose(moved - plain, torch.full_like(t, shift), atol=4e-3)


@each
def test_shift_adds_exactly_its_value_at_equal_places(schedule: Schedule) -> None:
    """The shifted schedule minus its shift is the textbook's, at places linear in t; float64."""
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    places = schedule.place(schedule.log_snr(t) - schedule.shift)
    assert torch.allclose(places, places[0] + t * (places[-1] - places[0]), atol=1e-10)


def test_flow_is_straight() -> None:
    """alpha = 1 - t, sigma = t; the cut at +-20 moves each end by e^-10."""
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    at = FlowSchedule(log_snr_max=20, log_snr_min=-20).at(t, like=t)
    assert torch.allclose(at.alpha, 1 - t, atol=math.exp(-10))
    assert torch.allclose(at.sigma, t, atol=math.exp(-10))


def test_cosine_is_nichol_and_dhariwals() -> None:
    """alpha_bar = f(i/T) / f(0), f(u) = cos^2(pi/2 (u + s)/(1 + s)), s = 0.008; theirs in float32.

    Their last betas are capped at 0.999, and a product of T float32 factors is good to T roundings.
    """
    reference = DDPMScheduler(beta_schedule="squaredcos_cap_v2").alphas_cumprod[:-2].double()
    i = torch.arange(1, 999, dtype=torch.float64)
    log_snr = CosineSchedule().curve((i / 1000 + 0.008) / 1.008)
    first = math.cos(math.pi / 2 * 0.008 / 1.008) ** 2
    assert torch.allclose(log_snr.sigmoid() / first, reference, rtol=1000 * EPS32)


def test_linear_beta_is_ddpms_in_continuous_time() -> None:
    """alpha_bar = prod(1 - beta_k) against exp(-B), which differ by sum beta^2 / 2 in logarithm.

    That sum is 0.07 at the noisy end, and at the first step beta's mean over the step is a tenth
    more than beta_1: both within 0.1 in log-SNR.
    """
    reference = DDPMScheduler(beta_start=1e-4, beta_end=0.02).alphas_cumprod.double().logit()
    u = torch.arange(1, 1001, dtype=torch.float64) / 1000
    assert (LinearBetaSchedule().curve(u) - reference).abs().max() < 0.1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"kind": "cosine", "log_snr_max": -20}', "log_snr_min must be below log_snr_max"),
        ('{"kind": "cosine", "log_snr_min": -60}', "float32"),
        ('{"kind": "flow", "shift": 60}', "float32"),
        ('{"kind": "linear_beta", "log_snr_max": 1000}', "float32"),
        ('{"kind": "linear_beta", "beta_min": 1, "beta_max": 0.5}', "beta_max must not be below"),
        ('{"kind": "linear_beta", "beta_min": 0}', "greater than 0"),
        ('{"kind": "cosine", "shift": NaN}', "schedule"),
        ('{"kind": "sine"}', "'cosine', 'linear_beta', 'flow'"),
    ],
)
def test_impossible_schedules_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse(AugmentationConfig, f'{{"schedule": {text}}}', "here")
