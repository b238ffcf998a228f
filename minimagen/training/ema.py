"""Averaged weights, what sampling and validation use."""

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


class EMA(Generic[N]):
    """An exponential moving average of a network's weights, in float32; buffers are copied.

        decay = min(max_decay, (1 + n) / (10 + n)),   n the updates so far

    Args:
        network: the network that is trained.
        max_decay: the decay after the warm-up.
    """

    def __init__(self, network: N, max_decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.max_decay = max_decay

    @torch.no_grad()
    def update(self, network: nn.Module, updates: int) -> None:
        """Move towards the network's weights.

        Args:
            network: the network that is trained.
            updates: how many updates came before this one.
        """
        decay = min(self.max_decay, (1 + updates) / (10 + updates))
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)
        for average, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            average.copy_(buffer)
