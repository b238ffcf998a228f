"""Networks that take turns on a device too small for all of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def visiting(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Let a network be on a device while what runs inside runs; after that it goes home.

    One that is there already stays there.
    """
    home = next(network.parameters()).device
    if home.type == device.type and device.index in (None, home.index):
        yield
        return
    network.to(device)
    try:
        yield
    finally:
        network.to(home)
