"""How far apart two sets of pictures are, by the mean and the covariance of a few features."""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
WIDTHS = 3, 16, 32  # channels of the fixed network


def frechet_distance(a: Floats, b: Floats) -> float:
    """Return  |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)),  C the covariances.

    It is 0 between Gaussians that are alike, and grows as fewer samples are looked at: compare
    only sets of one size.

    Args:
        a: features of one set, (N, D).
        b: of the other, (M, D).

    Source: Dowson & Landau 1982; for pictures Heusel et al. 2017 (arXiv:1706.08500).
    """
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    # C_a C_b has the eigenvalues of the symmetric  C_a^(1/2) C_b C_a^(1/2).
    root = _square_root(cov_a)
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(min=0)).sum()
    between = float(((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum())
    return between + float(np.trace(cov_a) + np.trace(cov_b) - 2 * cross)


def _square_root(covariance: Floats) -> Floats:
    """Return the symmetric root of a symmetric matrix that is nowhere negative."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(values.clip(min=0))) @ vectors.T)


def fixed_features(pictures: NDArray[np.uint8]) -> Floats:
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
    return _pooled(x, colours).double().numpy()


def _pooled(x: Tensor, colours: Tensor) -> Tensor:
    return torch.cat([x.mean(dim=(2, 3)), x.std(dim=(2, 3)), colours], dim=1)
