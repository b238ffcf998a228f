from functools import partial

import pytest
import torch
from torch import nn

from minimagen.training.ema import EMA, warmed_up


def test_the_average_is_the_weighted_sum_of_what_it_saw() -> None:
    """decay = min(largest, (1 + n) / (10 + n)), written out for three updates."""
    network = nn.Linear(1, 1, bias=False)
    values = [5.0, 2.0, -1.0, 4.0]
    with torch.no_grad():
        network.weight.fill_(values[0])
    ema = EMA(network, partial(warmed_up, largest=0.15))
    expected = values[0]
    for n, (value, decay) in enumerate(zip(values[1:], [0.1, 0.15, 0.15], strict=True)):
        with torch.no_grad():
            network.weight.fill_(value)
        ema.update(network, n)
        expected = decay * expected + (1 - decay) * value
    assert ema.network.weight.item() == pytest.approx(expected, rel=1e-6)


def test_buffers_are_copied_and_nothing_needs_a_gradient() -> None:
    network = nn.BatchNorm1d(2)
    ema = EMA(network, partial(warmed_up, largest=0.9))
    network.running_mean.fill_(7.0)
    ema.update(network, 0)
    assert torch.equal(ema.network.running_mean, network.running_mean)
    assert not any(p.requires_grad for p in ema.network.parameters())
    assert not ema.network.training
