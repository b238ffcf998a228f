"""A stage draws each image from its number, whoever else is in the batch."""

from dataclasses import replace

import pytest
import torch

from minimagen.cascade import AugmentationConfig, SamplingConfig, StageConfig
from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.diffusion import make_denoiser
from minimagen.diffusion.guidance import autoguided, composed, guided_by_both
from minimagen.diffusion.objectives import X0Prediction
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.diffusion.thresholding import (
    DynamicThresholding,
    NoThresholding,
    StaticThresholding,
    Thresholding,
)
from minimagen.diffusion.times import DiscreteTimes, StratifiedTimes, Times
from minimagen.diffusion.weightings import UniformWeighting
from minimagen.errors import UsageError
from minimagen.lowres import prepare_lowres
from minimagen.models import UNet
from minimagen.models.unet import Level
from minimagen.sampling import SAMPLERS
from minimagen.sampling.grids import EDMGrid, discrete_grid
from minimagen.seeds import generators, normal
from minimagen.stage import Drawing, Stage
from tests.models.networks import (
    TEXT,
    awakened,
    base,
    made,
    refiner,
    unconditional,
    upscaler,
)

SIZE = 16


def stage_with(
    network: UNet,
    *,
    times: Times | None = None,
    thresholding: Thresholding | None = None,
    sampler: str = "ddim",
    **guidance: object,
) -> Stage:
    """Return a stage of 16 px: the first, or the second after one of 8 px.

    Four steps of Heun or PNDM over a wider range of noise blow up with random weights.
    """
    sampling = SamplingConfig(
        sampler=sampler,  # type: ignore[arg-type]
        steps=4,
        guidance_scale=2.0,
        grid=EDMGrid(),
        thresholding=thresholding,
        augmentation=0.2,
        **guidance,  # type: ignore[arg-type]
    )
    config = StageConfig(
        size=SIZE,
        schedule=CosineSchedule(log_snr_max=6.0, log_snr_min=-6.0),
        objective=X0Prediction(),
        weighting=UniformWeighting(),
        times=StratifiedTimes() if times is None else times,
        lowres_dropout=0.1,
        self_conditioning=0.5 if network.self_conditioned else 0.0,
        augmentation=AugmentationConfig(schedule=CosineSchedule(shift=1.0)),
        sampling=sampling,
    )
    second = network.embed_lowres_log_snr is not None
    return Stage(int(second), config, awakened(network).eval(), 8 if second else None)


def captions(batch: int, seed: int = 0) -> TextEmbedding:
    """Return random captions of three tokens."""
    source = torch.Generator().manual_seed(seed)
    tokens = torch.randn(batch, 3, TEXT, generator=source)
    return TextEmbedding(tokens, torch.ones(batch, 3, dtype=torch.bool))


SMALLER = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1


def condition(stage: Stage, numbers: range, seed: int = 5) -> Conditioning:
    """Return what the stage is told about images 0 to 3, or some of them."""
    rows = slice(numbers.start, numbers.stop)
    text = None if stage.network.reader is None else captions(4)[rows]
    lowres = None if stage.smaller is None else stage.lowres(SMALLER[rows], seed, numbers)
    return Conditioning(text, lowres)


@torch.no_grad()
def draw(stage: Stage, numbers: range, seed: int = 5, **options: object) -> torch.Tensor:
    """Draw some of the images."""
    cond = condition(stage, numbers, seed)
    how = Drawing(**options)  # type: ignore[arg-type]
    return stage.sample(cond, how, seed=seed, numbers=numbers)


@pytest.mark.parametrize("make", [base, upscaler, refiner, unconditional])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_image_is_the_same_at_any_batch_size(make: type[UNet], sampler: str) -> None:
    """Within half of a byte's step; only float32 sums differ."""
    stage = stage_with(make())
    whole = draw(stage, range(4), sampler=sampler)
    assert whole.shape == (4, 3, SIZE, SIZE)
    assert whole.abs().max() <= 1
    parts = [draw(stage, range(i, i + 1), sampler=sampler) for i in range(4)]
    assert torch.allclose(torch.cat(parts), whole, atol=0.5 / 127.5)


