"""What holds for every sampler, and what is exact on Gaussian data.

All tests run over ``SAMPLERS``: a new entry is tested by being there, and must state its order.
"""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from minimagen.diffusion import Schedule
from minimagen.diffusion.schedules import CosineSchedule, FlowSchedule, LinearBetaSchedule
from minimagen.errors import UsageError
from minimagen.sampling import (
    SAMPLERS,
    Sampler,
    ddim,
    ddpm,
    euler,
    euler_ancestral,
    heun,
    lms,
    options_of,
    unipc,
)
from minimagen.sampling.grids import EDMGrid, KarrasGrid, LogSNRGrid, UniformGrid, truncated
from minimagen.seeds import generators, normal
from tests.sampling.gaussian import COLOURFUL, GaussianData, error, start

WALKS: dict[str, Sampler] = {
    **SAMPLERS,
    "unipc, order 1": partial(unipc, order=1),
    "unipc, order 3": partial(unipc, order=3),
    "lms, order 2": partial(lms, order=2),
    "lms, order 3": partial(lms, order=3),
    "ddim, eta 0.5": partial(ddim, eta=0.5),
    "ddpm, large variance": partial(ddpm, variance="large"),
    "euler, churn 20": partial(euler, churn=20.0),
    "heun, churn 20": partial(heun, churn=20.0),
}
ORDERS = {
    "ddim": 1,
    "euler": 1,
    "heun": 2,
    "dpmpp_1s": 1,
    "dpmpp_2s": 2,
    "dpmpp_2m": 2,
    "dpmpp_3m": 2,  # not 3: the published weight of the bend is half the exact one
    "unipc, order 1": 2,  # the corrector adds one
    "unipc": 3,
    "unipc, order 3": 4,
    "pndm": 2,  # order 4 on steps equal in r, but they are not
    "lms, order 2": 2,
    "lms, order 3": 3,
    "lms": 4,
}
CALLS_OF_7_STEPS = {"heun": 2 * 7 - 1, "dpmpp_2s": 2 * 7, "pndm": 7 + 3 * 3}
STOCHASTIC = set(WALKS) - set(ORDERS)
ANCESTRAL = sorted(name for name in STOCHASTIC if "churn" not in name)  # churn follows the flow
SCHEDULES = [CosineSchedule(), LinearBetaSchedule(), FlowSchedule()]
GRIDS = [UniformGrid(), LogSNRGrid(), KarrasGrid()]

some = settings(max_examples=15, deadline=None)
every_sampler = pytest.mark.parametrize("name", WALKS)
deterministic = pytest.mark.parametrize("name", ORDERS)
stochastic = pytest.mark.parametrize("name", sorted(STOCHASTIC))
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
every_grid = pytest.mark.parametrize("grid", GRIDS, ids=lambda g: g.kind)


def test_every_sampler_states_its_order_and_can_be_asked_for_by_name() -> None:
    drawing = {"ddpm", "euler_ancestral", "dpmpp_2m_sde"}
    assert set(SAMPLERS) - drawing == set(SAMPLERS) & set(ORDERS)
    assert options_of("dpmpp_2m") == {}
    assert set(options_of("ddim")) == {"eta"}


@deterministic
@every_schedule
def test_sampler_converges_at_its_order(name: str, schedule: Schedule) -> None:
    """On a uniform log-SNR grid, half the step is 2^order less error.

    0.3 is what is left of the next order's term at these steps, 0.05 to 0.15 of log-SNR.
    """
    coarse, fine = (error(WALKS[name], n, schedule, LogSNRGrid()) for n in (200, 400))
    assert math.log2(coarse / fine) == pytest.approx(ORDERS[name], abs=0.3)


@deterministic
@every_schedule
@every_grid
def test_every_grid_leads_to_the_exact_solution(
    name: str, schedule: Schedule, grid: UniformGrid | LogSNRGrid | KarrasGrid
) -> None:
    """Within 5 % of the widest pixel after 200 steps, what the first-order sampler needs."""
    assert error(WALKS[name], 200, schedule, grid) < 0.05


