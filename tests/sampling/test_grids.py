"""A grid decreases from 1 to 0, evenly in what its name says."""

import math

import pytest
import torch
from diffusers import DDIMScheduler
from hypothesis import given
from hypothesis import strategies as st

from minimagen.config import parse
from minimagen.diffusion import Schedule
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.errors import ConfigError, UsageError
from minimagen.sampling.grids import (
    EDMGrid,
    Grid,
    KarrasGrid,
    LeadingGrid,
    LogSNRGrid,
    TrailingGrid,
    UniformGrid,
    discrete_grid,
    truncated,
)
from tests.diffusion.kinds import SCHEDULES, SHIFTED, every, name

each = pytest.mark.parametrize("schedule", SCHEDULES + SHIFTED, ids=name)


@each
@pytest.mark.parametrize("grid", every(Grid), ids=name)
@pytest.mark.parametrize("steps", [1, 2, 25, 1000])
def test_a_grid_decreases_from_one_or_a_little_below_to_zero(
    grid: UniformGrid, schedule: Schedule, steps: int
) -> None:
    times = grid.times(schedule, steps)
    assert times.shape == (steps + 1,)
    assert times.dtype == torch.float64
    assert times[0] == 1 or (times[0] < 1 and grid.kind in ("leading", "edm"))
    assert times[-1] == 0
    assert (times.diff() < 0).all()


@each
def test_uniform_grid_steps_equally_in_t(schedule: Schedule) -> None:
    assert torch.allclose(
        UniformGrid().times(schedule, 7).diff(), torch.tensor(-1 / 7, dtype=torch.float64)
    )


@each
def test_log_snr_grid_steps_equally_in_log_snr(schedule: Schedule) -> None:
    steps = schedule.log_snr(LogSNRGrid().times(schedule, 7)).diff()
    equal = torch.full((7,), (schedule.log_snr_max - schedule.log_snr_min) / 7).double()
    assert torch.allclose(steps, equal)


@each
@pytest.mark.parametrize("rho", [1.0, 3.0, 7.0])
def test_karras_grid_is_equation_5(schedule: Schedule, rho: float) -> None:
    """sigma_i = (sigma_max^(1/rho) + i/n (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho.

    EDM's sigma is sigma / alpha here; 1e-9 is float64's rounding of times.
    """
    times = KarrasGrid(rho=rho).times(schedule, 10)
    ends = torch.tensor([schedule.log_snr_min, schedule.log_snr_max], dtype=torch.float64)
    first, last = ((-ends / 2).exp() ** (1 / rho)).tolist()
    i = torch.arange(11, dtype=torch.float64)
    sigma = (first + i / 10 * (last - first)) ** rho
    assert torch.allclose(times, schedule.time(-2 * sigma.log()), atol=1e-9)


@each
@pytest.mark.parametrize("steps", [1, 2, 18])
def test_edm_grid_is_theirs_cut_to_the_schedule(schedule: Schedule, steps: int) -> None:
    """Theirs: sigma from 80 to 0.002 by equation 5, then 0, which is our t = 0."""
    times = EDMGrid().times(schedule, steps)
    log_snr = schedule.log_snr(times)
    assert log_snr[0].item() == pytest.approx(max(-2 * math.log(80), schedule.log_snr_min))
    if schedule.log_snr_max > -2 * math.log(0.002) and steps > 1:
        i = torch.arange(steps, dtype=torch.float64)
        first, last = math.exp(-log_snr[0].item() / 14), 0.002 ** (1 / 7)
        sigma = (first + i / (steps - 1) * (last - first)) ** 7
        assert torch.allclose(times[:-1], schedule.time(-2 * sigma.log()), atol=1e-9)


@pytest.mark.parametrize("steps", [1, 7, 20, 999, 1000])
@pytest.mark.parametrize(
    ("spacing", "grid"), [("leading", LeadingGrid()), ("trailing", TrailingGrid())]
)
def test_ddpm_spacings_are_those_of_diffusers(
    spacing: str, grid: LeadingGrid | TrailingGrid, steps: int
) -> None:
    """Their timestep n is our time (n + 1) / T."""
    theirs = DDIMScheduler(timestep_spacing=spacing)
    theirs.set_timesteps(steps)
    ours = grid.times(CosineSchedule(), steps) * 1000
    assert torch.equal(ours[:-1].round().long() - 1, theirs.timesteps)


@given(start=st.floats(0.01, 1), steps=st.integers(1, 100))
def test_a_truncated_grid_is_the_part_below_its_start(start: float, steps: int) -> None:
    times = UniformGrid().times(CosineSchedule(), steps)
    cut = truncated(times, start)
    assert cut[0] == start
    assert torch.equal(cut[1:], times[times < start])


@pytest.mark.parametrize("start", [0.0, -0.1, 1.1, math.nan])
def test_a_walk_cannot_begin_outside_the_schedule(start: float) -> None:
    with pytest.raises(UsageError, match="above 0 and up to 1"):
        truncated(UniformGrid().times(CosineSchedule(), 4), start)


def test_edms_ends_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="sigma_min must be below sigma_max"):
        parse(EDMGrid, '{"sigma_min": 5, "sigma_max": 1}', "here")


@pytest.mark.parametrize("timesteps", [1, 4, 25, 1000])
def test_as_many_steps_as_timesteps_is_ddpms_walk(timesteps: int) -> None:
    walk = torch.arange(timesteps, -1, -1, dtype=torch.float64) / timesteps
    assert torch.equal(discrete_grid(timesteps, timesteps), walk)


@given(data=st.data(), timesteps=st.integers(1, 1000))
def test_fewer_steps_are_an_even_subset_of_the_walk(data: st.DataObject, timesteps: int) -> None:
    """Even: no gap differs from T / steps by more than the rounding of its two ends."""
    steps = data.draw(st.integers(1, timesteps))
    numbers = discrete_grid(timesteps, steps) * timesteps
    assert torch.allclose(numbers, numbers.round(), atol=1e-9)
    assert numbers[0] == timesteps
    assert numbers[-1] == 0
    gaps = -numbers.diff()
    assert (gaps >= 0.5).all()
    assert ((gaps - timesteps / steps).abs() <= 1 + 1e-9).all()


def test_more_steps_than_timesteps_is_wrong_use() -> None:
    with pytest.raises(UsageError, match=r"26 sampling steps: .* ask for at most 25"):
        discrete_grid(25, 26)
