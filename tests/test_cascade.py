"""Parameter files make a cascade or a one-line complaint."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minimagen.cascade import CascadeConfig
from minimagen.diffusion.thresholding import StaticThresholding
from minimagen.errors import ConfigError, UsageError
from tests.conftest import ROOT, cascade_of, stage_of, unet_of

Write = Callable[..., Path]


def changed(sizes: tuple[int, ...], stem: str, **changes: Any) -> dict[str, Any]:
    """Return a cascade whose second stage, or one network, is changed."""
    tree = cascade_of(*sizes)
    if stem == "stage":
        tree["imagen"]["stages"][-1] = stage_of(sizes[-1], **changes)
    else:
        tree[stem] = unet_of(**changes)
    return tree


@pytest.mark.parametrize(
    "shipped",
    sorted((ROOT / "parameters").rglob("imagen_params.json")),
    ids=lambda path: path.parent.name,
)
def test_shipped_parameters_survive_being_written(shipped: Path, tmp_path: Path) -> None:
    cascade = CascadeConfig.read(shipped.parent)
    cascade.write(tmp_path)
    assert CascadeConfig.read(tmp_path) == cascade


@pytest.mark.parametrize("sizes", [(16,), (16, 32), (8, 16, 24, 64)])
def test_cascades_of_any_length_are_read(write_parameters: Write, sizes: tuple[int, ...]) -> None:
    cascade = CascadeConfig.read(write_parameters(cascade_of(*sizes)))
    assert tuple(stage.size for stage in cascade.imagen.stages) == sizes
    assert len(cascade.unets) == len(sizes)


@pytest.mark.parametrize(
    ("tree", "complaint"),
    [
        (cascade_of(32, 32), r"stage sizes \[32, 32\] must grow from stage to stage"),
        (cascade_of(32, 16), r"stage sizes \[32, 16\] must grow"),
        (changed((16, 32), "stage", crop=64), "crop 64 is larger than the stage's size 32"),
        (changed((16, 30), "stage"), "stage 1: size 30 is no multiple of 4"),
        (changed((16, 32), "stage", crop=18), "stage 1: crop 18 is no multiple of 4"),
        (changed((16, 32), "unet_0", patch=32), "stage 0: size 16 is no multiple of 32"),
        (changed((16, 32), "unet_1", channels=1), "1 channels; pictures have 3"),
        (
            changed((16, 32), "stage", times={"kind": "discrete", "timesteps": 1}),
            "2 sampling steps are more than the 1 timesteps",
        ),
        (
            changed((16, 32), "stage", sampling={"sampler": "ddmp"}),
            '"ddmp": no sampler of this name; choose one of ddpm, ddim',
        ),
        (
            changed((16, 32), "stage", sampling={"sampler_options": {"eta": 1.0}}),
            "dpmpp_2m has no option 'eta'; it takes none",
        ),
        (
            changed((16,), "stage", sampling={"sampler": "ddpm", "sampler_options": {"eta": 1.0}}),
            "ddpm has no option 'eta'; it takes variance",
        ),
        (
            changed((16,), "stage", sampling={"sampler": "unipc", "sampler_options": {"order": 9}}),
            "unipc's order is 9: input should be 1, 2 or 3",
        ),
        (
            changed((16, 32), "stage", augmentation={"max_time": 0.05}),
            r"stage 1: sampling.augmentation 0.1 is above augmentation.max_time 0.05",
        ),
        (changed((16, 32), "stage", text_dropout=1.5), "less than or equal to 1"),
        (changed((16, 32), "stage", self_conditioning=-0.1), "greater than or equal to 0"),
        (
            changed((16, 32), "stage", sampling={"guidance_interval": [5.0, -3.0]}),
            r"guidance_interval \[5.0, -3.0\] holds no log-SNR; give the lower one first",
        ),
        (
            changed((16, 32), "stage", sampling={"lowres_guidance_scale": 2.0}),
            "lowres_guidance_scale 2 .* lowres_dropout 0 never learns",
        ),
        (
            changed((16,), "stage", lowres_dropout=0.1, sampling={"lowres_guidance_scale": 2.0}),
            "stage 0 has no low-res image to be guided by",
        ),
        (changed((16, 32), "stage", weighting={"kind": "floored_sigma", "flor": 1}), "'floor'"),
    ],
)
def test_impossible_cascades_are_refused(
    write_parameters: Write, tree: dict[str, Any], complaint: str
) -> None:
    directory = write_parameters(tree)
    with pytest.raises(ConfigError, match=complaint) as caught:
        CascadeConfig.read(directory)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sees",
    [
        {"levels": [{"width": 8, "self_attention": True}]},
        {"levels": [{"width": 8}], "coordinates": True},
    ],
)
def test_crops_are_for_convolutional_networks(
    write_parameters: Write, sees: dict[str, Any]
) -> None:
    """A crop as large as the picture is none."""
    tree = changed((16, 32), "stage", crop=16)
    tree["unet_1"] = unet_of(**sees)
    with pytest.raises(ConfigError, match="stage 1: crop 16 with self-attention or coordinates"):
        CascadeConfig.read(write_parameters(tree))
    tree["imagen"]["stages"][1]["crop"] = 32
    CascadeConfig.read(write_parameters(tree, "whole"))


def test_the_first_stage_has_no_low_res_image_to_noise(write_parameters: Write) -> None:
    tree = changed((16,), "stage", augmentation={"max_time": 0.05})
    assert CascadeConfig.read(write_parameters(tree)).imagen.stages[0].sampling.augmentation > 0.05


def test_a_missing_network_is_named(write_parameters: Write) -> None:
    tree = cascade_of(16, 32)
    del tree["unet_1"]
    directory = write_parameters(tree)
    with pytest.raises(ConfigError, match=r"unet_1_params.json: no such file"):
        CascadeConfig.read(directory)
    whole = CascadeConfig.read(write_parameters(cascade_of(16, 32), "whole"))
    with pytest.raises(ConfigError, match=r"unet_1_params.json is missing: .* has 2 stages"):
        CascadeConfig(whole.imagen, whole.unets[:1])


def test_networks_beyond_the_last_stage_are_left_alone(
    write_parameters: Write, tmp_path: Path
) -> None:
    whole = CascadeConfig.read(write_parameters(cascade_of(16, 32)))
    cut = CascadeConfig(whole.imagen.up_to(16), whole.unets)
    cut.write(tmp_path / "cut")
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == [
        "imagen_params.json",
        "unet_0_params.json",
    ]


def test_a_cascade_is_cut_at_a_stages_size_only(write_parameters: Write) -> None:
    imagen = CascadeConfig.read(write_parameters(cascade_of(8, 16, 32))).imagen
    assert imagen.up_to(16).stages == imagen.stages[:2]
    assert imagen.up_to(32) == imagen
    with pytest.raises(UsageError, match=r"--IMG_SIDE_LEN 64: .* choose one of 8, 16, 32"):
        imagen.up_to(64)


def test_a_stage_trained_without_some_low_res_images_is_guided_by_them(
    write_parameters: Write,
) -> None:
    tree = changed((16, 32), "stage", lowres_dropout=0.1, sampling={"lowres_guidance_scale": 2.0})
    stages = CascadeConfig.read(write_parameters(tree)).imagen.stages
    assert stages[1].sampling.lowres_guidance_scale == 2.0


def test_changed_sampling_leaves_the_rest_alone(write_parameters: Write) -> None:
    cascade = CascadeConfig.read(write_parameters(cascade_of(16, 32)))
    assert cascade.with_sampling({}) == cascade
    new = {"guidance_interval": (-3, 5), "thresholding": StaticThresholding()}
    first, second = cascade.with_sampling(new, stages=[1]).imagen.stages
    assert first == cascade.imagen.stages[0]
    assert second == replace(
        cascade.imagen.stages[1],
        sampling=replace(
            cascade.imagen.stages[1].sampling,
            guidance_interval=(-3.0, 5.0),
            thresholding=StaticThresholding(),
        ),
    )


@pytest.mark.parametrize(
    ("changes", "stages", "complaint"),
    [
        ({"guidance_scal": 2.0}, None, "guidance_scal; did you mean 'guidance_scale'?"),
        ({"guidance_rescale": 2.0}, None, "guidance_rescale is 2.0: .* less than or equal to 1"),
        ({"steps": 2.5}, [1], r"stages.1.sampling.steps is 2.5"),
        ({"lowres_guidance_scale": 2.0}, [1], "lowres_dropout 0 never learns"),
        ({"steps": 3}, [0, 2], "stage 2: there is none; choose from 0 to 1"),
    ],
)
def test_impossible_sampling_is_refused(
    write_parameters: Write, changes: dict[str, Any], stages: list[int] | None, complaint: str
) -> None:
    cascade = CascadeConfig.read(write_parameters(cascade_of(16, 32)))
    with pytest.raises(UsageError, match=complaint) as caught:
        cascade.with_sampling(changes, stages)
    assert "\n" not in str(caught.value)