def test_an_image_follows_from_its_seed_and_number() -> None:
    stage = stage_with(unconditional(), sampler="ddpm")
    assert torch.equal(draw(stage, range(2)), draw(stage, range(2)))
    one, other = draw(stage, range(2))
    assert not torch.allclose(one, other, atol=0.1)
    assert not torch.allclose(draw(stage, range(2), seed=6)[0], one, atol=0.1)


def test_sampling_touches_no_global_state() -> None:
    stage = stage_with(upscaler(), sampler="ddpm")
    before = torch.get_rng_state()
    draw(stage, range(2))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_low_res_image_comes_through_the_one_door() -> None:
    """Enlarged, and noised by the augmentation's schedule at the sampling level, told for each."""
    stage = stage_with(upscaler())
    lowres = stage.lowres(SMALLER, 5, range(4))
    eps = normal(generators(range(4), 5, "stage_1", "augmentation"), (3, SIZE, SIZE))
    level = torch.full((4,), 0.2)
    expected = prepare_lowres(SMALLER, SIZE, level, eps, CosineSchedule(shift=1.0))
    assert isinstance(lowres, LowRes)
    assert torch.equal(lowres.image, expected.image)
    assert torch.equal(lowres.log_snr, expected.log_snr)


@pytest.mark.parametrize("steps", [None, 1, 9])
def test_the_grid_is_the_stages_own(steps: int | None) -> None:
    stage = stage_with(base())
    expected = EDMGrid().times(stage.config.schedule, steps or 4)
    assert torch.equal(stage.times(steps), expected)


def test_a_stage_trained_on_discrete_times_walks_them() -> None:
    stage = stage_with(base(), times=DiscreteTimes(timesteps=25))
    assert torch.equal(stage.times(), discrete_grid(25, 4))
    assert torch.equal(stage.times(25), discrete_grid(25, 25))
    with pytest.raises(UsageError, match="ask for at most 25"):
        stage.times(26)


@pytest.mark.parametrize("steps", [0, -3])
def test_no_steps_are_wrong_use(steps: int) -> None:
    with pytest.raises(UsageError, match=f"{steps} sampling steps: ask for at least 1"):
        draw(stage_with(base()), range(1), steps=steps)


def test_options_go_to_the_stage_s_own_sampler_and_to_no_other() -> None:
    """ddim with eta 1 is ddpm; asked for another sampler, the option has no meaning."""
    plain, random = stage_with(base()), stage_with(base(), sampler_options={"eta": 1.0})
    assert torch.allclose(draw(random, range(2)), draw(plain, range(2), sampler="ddpm"), atol=1e-5)
    assert not torch.allclose(draw(random, range(2)), draw(plain, range(2)), atol=1e-2)
    assert torch.equal(
        draw(random, range(2), sampler="dpmpp_2m"), draw(plain, range(2), sampler="dpmpp_2m")
    )


def test_an_unknown_sampler_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="plms: no sampler of this name; choose one of ddpm, ddim"):
        draw(stage_with(base()), range(1), sampler="plms")


def test_guidance_defaults_to_the_stages_own_and_is_off_at_one() -> None:
    stage = stage_with(base(), thresholding=NoThresholding())
    own = draw(stage, range(2))
    assert torch.equal(own, draw(stage, range(2), guidance_scale=2.0))
    sizes: list[int] = []
    stage.network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    off = draw(stage, range(2), guidance_scale=1.0)
    assert sizes == [2] * 4
    assert not torch.allclose(off, own, atol=1e-3)


def test_guidance_and_negative_text_are_the_formula_inside_a_stage() -> None:
    """One call of the denoiser, against three calls of the bare network; float32 roundings."""
    stage = stage_with(base(), thresholding=NoThresholding())
    x_t, t = torch.randn(4, 3, SIZE, SIZE), torch.full((4,), 0.5)
    cond, away = condition(stage, range(4)), captions(4, seed=9)
    level = stage.config.schedule.at(t, x_t).flat_log_snr

    def answer(text: TextEmbedding | None) -> torch.Tensor:
        return stage.network(x_t, level, Conditioning(text))

    with torch.no_grad():
        told, null, not_this = answer(cond.text), answer(cond.null().text), answer(away)
        guided = stage.denoiser(3.0)(x_t, t, cond)
        steered = stage.denoiser(3.0, away)(x_t, t, cond)
    close = 1e-4 * guided.abs().max().item()
    assert torch.allclose(guided, null + 3 * (told - null), atol=close)
    assert torch.allclose(steered, not_this + 3 * (told - not_this), atol=close)


