"""The cascade from Python: saving, loading, and what a picture depends on."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from minimagen import Imagen
from minimagen.cascade import CascadeConfig
from minimagen.diffusion.guidance import composed
from minimagen.errors import UsageError
from tests.conftest import cascade_of

CAPTIONS = ["a red circle", "a blue square", "a large green triangle at the top right"]


@pytest.fixture
def imagen(write_parameters: Callable[..., Path]) -> Imagen:
    """Return two stages whose weights are all drawn, so that nothing is zero."""
    made = Imagen.create(CascadeConfig.read(write_parameters(cascade_of(16, 32))))
    torch.manual_seed(0)
    for stage in made.stages:
        for parameter in stage.network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    return made


def test_what_is_saved_is_loaded(imagen: Imagen, tmp_path: Path) -> None:
    imagen.save(tmp_path)
    loaded = Imagen.load(tmp_path, device="cpu")
    assert torch.equal(loaded.sample(CAPTIONS, seed=3), imagen.sample(CAPTIONS, seed=3))


def test_a_picture_does_not_depend_on_its_batch(imagen: Imagen) -> None:
    """Equal draws; one step of 255 is the rounding that other batch shapes may leave."""
    together = imagen.sample_stages(CAPTIONS, guidance_scale=2.0, seed=3)
    alone = imagen.sample_stages(CAPTIONS, guidance_scale=2.0, seed=3, batch_size=1)
    for one, other in zip(together, alone, strict=True):
        assert (one - other).abs().max() <= 2 / 255
    last = imagen.sample(CAPTIONS[2:], guidance_scale=2.0, seed=3, first_number=2)
    assert (last - together[-1][2:]).abs().max() <= 2 / 255


def test_pictures_differ_by_seed_and_by_number(imagen: Imagen) -> None:
    twice = imagen.sample([CAPTIONS[0]] * 2, seed=3)
    assert not torch.equal(twice[0], twice[1])
    assert not torch.equal(twice, imagen.sample([CAPTIONS[0]] * 2, seed=4))


def test_pictures_have_the_size_asked_for(imagen: Imagen) -> None:
    assert [picture.size for picture in imagen.generate(CAPTIONS)] == [(32, 32)] * 3
    assert imagen.generate(CAPTIONS, size=16)[0].size == (16, 16)


def test_other_sampling_draws_the_same_networks_in_another_way(imagen: Imagen) -> None:
    """And leaves the cascade it came from as it was; its encoder is not loaded twice."""
    before = imagen.sample(CAPTIONS, seed=3)
    other = imagen.with_sampling(guidance_scale=3.0, guidance_interval=(-3, 5))
    assert other.stages[0].network is imagen.stages[0].network
    assert other._encoder is imagen._encoder
    assert not torch.equal(other.sample(CAPTIONS, seed=3), before)
    assert torch.equal(imagen.sample(CAPTIONS, seed=3), before)
    same = imagen.with_sampling(guidance_scale=3.0).sample(CAPTIONS, seed=3)
    assert torch.equal(same, imagen.sample(CAPTIONS, guidance_scale=3.0, seed=3))


def test_some_stages_alone_are_sampled_in_another_way(imagen: Imagen) -> None:
    other = imagen.with_sampling(stages=[1], steps=1)
    assert [plan.how.steps for plan in other.plan()] == [2, 1]
    with pytest.raises(UsageError, match="did you mean 'steps'"):
        imagen.with_sampling(step=1)


@pytest.mark.parametrize(
    ("sampler", "option", "complaint"),
    [
        ("ddim", {"eta": 2.0}, "ddim's eta is 2.0: .* less than or equal to 1"),
        ("euler_ancestral", {"eta": -0.1}, "eta is -0.1: .* greater than or equal to 0"),
        ("heun", {"churn": -1.0}, "heun's churn is -1.0: .* greater than or equal to 0"),
        ("heun", {"eta": 0.5}, "heun has no option 'eta'; it takes churn"),
    ],
)
def test_a_samplers_option_out_of_range_is_refused(
    imagen: Imagen, sampler: str, option: dict[str, float], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        imagen.with_sampling(sampler=sampler, sampler_options=option)


@pytest.mark.parametrize(
    ("captions", "options", "complaint"),
    [
        ([], {}, r"captions: \[\] is no list of texts"),
        ("a red circle", {}, "captions: 'a red circle' is no list of texts"),
        (CAPTIONS, {"batch_size": 0}, "batch_size 0: draw at least 1"),
        (CAPTIONS, {"steps": [2] * 3, "size": 16}, "steps: 3 values for 1 stage; give 1 or 2$"),
        (
            CAPTIONS,
            {"negative_captions": "red", "guidance_scale": 1.0},
            "--NEGATIVE_CAPTION: guidance is 1 in every stage",
        ),
        (CAPTIONS, {"steer": lambda _, d: d, "guidance_scale": 3.0}, "steer: .* give it alone"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(
    imagen: Imagen, captions: list[str], options: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        imagen.sample(captions, **options)


def test_a_callers_guidance_steers_every_stage(imagen: Imagen) -> None:
    """A composition of one caption is guidance by it; 1e-4 are roundings of a few steps."""
    told = imagen.encode(CAPTIONS[:1])
    assert told is not None
    steered = imagen.sample_stages(
        CAPTIONS[:1] * 2, seed=3, steer=lambda _, denoise: composed(denoise, [(told, 3.0)])
    )
    plain = imagen.sample_stages(CAPTIONS[:1] * 2, seed=3, guidance_scale=3.0)
    for one, other in zip(steered, plain, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_a_value_for_every_stage_of_the_cascade_serves_the_first_ones_too(imagen: Imagen) -> None:
    both = imagen.plan(steps=[3, 2], sampler=["ddim", "heun"])
    [first] = imagen.plan(steps=[3, 2], sampler=["ddim", "heun"], size=16)
    assert first == both[0]
