"""Distances between two sets of samples by how alike their members are, two at a time.

    MMD^2 = E k(X, X') + E k(Y, Y') - 2 E k(X, Y)

0 exactly when X and Y follow one law (for these kernels but the polynomial one, which compares
moments up to the third). The estimates are U-statistics, without the pairs of a sample with itself:
unbiased, whatever the number of pictures, so between sets of one law they scatter around 0 and may
be negative. Means and covariances say nothing here; a set of 100 pictures can be judged.

Source: Gretton et al. 2012, "A kernel two-sample test", lemma 6.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Kernel = Callable[[Tensor, Tensor], Tensor]  # (N, D), (M, D) -> (N, M)
BLOCK = 1024  # rows in memory at a time
NARROW = 256  # features
SIGMA = 10.0  # of the Gaussian kernel, between features of length 1
CMMD_SCALE = 1000.0


def polynomial(a: Tensor, b: Tensor) -> Tensor:
    """Return  (a . b / D + 1)^3.  Binkowski et al. 2018 (arXiv:1801.01401), sec. 4."""
    return (a @ b.T / a.shape[1] + 1) ** 3


def gaussian(a: Tensor, b: Tensor) -> Tensor:
    """Return  exp(-|a - b|^2 / (2 sigma^2)),  sigma = 10.  Jayasumana et al. 2023, sec. 4."""
    return (-distances(a, b).square() / (2 * SIGMA**2)).exp()


def closeness(a: Tensor, b: Tensor) -> Tensor:
    """Return  -|a - b|,  whose MMD^2 is the energy distance."""
    return -distances(a, b)


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Return |a - b| of all pairs, (N, M).

    Of few features a pair at a time, so that small distances keep their digits; of many by a matrix
    product, ten times as fast and in float64 right to 1e-8 of the features' length.
    """
    few = a.shape[1] <= NARROW
    how = "donot_use_mm_for_euclid_dist" if few else "use_mm_for_euclid_dist"
    return torch.cdist(a, b, compute_mode=how)


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Return KID, the MMD^2 of the polynomial kernel.

    Args:
        a: features of one set, (N, D), at least two.
        b: of the other, (M, D), at least two.
    """
    return mmd(a, b, polynomial)


def clip_distance(a: Tensor, b: Tensor) -> float:
    """Return CMMD, 1000 times the MMD^2 of the Gaussian kernel between features of length 1.

    The paper's own program keeps the pairs of a sample with itself, which adds about 10 / N.

    Args:
        a: CLIP's features of one set, (N, D), at least two.
        b: of the other, (M, D), at least two.

    Source: Jayasumana et al. 2023 (arXiv:2401.09603), sec. 4.
    """
    return CMMD_SCALE * mmd(F.normalize(a, dim=1), F.normalize(b, dim=1), gaussian)


def energy_distance(a: Tensor, b: Tensor, block: int = BLOCK) -> float:
    """Return  2 E|X - Y| - E|X - X'| - E|Y - Y'|.

    Args:
        a: samples of X, (N, D), at least two.
        b: samples of Y, (M, D), at least two.
        block: rows of distances in memory at a time.

    Source: Szekely & Rizzo 2013, "Energy statistics: a class of statistics based on distances".
    """
    return mmd(a, b, closeness, block)


def mmd(a: Tensor, b: Tensor, kernel: Kernel, block: int = BLOCK) -> float:
    """Estimate MMD^2 without bias, in memory that does not grow with the sets.

    Args:
        a: samples of X, (N, D), at least two.
        b: samples of Y, (M, D), at least two.
        kernel: k, of whole blocks.
        block: rows of k in memory at a time.
    """
    a, b = a.double(), b.double()
    between = _total(a, b, kernel, block) / (len(a) * len(b))
    return _within(a, kernel, block) + _within(b, kernel, block) - 2 * between


def resampled_mmd(a: Tensor, b: Tensor, kernel: Kernel) -> Callable[[Tensor, Tensor], float]:
    """Return MMD^2 as a function of numbers of rows, for a bootstrap of sets that fit into memory.

    Pairs of a sample with a copy of itself are left out too, so that drawing one twice does not
    bring the two sets nearer.

    Args:
        a: samples of X, (N, D).
        b: samples of Y, (M, D).
        kernel: k; all pairs are kept, in float64.

    Returns:
        A function of rows of a and rows of b, each (n,) int64, which may repeat.
    """
    a, b = a.double(), b.double()
    within_a, within_b, between = kernel(a, a), kernel(b, b), kernel(a, b)

    def measure(rows_a: Tensor, rows_b: Tensor) -> float:
        times_a, times_b = _times(rows_a, len(a)), _times(rows_b, len(b))
        across = times_a @ between @ times_b / (times_a.sum() * times_b.sum())
        own = _mean_of_pairs(within_a, times_a) + _mean_of_pairs(within_b, times_b)
        return (own - 2 * across).item()

    return measure


def _times(rows: Tensor, count: int) -> Tensor:
    return torch.bincount(rows, minlength=count).double()


def _mean_of_pairs(values: Tensor, times: Tensor) -> Tensor:
    """Average over pairs of different samples, each as often as it was drawn."""
    own = times.square()
    total = times @ values @ times - (own * values.diagonal()).sum()
    return total / (times.sum() ** 2 - own.sum())


def _within(x: Tensor, kernel: Kernel, block: int) -> float:
    own = sum(kernel(row[None], row[None]).item() for row in x)
    return (_total(x, x, kernel, block) - own) / (len(x) * (len(x) - 1))


def _total(a: Tensor, b: Tensor, kernel: Kernel, block: int) -> float:
    """Sum k over all pairs."""
    return sum(kernel(rows, b).sum().item() for rows in torch.split(a, block))