def test_a_network_without_text_is_never_asked_twice() -> None:
    stage = stage_with(unconditional())
    sizes: list[int] = []
    stage.network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    draw(stage, range(2), guidance_scale=7.0)
    assert sizes == [2] * 4


@pytest.mark.parametrize(
    ("make", "how"), [(base, DynamicThresholding()), (upscaler, StaticThresholding())]
)
def test_by_default_a_base_is_rescaled_and_super_resolution_clamped(
    make: type[UNet], how: StaticThresholding
) -> None:
    stage = stage_with(make())
    sampling = replace(stage.config.sampling, thresholding=NoThresholding())
    free = replace(stage, config=replace(stage.config, sampling=sampling)).denoiser(1.0)
    told = torch.randn(4, 3, SIZE, SIZE), torch.full((4,), 0.5), condition(stage, range(4))
    with torch.no_grad():
        assert (free(*told).abs().amax((1, 2, 3)) > 1.5).all()
        assert torch.equal(stage.denoiser(1.0)(*told), how.wrap(free)(*told))


def rows_asked(stage: Stage) -> list[int]:
    """Return a list that grows by the size of each batch its network is asked about."""
    sizes: list[int] = []
    stage.network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    return sizes


def test_guidance_by_both_rescaled_is_what_the_stage_says_it_is() -> None:
    how = {"lowres_guidance_scale": 2.0, "guidance_rescale": 0.7}
    stage = stage_with(upscaler(), thresholding=NoThresholding(), **how)
    plain = make_denoiser(stage.network, stage.config.schedule, stage.config.objective)
    told = torch.randn(4, 3, SIZE, SIZE), torch.full((4,), 0.5), condition(stage, range(4))
    away = captions(4, seed=9)
    with torch.no_grad():
        expected = guided_by_both(plain, 3.0, 2.0, away, rescale=0.7)(*told)
        assert torch.equal(stage.denoiser(3.0, away)(*told), expected)


def test_an_interval_saves_the_other_side_at_its_steps() -> None:
    """Of four steps on Karras' grid the last two begin within log-SNR -3 and 3."""
    stage = stage_with(base(), guidance_interval=(-3.0, 3.0))
    levels = stage.config.schedule.log_snr(stage.times()[:4])
    sizes = rows_asked(stage)
    draw(stage, range(2))
    inside = (levels.abs() <= 3).tolist()
    assert sizes == [4 if guided else 2 for guided in inside]
    assert {True, False} <= set(inside)


def test_guidance_by_the_low_res_image_needs_no_text() -> None:
    network = made({"levels": (Level(width=8),)}, lowres=True, text_width=None)
    stage = stage_with(network, lowres_guidance_scale=2.0)
    one, other = draw(stage, range(2)), draw(stage_with(network), range(2))
    assert one.isfinite().all()
    assert not torch.allclose(one, other, atol=0.01)


def test_a_self_conditioned_stage_tells_each_step_the_step_before() -> None:
    """Both sides of guidance hear the same, thresholded estimate; the next walk starts afresh."""
    stage = stage_with(refiner())
    told: list[torch.Tensor | None] = []
    stage.network.register_forward_pre_hook(lambda _, inputs: told.append(inputs[2].previous))
    first = draw(stage, range(2))
    assert [previous is None for previous in told] == [True, False, False, False]
    for previous in told[1:]:
        assert previous is not None
        assert torch.equal(previous[:2], previous[2:])
        assert 0 < previous.abs().max() <= 1
    assert torch.equal(draw(stage, range(2)), first)


def test_guidance_of_the_callers_takes_the_place_of_the_stages_own() -> None:
    stage, weaker = stage_with(base()), stage_with(base())
    awakened(weaker.network, seed=3)
    other = weaker.denoiser(1.0)
    sizes = rows_asked(stage)
    steered = draw(stage, range(2), steer=lambda _, denoise: autoguided(denoise, other, 2.0))
    assert sizes == [2] * 4
    assert not torch.allclose(steered, draw(stage, range(2)), atol=0.01)
    told = captions(4)[:2]
    composing = draw(stage, range(2), steer=lambda _, denoise: composed(denoise, [(told, 2.0)]))
    assert torch.allclose(composing, draw(stage, range(2)), atol=1e-4)  # roundings of four steps
