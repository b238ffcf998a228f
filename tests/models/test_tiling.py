"""Parts of a picture together are the whole; 1e-5 is float32 rounding of sums in another order."""

from dataclasses import replace

import pytest
import torch

from minimagen.conditioning import LowRes
from minimagen.errors import UsageError
from minimagen.models import UNet
from minimagen.models.tiling import Tiled, margin, parts
from minimagen.models.unet import Level
from tests.models.networks import awakened, base, inputs_for, refiner, upscaler

LEVELS = (Level(width=8, cross_attention=True),)


def asked_in_tiles(network: UNet, tile: int, side: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a network's answer about a whole picture, and in tiles."""
    inputs = inputs_for(network, batch=2, side=side)
    with torch.no_grad():
        return network(*inputs), Tiled(network, network.config, tile)(*inputs)


@pytest.mark.parametrize("tile", [16, 32, 80])
@pytest.mark.parametrize("make", [upscaler, refiner])
def test_tiles_are_the_whole_picture(make: type[UNet], tile: int) -> None:
    network = awakened(make(levels=LEVELS))
    assert margin(network.config) < 32  # so that no tile of 16 px sees all of 96 px
    whole, tiled = asked_in_tiles(network, tile)
    assert torch.allclose(tiled, whole, atol=1e-5 * whole.abs().max().item())


def test_a_narrower_margin_would_be_seen() -> None:
    network = awakened(upscaler(levels=LEVELS))
    inputs = inputs_for(network, side=96)
    narrow = Tiled(network, network.config, 32)
    narrow.margin = 0
    with torch.no_grad():
        whole, tiled = network(*inputs), narrow(*inputs)
    assert (tiled - whole).abs().max() > 0.01 * whole.abs().max()


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("blocks", [(1,), (2, 1), (1, 2, 1)])
def test_nothing_beyond_the_margin_counts_and_nearly_all_within_does(
    patch: int, blocks: tuple[int, ...]
) -> None:
    """By the gradient of the answer within one cell of the coarsest level."""
    levels = tuple(Level(width=4, blocks=count) for count in blocks)
    network = awakened(upscaler(levels=levels, patch=patch))
    cell, far = network.config.size_multiple, margin(network.config)
    _, log_snr, cond = inputs_for(network, batch=1, side=8)
    x_t = torch.randn(1, 3, 16, 4 * far + cell, requires_grad=True)
    lowres = LowRes(torch.zeros(x_t.shape), log_snr)
    answer = network(x_t, log_snr, replace(cond, lowres=lowres))
    answer[..., 2 * far : 2 * far + cell].square().sum().backward()
    assert x_t.grad is not None
    seen = torch.nonzero(x_t.grad.abs().sum(dim=(0, 1, 2))).flatten().tolist()
    assert 2 * far - far <= seen[0] <= 2 * far - far + 2 * cell
    assert 3 * far + cell - 2 * cell <= seen[-1] + 1 <= 3 * far + cell


def test_parts_cover_a_side_once_and_look_no_further_than_the_picture() -> None:
    first, second, third = parts(80, 32, 20)
    assert (first.start, first.stop, first.first, first.last) == (0, 32, 0, 52)
    assert (second.start, second.stop, second.first, second.last) == (32, 64, 12, 80)
    assert (third.start, third.stop, third.first, third.last) == (64, 80, 44, 80)
    assert second.kept == slice(20, 52)


def test_what_cannot_be_tiled_says_so() -> None:
    with pytest.raises(UsageError, match="looks at the whole picture"):
        Tiled(base(), base().config, 16)
    with pytest.raises(UsageError, match="--TILE 10: give a multiple of 4 pixels"):
        Tiled(upscaler(), upscaler().config, 10)
