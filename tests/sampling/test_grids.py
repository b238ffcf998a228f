"""A grid decreases from 1 to 0, evenly in what its name says."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minimagen.diffusion import Schedule
from minimagen.errors import UsageError
from minimagen.sampling.grids import Grid, KarrasGrid, LogSNRGrid, UniformGrid, discrete_grid
from tests.diffusion.kinds import SCHEDULES, SHIFTED, every, name

each = pytest.mark.parametrize("schedule", SCHEDULES + SHIFTED, ids=name)


@each
@pytest.mark.parametrize("grid", every(Grid), ids=name)
@pytest.mark.parametrize("steps", [1, 2, 25, 1000])
def test_a_grid_decreases_from_one_to_zero(
    grid: UniformGrid, schedule: Schedule, steps: int
) -> None:
    times = grid.times(schedule, steps)
    assert times.shape == (steps + 1,)
    assert times.dtype == torch.float64
    assert (times[0], times[-1]) == (1, 0)
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

    EDM's sigma is sigma / alpha here; 1e-9 is the rounding of the ends, whose slope is steep.
    """
    times = KarrasGrid(rho=rho).times(schedule, 10)
    at = schedule.at(times, like=torch.zeros(1, dtype=torch.float64))
    sigma = (at.sigma / at.alpha).flatten()
    first, last = sigma[0] ** (1 / rho), sigma[-1] ** (1 / rho)
    i = torch.arange(11, dtype=torch.float64)
    assert torch.allclose(sigma, (first + i / 10 * (last - first)) ** rho, rtol=1e-9, atol=0)


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
