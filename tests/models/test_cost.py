"""Counting by arithmetic agrees with counting; the real count is tested on the shipped files."""

import pytest

from minimagen.models.cost import cost_of, flops_about, weights_at_least
from minimagen.models.unet import Level, UNetConfig

LEVELS = {
    "plain": Level(width=64, blocks=2),
    "self-attention": Level(width=64, blocks=2, self_attention=True),
    "cross-attention": Level(width=64, blocks=2, cross_attention=True),
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
