"""Counting by arithmetic agrees with counting; the real count is tested on the shipped files."""

import pytest
import torch
from torch import Tensor

from minimagen.conditioning import Conditioning
from minimagen.models.cost import cost_of, flops_about, training_cost_of, weights_at_least
from minimagen.models.unet import Level, UNet, UNetConfig

LEVELS = {
    "plain": Level(width=64, blocks=2),
    "self-attention": Level(width=64, blocks=2, self_attention=True),
    "cross-attention": Level(width=64, blocks=2, cross_attention=True),
    "wider inside": Level(width=64, blocks=2, hidden=96),
}


@pytest.mark.parametrize("coarse", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("fine", LEVELS.values(), ids=LEVELS)
def test_the_quick_count_is_most_of_the_real_one_and_never_more(fine: Level, coarse: Level) -> None:
    """0.6: what it leaves out, the first and last layers, is a smaller share in larger networks."""
    config = UNetConfig(levels=(fine, coarse), embedding=64, text=64)
    real = cost_of(config, 16, text_width=64, lowres=True).parameters
    assert 0.6 * real < weights_at_least(config) <= real


def test_the_quick_count_of_a_large_network_is_nearly_the_real_one() -> None:
    config = UNetConfig(levels=(Level(width=1024, blocks=3), Level(width=2048, blocks=3)))
    real = cost_of(config, 8, text_width=512, lowres=False).parameters
    assert 0.95 * real < weights_at_least(config) <= real


@pytest.mark.parametrize("coarse", ["plain", "cross-attention"])
@pytest.mark.parametrize("patch", [1, 4])
def test_the_quick_estimate_of_operations_is_near_the_real_count(coarse: str, patch: int) -> None:
    """A third: it is for how long a run takes, and leaves out the first and last layers."""
    levels = (Level(width=32), LEVELS[coarse])
    config = UNetConfig(levels=levels, patch=patch, embedding=64, text=64)
    real = cost_of(config, 64, text_width=64, lowres=True).flops
    assert flops_about(config, 64) == pytest.approx(real, rel=1 / 3)


def test_the_count_is_that_of_arithmetic() -> None:
    """Every convolution, linear layer and attention by hand; nothing else multiplies by weights."""
    levels = Level(width=8), Level(width=16, self_attention=True)
    config = UNetConfig(levels=levels, embedding=32, head_width=16)
    at_full, at_half = 16**2, 8**2
    steering = 2 * (32 * 32 + 32 * 32)  # the embedding of log-SNR
    steering += 2 * 32 * 2 * (8 + 16 + 16 + 16 + 8)  # scale and shift of five blocks
    steering += 2 * 32 * 3  # the gate
    fine = 9 * 3 * 8 + 2 * 9 * 8 * 8  # in, and the block on the way down
    fine += 9 * 16 * 8 + 9 * 8 * 8 + 16 * 8  # on the way up, with its shortcut
    fine += 9 * 8 * 3 + 9 * 3 * 3  # out, and what passes by
    coarse = 32 * 16 + 16 * 4 * 8  # between the levels
    coarse += 4 * 9 * 16 * 16 + 9 * 32 * 16 + 9 * 16 * 16 + 32 * 16  # three blocks
    coarse += 3 * 4 * 16 * 16 + 3 * 2 * at_half * 16  # their attention
    counted = cost_of(config, 16, text_width=None, lowres=False).flops
    assert counted == pytest.approx(steering + 2 * (at_full * fine + at_half * coarse), rel=0.01)


@pytest.mark.parametrize(("again", "passes"), [(False, 3), (True, 4)])
def test_training_takes_three_passes_and_four_when_blocks_are_computed_again(
    again: bool, passes: int
) -> None:
    """8 %: the first layer needs no gradient of its input, a block's last one is not done again."""
    config = UNetConfig(levels=(Level(width=64, blocks=3),), gradient_checkpointing=again)
    forward = cost_of(config, 16, text_width=None, lowres=False).flops
    training = training_cost_of(config, 16, text_width=None, lowres=False)
    assert training.flops == pytest.approx(passes * forward, rel=0.08)


def test_what_is_saved_is_what_a_real_network_saves() -> None:
    """The same tensors, told apart by their memory.  2 %: one of them counts the image, too."""
    config = UNetConfig(levels=(Level(width=16), Level(width=32)))
    network = UNet(config, None, lowres=False)
    pieces: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        pieces[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = network(torch.randn(1, 3, 16, 16), torch.zeros(1), Conditioning(None, None))
    assert out.requires_grad
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    real = sum(size for place, size in pieces.items() if place not in own)
    counted = training_cost_of(config, 16, text_width=None, lowres=False).saved_bytes
    assert counted == pytest.approx(real, rel=0.02)


def test_computing_blocks_again_saves_memory() -> None:
    costs = [
        training_cost_of(
            UNetConfig(levels=(Level(width=64, blocks=3),), gradient_checkpointing=again),
            16,
            text_width=None,
            lowres=False,
        )
        for again in (False, True)
    ]
    assert costs[1].saved_bytes < 0.5 * costs[0].saved_bytes
