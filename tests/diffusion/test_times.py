"""A time follows from one uniform number a sample and the sample's place in the batch."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minimagen.cascade import StageConfig
from minimagen.config import parse
from minimagen.diffusion.schedules import CosineSchedule, FlowSchedule
from minimagen.diffusion.times import (
    CosineTimes,
    DiscreteTimes,
    LogitNormalTimes,
    StratifiedTimes,
    UniformTimes,
    stratify,
)
from minimagen.errors import ConfigError
from minimagen.seeds import units
from tests.conftest import stage_of

Draw = StratifiedTimes | UniformTimes | LogitNormalTimes | CosineTimes | DiscreteTimes


def drawn(times: Draw, batch: int, batches: int = 1) -> torch.Tensor:
    """Draw the times of some global batches; (batches * batch,)."""
    number = torch.arange(batch * batches)
    u = units(number.tolist(), 0, "t")
    return times.draw(u, (number % batch).double(), batch)


@given(u=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=9))
def test_each_stratum_holds_one_sample(u: list[float]) -> None:
    batch = len(u)
    t = stratify(torch.tensor(u, dtype=torch.float64), torch.arange(batch), batch)
    place = t * batch - torch.arange(batch)
    assert ((place > -1e-12) & (place < 1 + 1e-12)).all()  # the rounding of the sum


@pytest.mark.parametrize("batch", [1, 4, 7])
def test_parts_of_a_global_batch_draw_what_the_whole_draws(batch: int) -> None:
    """Accumulation and ranks hand over positions, so they cannot move a stratum."""
    u = units(range(batch), 0, "t")
    position = torch.arange(batch)
    kinds = (StratifiedTimes(), LogitNormalTimes(), CosineTimes(), DiscreteTimes(timesteps=5))
    for times in kinds:
        parts = [times.draw(u[i : i + 1], position[i : i + 1], batch) for i in range(batch)]
        assert torch.equal(torch.cat(parts), times.draw(u, position, batch))


def test_uniform_times_are_the_numbers_themselves() -> None:
    assert torch.equal(drawn(UniformTimes(), 4, 4), units(range(16), 0, "t"))


@given(
    u=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=9),
    timesteps=st.integers(1, 1000),
)
def test_discrete_times_are_steps_of_the_walk(u: list[float], timesteps: int) -> None:
    times = DiscreteTimes(timesteps=timesteps)
    t = times.draw(torch.tensor(u, dtype=torch.float64), torch.arange(len(u)), len(u))
    steps = t * timesteps
    assert torch.allclose(steps, steps.round(), atol=1e-9)
    assert (steps.round() >= 1).all()
    assert (steps.round() <= timesteps).all()


@pytest.mark.parametrize(("timesteps", "batch"), [(5, 5), (5, 20), (25, 50)])
def test_a_batch_hits_each_discrete_time_equally(timesteps: int, batch: int) -> None:
    """Strata finer than the steps, and dividing them: exactly batch / T each."""
    t = drawn(DiscreteTimes(timesteps=timesteps), batch)
    counts = torch.bincount((t * timesteps).round().long(), minlength=timesteps + 1)
    assert counts.tolist() == [0] + [batch // timesteps] * timesteps


def test_small_batches_hit_each_discrete_time_equally_in_the_long_run() -> None:
    """Batches of 2 over 25 steps: 20,000 draws put 800 on each, give or take 28; five of those."""
    t = drawn(DiscreteTimes(timesteps=25), 2, 10_000)
    counts = torch.bincount((t * 25).round().long(), minlength=26)[1:]
    assert (counts - 800).abs().max() < 5 * 28


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-1.2, 0.7), (1.0, 2.0)])
def test_logit_normal_has_the_normals_quantiles(mean: float, std: float) -> None:
    """With 4,096 strata the quantile q lies within one stratum, 2.5e-4 of q."""
    t = drawn(LogitNormalTimes(mean=mean, std=std), 4096).sort().values
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        below = (
            t < torch.sigmoid(torch.distributions.Normal(mean, std).icdf(torch.tensor(q)))
        ).sum()
        assert below.item() / 4096 == pytest.approx(q, abs=1 / 4096)


def test_logit_normal_stays_finite_at_both_ends_of_u() -> None:
    u = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    t = LogitNormalTimes().draw(u, torch.tensor([0, 0]), 1)
    assert t.isfinite().all()
    assert (t > 0).all()
    assert (t < 1).all()


def test_cosine_times_have_esser_and_others_density() -> None:
    """Its integral in closed form, atan(t / (1 - t)) 2 / pi, is the share of times below t.

    With 4,096 strata it lies within one stratum, 2.5e-4; autograd is exact to rounding.
    """
    t = torch.linspace(0.01, 0.99, 50, dtype=torch.float64, requires_grad=True)
    below = (t / (1 - t)).atan() * 2 / math.pi
    (density,) = torch.autograd.grad(below.sum(), t)
    assert torch.allclose(density, 2 / (math.pi - 2 * math.pi * t + 2 * math.pi * t**2))
    drawn_times = drawn(CosineTimes(), 4096)
    counted = (drawn_times < t.detach()[:, None]).double().mean(dim=1)
    assert (counted - below).abs().max() <= 1 / 4096


def test_cosine_times_show_a_flow_schedule_the_cosine_schedules_log_snrs() -> None:
    """Uncut curves; float64 roundings where 1 - t is down to 3e-4."""
    t, u = drawn(CosineTimes(), 4096), drawn(StratifiedTimes(), 4096)
    assert torch.allclose(FlowSchedule().curve(t), CosineSchedule().curve(u), atol=1e-11)


def test_cosine_times_stay_within_the_unit_interval() -> None:
    u = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    t = CosineTimes().draw(u, torch.tensor([0, 0]), 1)
    assert ((t >= 0) & (t <= 1)).all()


@pytest.mark.parametrize(
    "times",
    [
        {"kind": "discrete", "timesteps": 0},
        {"kind": "discrete"},
        {"kind": "logit_normal", "std": 0},
    ],
)
def test_impossible_times_are_refused(times: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"times\."):
        parse(StageConfig, json.dumps(stage_of(16, times=times)), "here")
