"""A schedule is exact at both ends and decreasing between, whatever its kind, shift and cut."""

from typing import get_args

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from minimagen.cascade import AugmentationConfig
from minimagen.config import dump, parse
from minimagen.diffusion import AnySchedule, Schedule
from minimagen.diffusion.schedules import CosineSchedule, FlowSchedule
from minimagen.errors import ConfigError
from tests.diffusion.kinds import SCHEDULES, SHIFTED, name

EPS32 = 2.0**-23
EPS64 = 2.0**-52
LIKE = torch.zeros(1, 3, 4, 4)
each = pytest.mark.parametrize("schedule", SCHEDULES + SHIFTED, ids=name)
times = st.floats(0, 1).map(lambda t: torch.tensor(t, dtype=torch.float64))


@st.composite
def possible(draw: st.DrawFn) -> Schedule:
    """Draw a schedule of any kind, shift and cut that is not refused."""
    kind = draw(st.sampled_from(get_args(get_args(AnySchedule)[0])))
    cut = {"log_snr_max": draw(st.floats(5, 20)), "log_snr_min": draw(st.floats(-20, -5))}
    data_shift = {"data_shift": draw(st.floats(-3, 3))} if "data_shift" in vars(kind) else {}
    try:
        schedule: Schedule = kind(shift=draw(st.floats(-5, 5)), **cut, **data_shift)
    except ValidationError:
        assume(False)
    return schedule


def rounding(schedule: Schedule, t: torch.Tensor) -> torch.Tensor:
    """What a few float64 roundings of u, stretched by the slope, and of log-SNR come to."""
    return 8 * EPS64 * (schedule.slope(t) + schedule.log_snr(t).abs() + abs(schedule.shift) + 1)


@given(schedule=possible())
def test_both_ends_are_exact(schedule: Schedule) -> None:
    """Float64 to the roundings at the ends; float32 to the rounding of log-SNR itself."""
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    wanted = torch.tensor([schedule.log_snr_max, schedule.log_snr_min], dtype=torch.float64)
    tolerance = rounding(schedule, ends)
    assert ((schedule.log_snr(ends) - wanted).abs() <= tolerance).all()
    at = schedule.at(ends.float(), like=LIKE)
    assert ((at.flat_log_snr - wanted).abs() <= tolerance + EPS32 * wanted.abs()).all()
    assert (at.alpha > 0).all()
    assert (at.sigma > 0).all()


@each
def test_no_two_of_a_thousand_steps_share_a_level_in_float32(schedule: Schedule) -> None:
    """Equal log-SNRs would make a multistep solver divide by zero."""
    assert (schedule.log_snr(torch.linspace(0, 1, 1001)).diff() < 0).all()


@given(schedule=possible(), t=times, s=times)
def test_log_snr_decreases(schedule: Schedule, t: torch.Tensor, s: torch.Tensor) -> None:
    """Times 1e-6 apart are told apart in float64, where the least slope is about 0.3."""
    if t - s > 1e-6:
        assert schedule.log_snr(t) < schedule.log_snr(s)


@given(schedule=possible(), t=st.floats(0, 1, width=32))
def test_log_snr_never_rises_between_neighbours_in_float32(schedule: Schedule, t: float) -> None:
    now = torch.tensor(t)
    assert schedule.log_snr(torch.nextafter(now, torch.tensor(1.0))) <= schedule.log_snr(now)


@given(schedule=possible(), t=times)
def test_time_inverts_log_snr(schedule: Schedule, t: torch.Tensor) -> None:
    """Float64: t to a few roundings of u or of log-SNR, log-SNR to what those come to."""
    log_snr = schedule.log_snr(t)
    assert schedule.time(log_snr).item() == pytest.approx(t.item(), abs=1e-14)
    back = schedule.log_snr(schedule.time(log_snr))
    assert (back - log_snr).abs() <= rounding(schedule, t)


@given(schedule=possible(), t=times)
def test_slope_is_the_derivative(schedule: Schedule, t: torch.Tensor) -> None:
    """Autograd in float64; both round u in their own way."""
    variable = t.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(schedule.log_snr(variable), variable)
    assert schedule.slope(t).item() == pytest.approx(-gradient.item(), rel=1e-9)


@each
def test_times_are_read_as_they_are(schedule: Schedule) -> None:
    """Whatever dtype t or ``like`` has, the arithmetic is float64's and only its result rounded."""
    near_one = 1 - torch.logspace(-9, -1, 9, dtype=torch.float64)
    exact = schedule.log_snr(near_one)
    assert torch.equal(schedule.at(near_one, like=LIKE).flat_log_snr, exact.float())
    t = torch.linspace(0, 1, 101)
    assert torch.equal(schedule.log_snr(t), schedule.log_snr(t.double()).float())
    assert torch.equal(schedule.slope(t), schedule.slope(t.double()).float())


@each
def test_a_schedule_survives_its_file(schedule: Schedule) -> None:
    """What it keeps for speed is no part of the configuration."""
    settings = AugmentationConfig(schedule=schedule)  # type: ignore[arg-type]
    assert parse(AugmentationConfig, dump(settings), "here") == settings
    assert "cut" not in dump(settings)


DEEP = {"laplace": -16.0, "edm": -15.0}


@pytest.mark.parametrize("kind", [type(s) for s in SCHEDULES], ids=lambda kind: kind.kind)
def test_the_noisy_end_can_hold_next_to_no_data(kind: type[Schedule]) -> None:
    """Zero terminal SNR: alpha is far below 1 / 512, what the mean of noise over 512 px varies by.

    Laplace and EDM reach as far as float64 near t = 1 does, and refuse what is beyond.
    """
    deep = DEEP.get(kind.kind, -20.0)  # type: ignore[attr-defined]
    schedule = kind(log_snr_min=deep)
    t = torch.linspace(0, 1, 101)
    at = schedule.at(t, like=LIKE)
    for value in (at.alpha, at.sigma, at.log_snr, schedule.slope(t)):
        assert value.isfinite().all()
    assert 0 < at.alpha[-1] < 0.5 / 512
    if deep > -20:
        with pytest.raises(ValidationError, match="float64 cannot tell t from its end"):
            kind(log_snr_min=deep - 2)


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


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"kind": "cosine", "log_snr_max": -20}', "log_snr_min must be below log_snr_max"),
        ('{"kind": "cosine", "log_snr_min": -60}', "float32"),
        ('{"kind": "flow", "shift": 60}', "float64 cannot tell t from its end"),
        ('{"kind": "edm", "shift": 10}', "float64 cannot tell t from its end"),
        ('{"kind": "linear_beta", "log_snr_max": 1000}', "float32"),
        ('{"kind": "linear_beta", "beta_min": 1, "beta_max": 0.5}', "beta_max must not be below"),
        ('{"kind": "linear_beta", "beta_min": 0}', "greater than 0"),
        ('{"kind": "sigmoid", "start": 3}', "start must be below end"),
        ('{"kind": "sigmoid", "tau": 0}', "greater than 0"),
        ('{"kind": "laplace", "b": 0}', "greater than 0"),
        ('{"kind": "edm", "std": 0}', "greater than 0"),
        ('{"kind": "interpolated", "data_shift": -8}', r"above shift - 2 pi = -6\.28"),
        ('{"kind": "cosine", "shift": NaN}', "schedule"),
        ('{"kind": "sine"}', "'cosine', 'linear_beta', 'flow'"),
    ],
)
def test_impossible_schedules_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse(AugmentationConfig, f'{{"schedule": {text}}}', "here")
