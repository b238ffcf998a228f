"""How far apart two sets of samples are."""

import torch
from torch import Tensor


def energy_distance(a: Tensor, b: Tensor, block: int = 1024) -> float:
    """Estimate  2 E|X - Y| - E|X - X'| - E|Y - Y'|,  0 exactly when X and Y follow one law.

    The estimate is the U-statistic, without the pairs of a sample with itself. It is unbiased, so
    between sets of one law it scatters around 0 and may be negative.

    Args:
        a: samples of X, (N, D), at least two.
        b: samples of Y, (M, D), at least two.
        block: rows of distances in memory at a time.

    Source: Szekely & Rizzo 2013, "Energy statistics: a class of statistics based on distances".
    """
    between = _total(a, b, block) / (len(a) * len(b))
    within = [_total(x, x, block) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return 2 * between - sum(within)


def _total(a: Tensor, b: Tensor, block: int) -> float:
    """Sum the distances of all pairs."""
    exact = "donot_use_mm_for_euclid_dist"  # the other way loses the digits of small distances
    blocks = (
        torch.cdist(rows.double(), b.double(), compute_mode=exact) for rows in torch.split(a, block)
    )
    return sum(distances.sum().item() for distances in blocks)