@deterministic
@every_schedule
def test_walked_backwards_a_sampler_inverts_itself(name: str, schedule: Schedule) -> None:
    """From a picture to its noise along the exact flow, and back to the picture.

    400 steps; 5 % of the widest pixel, and of the noise, is what the first-order samplers need.
    """
    noise = start((8, 6, 1, 1))
    times = LogSNRGrid().times(schedule, 400)
    picture = COLOURFUL.flow(noise, times[0], times[-1], schedule)
    denoise = COLOURFUL.denoiser(schedule)
    found = WALKS[name](denoise, picture, times.flip(0), schedule)
    back = WALKS[name](denoise, found, times, schedule)
    assert (found - noise).abs().max() < 0.05 * noise.abs().max()
    assert (back - picture).abs().max() < 0.05


@pytest.mark.parametrize("name", ANCESTRAL)
def test_a_sampler_that_draws_cannot_be_walked_backwards(name: str) -> None:
    times = UniformGrid().times(SCHEDULES[0], 4).flip(0)
    with pytest.raises(UsageError, match="cannot be run backwards; take a deterministic one"):
        WALKS[name](COLOURFUL.denoiser(SCHEDULES[0]), start((1, 6, 1, 1)), times, SCHEDULES[0])


@pytest.mark.parametrize(
    ("name", "grid", "figure"),
    [
        ("ddim", UniformGrid(), 5.1e-2),
        ("dpmpp_2m", UniformGrid(), 1.0e-3),
        ("dpmpp_2m", LogSNRGrid(), 1.2e-2),
    ],
)
def test_25_steps_of_the_cosine_schedule_are_as_exact_as_documented(
    name: str, grid: UniformGrid | LogSNRGrid, figure: float
) -> None:
    """Data of standard deviation 0.3 from noise of size 2, where errors are proportional to it.

    The cap on 2M's extrapolation makes the difference: its last step of a grid uniform in t is 6 to
    8 times the one before, and free extrapolation would leave 1.5e-1. Figures have two digits.
    """
    zero = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    data = GaussianData(mean=zero, std=zero + 0.3)
    assert error(WALKS[name], 25, CosineSchedule(), grid, data, zero + 2) == pytest.approx(
        figure, rel=0.05
    )


@stochastic
def test_stochastic_sampler_reproduces_mean_and_covariance(name: str) -> None:
    """Two correlated channels; each of n = 16,384 pixels is one sample.

    Standard errors: of a mean sqrt(var / n) = 0.008, of a covariance sqrt(2 / n) var = 0.011.
    Tolerance: four of those, and for the covariance 0.01 more, by which steps of 0.018 in log-SNR
    leave it short (a shortfall of 0.6 times the step, worked out from the posterior's recursion).
    The noise it starts from is one whose own mean is within one standard error.
    """
    schedule = CosineSchedule(log_snr_max=9, log_snr_min=-9)
    mean = torch.tensor([0.5, -0.3])
    root = torch.tensor([[1.0, 0.0], [-0.5, 0.4]])
    covariance = root @ root.T

    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        at = schedule.at(t, x_t)
        alpha, sigma = at.alpha[0].item(), at.sigma[0].item()
        noisy = alpha**2 * covariance + sigma**2 * torch.eye(2)
        gain = alpha * covariance @ noisy.inverse()
        centred = x_t - alpha * mean.view(1, 2, 1, 1)
        return mean.view(1, 2, 1, 1) + torch.einsum("ij,bjhw->bihw", gain, centred)

    times = LogSNRGrid().times(schedule, 1000)
    x = start((4, 2, 64, 64), torch.float32, seed=1)
    drawn = WALKS[name](denoise, x, times, schedule, generators=generators(range(4), 1))
    samples = drawn.transpose(0, 1).flatten(1)  # (2, n)
    assert torch.allclose(samples.mean(1), mean, atol=4 * 0.008)
    assert torch.allclose(samples.cov(), covariance, atol=4 * 0.011 + 0.01)


