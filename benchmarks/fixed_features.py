"""Features of pictures that nobody trained, so nobody can have trained for them."""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

WIDTHS = 3, 16, 32  # channels of the fixed network


def fixed_features(pictures: NDArray[np.uint8]) -> Tensor:
    """Return features of pictures from a small network whose weights are random and always alike.

    Two layers of 3 x 3 filters and ReLU, halved in between; of every channel the mean and the
    standard deviation over the picture, and of every colour the mean: (N, 67). Such a network was
    trained on nothing, so it is nobody's friend.

    Args:
        pictures: uint8, (N, S, S, 3).
    """
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1  # (N, 3, S, S)
    colours = x.mean(dim=(2, 3))
    draws = torch.Generator().manual_seed(0)
    for channels, width in pairwise(WIDTHS):
        filters = torch.randn(width, channels, 3, 3, generator=draws) * (2 / (9 * channels)) ** 0.5
        x = F.avg_pool2d(F.conv2d(x, filters, padding=1).relu(), 2)
    return _pooled(x, colours).double()


def _pooled(x: Tensor, colours: Tensor) -> Tensor:
    return torch.cat([x.mean(dim=(2, 3)), x.std(dim=(2, 3)), colours], dim=1)
