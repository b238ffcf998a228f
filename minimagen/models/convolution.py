"""Convolutions that become one matrix product where few positions are left.

There, in a wide network, the work is to read the weights once. A CPU's convolution brings them into
an order of its own at every call instead, and takes four times as long. Both classes are
``nn.Conv2d`` with its weights under its names, and the same function but for the order of sums.
"""

import torch.nn.functional as F
from torch import Tensor, nn

FEW = 4  # positions; at 16 both ways take as long, at 64 the product takes twice as long


class Pointwise(nn.Conv2d):
    """A 1 x 1 convolution."""

    def __init__(self, channels: int, out_channels: int, *, bias: bool = True) -> None:
        super().__init__(channels, out_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        return _product(self, x.movedim(1, -1)) if has_few(x) else super().forward(x)


class Conv3x3(nn.Conv2d):
    """A 3 x 3 convolution, with zeros around the picture."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        return _product(self, neighbours(x)) if has_few(x) else super().forward(x)


def has_few(x: Tensor) -> bool:
    """Whether a product is the faster way; on a GPU nobody has measured it."""
    return x.device.type == "cpu" and x.shape[2] * x.shape[3] <= FEW


def neighbours(x: Tensor) -> Tensor:
    """Lay the 3 x 3 neighbours of each position side by side: (B, C, H, W) -> (B, H, W, 9 C)."""
    padded = F.pad(x.movedim(1, -1), (0, 0, 1, 1, 1, 1))  # (B, H + 2, W + 2, C)
    return padded.unfold(1, 3, 1).unfold(2, 3, 1).flatten(3)


def _product(layer: nn.Conv2d, read: Tensor) -> Tensor:
    """Multiply what each position reads by the weights: (B, H, W, N) -> (B, C', H, W)."""
    return F.linear(read, layer.weight.flatten(1), layer.bias).movedim(-1, 1)