@stochastic
def test_stochastic_sampler_draws_from_its_generators_and_no_global_state(name: str) -> None:
    def draw(seed: int) -> Tensor:
        return walk(name, start((2, 6, 2, 2)), draws=generators(range(2), seed))

    before = torch.get_rng_state()
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ANCESTRAL)
@some
@given(steps=st.integers(1, 6), batch=st.integers(1, 3))
def test_each_step_but_the_last_draws_once_from_each_generator(
    name: str, steps: int, batch: int
) -> None:
    """What is drawn last would stay in the picture; nothing else is taken from a generator."""
    x, draws = start((batch, 6, 2, 2)), generators(range(batch), 1)
    walk(name, x, draws, steps=steps)
    untouched = generators(range(batch), 1)
    for _ in range(steps - 1):
        normal(untouched, x.shape[1:])
    for used, expected in zip(draws, untouched, strict=True):
        assert torch.equal(used.get_state(), expected.get_state())


def times_for(name: str, schedule: Schedule, steps: int) -> Tensor:
    """Return a grid uniform in t; EDM's for those whose first step from r = 1,800 is a wild one."""
    grid = EDMGrid() if name.startswith(("heun", "pndm")) else UniformGrid()
    return grid.times(schedule, steps)


def walk(
    name: str,
    x: Tensor,
    draws: list[torch.Generator] | None = None,
    schedule: Schedule = SCHEDULES[0],
    steps: int = 10,
) -> Tensor:
    """Sample the Gaussian data."""
    times = times_for(name, schedule, steps)
    return WALKS[name](COLOURFUL.denoiser(schedule), x, times, schedule, generators=draws)


@deterministic
def test_deterministic_sampler_leaves_generators_untouched(name: str) -> None:
    draws = generators(range(2), 1)
    before = [source.get_state() for source in draws]
    with_draws = walk(name, start((2, 6, 2, 2)), draws)
    assert torch.equal(with_draws, walk(name, start((2, 6, 2, 2))))
    assert all(torch.equal(a, b.get_state()) for a, b in zip(before, draws, strict=True))


@every_sampler
@some
@given(data=st.data(), size=st.integers(2, 5), steps=st.integers(1, 6), seed=st.integers(0, 99))
def test_image_i_is_the_same_whatever_the_batch(
    name: str, data: st.DataObject, size: int, steps: int, seed: int
) -> None:
    """Bit for bit: all arithmetic is by pixel, and draws belong to an image."""
    first = data.draw(st.integers(0, size - 1))
    rows = slice(first, data.draw(st.integers(first + 1, size)))
    x, draws = start((size, 6, 4, 4), torch.float32, seed), generators(range(size), seed)
    own = generators(range(size)[rows], seed)
    whole = walk(name, x, draws, steps=steps)
    assert torch.equal(whole[rows], walk(name, x[rows], own, steps=steps))


@every_sampler
@pytest.mark.parametrize("steps", [1, 12, 25])
def test_both_scale_families_walk_alike(name: str, steps: int) -> None:
    """At equal log-SNRs x_t / alpha_t is the same in both, whoever walks; float64 roundings."""
    vp, flow = CosineSchedule(), FlowSchedule()
    times = LogSNRGrid().times(vp, steps)
    flow_times = flow.time(vp.log_snr(times)).clamp(0, 1)
    y = start((2, 6, 4, 4))
    drawn = []
    for schedule, grid in ((vp, times), (flow, flow_times)):
        first, last = schedule.at(grid[0], y), schedule.at(grid[-1], y)
        denoise, draws = COLOURFUL.denoiser(schedule), generators(range(2), 1)
        x = WALKS[name](denoise, y * first.alpha, grid, schedule, generators=draws)
        drawn.append(x / last.alpha)
    assert torch.allclose(drawn[0], drawn[1], atol=1e-7)


