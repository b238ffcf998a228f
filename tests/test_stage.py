"""A stage draws each image from its number, whoever else is in the batch."""

from dataclasses import replace

import pytest
import torch

from minimagen.cascade import AugmentationConfig, SamplingConfig, StageConfig
from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
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
from minimagen.sampling import SAMPLERS
from minimagen.sampling.grids import KarrasGrid, discrete_grid
from minimagen.seeds import generators, normal
from minimagen.stage import Stage
from tests.models.networks import TEXT, awakened, base, unconditional, upscaler

SIZE = 16


def stage_with(
    network: UNet,
    *,
    times: Times | None = None,
    thresholding: Thresholding | None = None,
    sampler: str = "ddim",
) -> Stage:
    """Return a stage of 16 px: the first, or the second after one of 8 px."""
    sampling = SamplingConfig(
        sampler=sampler,  # type: ignore[arg-type]
        steps=4,
        guidance_scale=2.0,
        grid=KarrasGrid(),
        thresholding=thresholding,
        augmentation=0.2,
    )
    config = StageConfig(
        size=SIZE,
        schedule=CosineSchedule(),
        objective=X0Prediction(),
        weighting=UniformWeighting(),
        times=StratifiedTimes() if times is None else times,
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
    return stage.sample(cond, seed=seed, numbers=numbers, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [base, upscaler, unconditional])
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
    expected = KarrasGrid().times(stage.config.schedule, steps or 4)
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


def test_an_unknown_sampler_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="sampler 'plms': not known; choose one of ddpm, ddim"):
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
