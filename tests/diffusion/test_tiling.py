"""Pieces of a picture are the picture."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from minimagen.conditioning import Conditioning, LowRes
from minimagen.diffusion import Denoiser, make_denoiser
from minimagen.diffusion.objectives import X0Prediction
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.diffusion.tiling import tiled, tiles
from minimagen.models import UNet
from minimagen.models.reach import reach
from tests.models.networks import awakened, inputs_for, refiner, source, upscaler

ROUNDING = 1e-5  # of sums of some hundred float32 terms, as a share of the largest value
SIDES = [(64, 64), (48, 88), (8, 200)]  # height and width


@pytest.mark.parametrize("sides", SIDES)
def test_tiles_cover_a_picture_once(sides: tuple[int, int]) -> None:
    count = torch.zeros(sides)
    for tile in tiles(sides, 24, 16):
        count[tile.inner] += 1
        asked = torch.arange(sides[0] * sides[1]).view(sides)
        assert torch.equal(asked[tile.outer][tile.cut], asked[tile.inner])
    assert torch.equal(count, torch.ones(sides))


def wide(network: UNet, sides: tuple[int, int]) -> tuple[Tensor, Tensor, Conditioning]:
    """Return x_t, times and a condition of a batch of two large pictures."""
    x_t, more, last = torch.randn(3, 2, 3, *sides, generator=source(0)).unbind()
    _, _, cond = inputs_for(network, batch=2)
    lowres = LowRes(more, torch.tensor([3.0, 5.0]))
    previous = last if network.self_conditioned else None
    return x_t, torch.tensor([0.3, 0.8]), replace(cond, lowres=lowres, previous=previous)


def denoiser(network: UNet) -> Denoiser:
    return make_denoiser(network, CosineSchedule(), X0Prediction())


@pytest.mark.parametrize("make", [upscaler, refiner])
@pytest.mark.parametrize("sides", SIDES)
@torch.no_grad()
def test_tiles_with_all_that_counts_around_them_are_the_whole(
    make: Callable[[], UNet], sides: tuple[int, int]
) -> None:
    network = awakened(make())
    halo = reach(network.config)
    assert halo is not None
    whole = denoiser(network)(*wide(network, sides))
    pieces = tiled(denoiser(network), 16, halo)(*wide(network, sides))
    assert (pieces - whole).abs().max() < ROUNDING * whole.abs().max()


@torch.no_grad()
def test_tiles_with_less_around_them_are_not() -> None:
    network = awakened(upscaler())
    whole = denoiser(network)(*wide(network, (64, 64)))
    pieces = tiled(denoiser(network), 16, 4)(*wide(network, (64, 64)))
    assert (pieces - whole).abs().max() > 1e-3 * whole.abs().max()


@torch.no_grad()
def test_it_tells_of_every_tile() -> None:
    network, told = upscaler(), []
    tiled(denoiser(network), 32, 16, lambda: told.append(1))(*wide(network, (64, 88)))
    assert len(told) == 2 * 3