@every_sampler
@every_schedule
@pytest.mark.parametrize("steps", [1, 2, 25])
def test_a_denoiser_that_is_sure_is_believed(name: str, schedule: Schedule, steps: int) -> None:
    """Data of one picture: the walk ends there, but for the noise that sigma at t = 0 leaves."""
    picture = start((1, 3, 4, 4)).clamp(-1, 1)
    x = start((2, 3, 4, 4))
    times = UniformGrid().times(schedule, steps)
    drawn = WALKS[name](lambda x_t, t: picture.expand(2, -1, -1, -1), x, times, schedule)
    left = 10 * math.exp(-schedule.log_snr_max / 2)
    assert (drawn - picture).abs().max() < left


@every_sampler
@every_schedule
def test_float32_follows_float64(name: str, schedule: Schedule) -> None:
    """Same noise, 50 steps: float32 moves log-SNR at t = 1 by up to 1e-3, a pixel by less."""
    x = start((2, 6, 4, 4), torch.float32)
    single = walk(name, x, generators(range(2), 1), schedule, 50)
    double = walk(name, x.double(), generators(range(2), 1), schedule, 50)
    assert single.dtype == torch.float32
    assert (single - double).abs().max() < 1e-3


@every_sampler
def test_a_sampler_tells_the_denoiser_one_time_for_each_image_and_builds_no_graph(
    name: str,
) -> None:
    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        assert t.shape == (3,)
        assert t.unique().numel() == 1
        assert not torch.is_grad_enabled()
        return x_t * weight

    weight = torch.ones((), requires_grad=True)
    times = UniformGrid().times(SCHEDULES[0], 3)
    drawn = WALKS[name](denoise, start((3, 1, 2, 2)), times, SCHEDULES[0])
    assert not drawn.requires_grad


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_step_takes_one_call_or_what_its_docstring_says(name: str) -> None:
    asked = []

    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        asked.append(t)
        return COLOURFUL.denoiser(SCHEDULES[0])(x_t, t)

    times = LogSNRGrid().times(SCHEDULES[0], 7)
    SAMPLERS[name](denoise, start((1, 6, 1, 1)), times, SCHEDULES[0])
    assert len(asked) == CALLS_OF_7_STEPS.get(name, 7)


@every_sampler
def test_a_walk_can_start_anywhere_and_leaves_its_input_alone(name: str) -> None:
    """Image to image: from t = 0.5 on, as exact as a walk of its length."""
    x = start((2, 6, 1, 1))
    before = x.clone()
    times = truncated(UniformGrid().times(SCHEDULES[0], 200), 0.5)
    drawn = WALKS[name](COLOURFUL.denoiser(SCHEDULES[0]), x, times, SCHEDULES[0])
    assert torch.equal(x, before)
    if name in ORDERS:
        exact = COLOURFUL.flow(x, times[0], times[-1], SCHEDULES[0])
        assert (drawn - exact).abs().max() < 0.02


IDENTITIES = {
    "euler is ddim": ("euler", "ddim"),
    "dpmpp_1s is ddim": ("dpmpp_1s", "ddim"),
    "ddpm is ddim with eta 1": ("ddpm", partial(ddim, eta=1.0)),
    "euler_ancestral is ddpm": ("euler_ancestral", "ddpm"),
    "euler_ancestral with eta 0 is euler": (partial(euler_ancestral, eta=0.0), "euler"),
    "unipc of order 1 starts as ddim does": (partial(unipc, order=1), "ddim"),
    "one step of lms is euler's": ("lms", "euler"),
}


@pytest.mark.parametrize("claim", IDENTITIES)
@every_schedule
def test_different_papers_describe_the_same_walk(claim: str, schedule: Schedule) -> None:
    """The same draws give the same pictures, up to float64's rounding times r = 1,800 at t = 1."""
    one, other = (WALKS[who] if isinstance(who, str) else who for who in IDENTITIES[claim])
    steps = 1 if "start" in claim or "one step" in claim else 20
    x, times = start((2, 6, 4, 4)), UniformGrid().times(schedule, steps)
    drawn = [
        sampler(COLOURFUL.denoiser(schedule), x, times, schedule, generators=generators([0, 1], 3))
        for sampler in (one, other)
    ]
    assert torch.allclose(drawn[0], drawn[1], atol=1e-9)
