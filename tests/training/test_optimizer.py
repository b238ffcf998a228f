import copy

import pytest
import torch
from torch import nn

from minimagen.training.config import OptimizerConfig
from minimagen.training.optimizer import (
    load_state_tensors,
    make_optimizer,
    rate_factor,
    state_tensors,
)


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    config = OptimizerConfig(warmup_steps=4, decay_share=0.2)
    factors = [rate_factor(step, 100, config) for step in range(101)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert set(factors[4:81]) == {1.0}
    assert factors[90] == pytest.approx(0.5)
    assert factors[100] == 0.0


def test_without_decay_the_rate_stays() -> None:
    config = OptimizerConfig(warmup_steps=0, decay_share=0.0)
    assert {rate_factor(step, 10, config) for step in range(10)} == {1.0}


def test_state_put_back_continues_bit_for_bit() -> None:
    torch.manual_seed(0)
    network = nn.Linear(4, 3)
    optimizer = make_optimizer(network, OptimizerConfig())
    _step(network, optimizer)
    other = copy.deepcopy(network)
    resumed = make_optimizer(other, OptimizerConfig())
    load_state_tensors(resumed, copy.deepcopy(state_tensors(optimizer)))
    _step(network, optimizer)
    _step(other, resumed)
    assert all(map(torch.equal, network.parameters(), other.parameters()))


def _step(network: nn.Linear, optimizer: torch.optim.Optimizer) -> None:
    network(torch.ones(2, 4)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()
