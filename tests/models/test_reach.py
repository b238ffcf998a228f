"""How far a network looks, against the gradient of its answer."""

import pytest
import torch
from torch import Tensor

from minimagen.conditioning import Conditioning, LowRes
from minimagen.models import UNet
from minimagen.models.reach import reach
from minimagen.models.unet import Level
from tests.models.networks import awakened, base, inputs_for, refiner, upscaler

LADDERS = {
    "one level": {"levels": (Level(width=4),), "patch": 4},
    "two": {"levels": (Level(width=4, blocks=2), Level(width=4)), "patch": 2},
    "three": {"levels": (Level(width=4), Level(width=4, blocks=2), Level(width=4)), "patch": 1},
}


def seen_from(network: UNet, box: slice, side: int) -> Tensor:
    """Return which columns the answer inside a box of columns depends on, (side,), bool."""
    _, log_snr, cond = inputs_for(network, batch=1, side=8)
    x_t = torch.randn(1, 3, 8, side, requires_grad=True)
    lowres = LowRes(torch.zeros(1, 3, 8, side), log_snr)
    answer = network(x_t, log_snr, Conditioning(cond.text, lowres, None))
    answer[..., box].square().sum().backward()
    assert x_t.grad is not None
    return x_t.grad.abs().sum(dim=(0, 1, 2)) > 0


@pytest.mark.parametrize("ladder", LADDERS.values(), ids=LADDERS)
def test_nothing_beyond_its_reach_counts_and_all_but_one_position_within_does(
    ladder: dict[str, object],
) -> None:
    network = awakened(upscaler(**ladder))
    multiple, far = network.config.size_multiple, reach(network.config)
    assert far is not None
    box = slice(4 * far, 4 * far + multiple)
    seen = torch.nonzero(seen_from(network, box, 8 * far + multiple)).flatten()
    assert box.start - far <= seen.min() <= box.start - far + multiple
    assert box.stop + far - multiple <= seen.max() + 1 <= box.stop + far


def test_what_it_was_shown_of_its_own_estimate_reaches_no_further() -> None:
    assert reach(refiner().config) == reach(upscaler().config)


def test_a_network_that_sees_everything_has_no_reach() -> None:
    assert reach(base().config) is None
