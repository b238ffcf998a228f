"""The shipped parameter directories: they read, and are as large as they say."""

import pytest

from minimagen.cascade import CascadeConfig
from minimagen.models.cost import Cost, cost_of
from minimagen.training.config import TrainingConfig
from tests.conftest import ROOT

TEXT_WIDTH = {
    "t5-tiny": 64,
    "t5-scenes": 64,
    "google/t5-v1_1-large": 1024,
    "google/t5-v1_1-xxl": 4096,
}


def costs(name: str) -> list[Cost]:
    """Count every network of a directory, at the size it is trained on."""
    cascade = CascadeConfig.read(ROOT / name)
    width = TEXT_WIDTH[cascade.imagen.text_encoder.name]
    return [
        cost_of(unet, stage.crop or stage.size, text_width=width, lowres=i > 0)
        for i, (stage, unet) in enumerate(zip(cascade.imagen.stages, cascade.unets, strict=True))
    ]


@pytest.mark.parametrize("name", ["", "tiny", "scenes", "photos", "imagen"])
def test_it_is_a_cascade_of_64_256_and_512_px_whose_upper_networks_are_convolutional(
    name: str,
) -> None:
    cascade = CascadeConfig.read(ROOT / "parameters" / name)
    TrainingConfig.read(ROOT / "parameters" / name)
    assert [stage.size for stage in cascade.imagen.stages] == [64, 256, 512]
    assert [unet.is_convolutional for unet in cascade.unets] == [False, True, True]
    assert cascade.imagen.about


def test_digits_are_one_stage_of_a_million_weights_told_classes() -> None:
    cascade = CascadeConfig.read(ROOT / "parameters/digits")
    assert TrainingConfig.read(ROOT / "parameters/digits").data.dataset == "digits"
    assert [stage.size for stage in cascade.imagen.stages] == [64]
    assert cascade.imagen.text_encoder is not None
    assert cascade.imagen.text_encoder.kind == "labels"
    base = cost_of(cascade.unets[0], 64, text_width=128, lowres=False)
    assert base.parameters == pytest.approx(1e6, rel=0.1)
    assert cascade.imagen.about


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("parameters/tiny", 2),
        ("parameters/scenes", 3),
        ("parameters", 60),
        ("parameters/photos", 500),
        ("parameters/imagen", 3300),
    ],
)
def test_it_is_as_large_as_it_says(name: str, millions: float) -> None:
    total = sum(cost.parameters for cost in costs(name)) / 1e6
    assert total == pytest.approx(millions, rel=0.15)


def test_the_default_costs_at_most_0_9_gflop_an_image_and_stage() -> None:
    assert max(cost.flops for cost in costs("parameters")) <= 0.9e9


def test_the_paper_s_base_has_two_billion_weights() -> None:
    assert costs("parameters/imagen")[0].parameters == pytest.approx(2e9, rel=0.1)


def test_a_count_is_that_of_the_real_network() -> None:
    """Meta tensors and real ones must agree; the tiny base is small enough to build."""
    from minimagen.imagen import make_stage

    cascade = CascadeConfig.read(ROOT / "parameters/tiny")
    real = sum(p.numel() for p in make_stage(cascade, 0).network.parameters())
    assert costs("parameters/tiny")[0].parameters == real
