"""The Fréchet distance between two sets of pictures, seen as Gaussians in some features.

    |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))

With Inception's features it is FID, with DINOv2's FDD. It is never negative, and measured on N
pictures it is too large by about c / N: compare only at one N, or see :func:`extrapolated`.

Source: Dowson & Landau 1982; for pictures Heusel et al. 2017 (arXiv:1706.08500), eq. 6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen import seeds
from minimagen.errors import UsageError
from minimagen.evaluation.statistics import Statistics

LEAST_EXTRAPOLATED = 16  # pictures that a distance is extrapolated from


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """Return the Fréchet distance of the Gaussians with these means and covariances, at least 0."""
    assert a.width == b.width, "both sets are seen through one network"
    root = _square_root(a.covariance)
    # C_a C_b has the eigenvalues of the symmetric  C_a^(1/2) C_b C_a^(1/2).
    cross = _sum_of_roots(root @ b.covariance @ root)
    between = (a.mean - b.mean).square().sum()
    return _distance(between, a.covariance.trace() + b.covariance.trace(), cross)


def frechet_to(reference: Statistics) -> Callable[[Tensor], float]:
    """Return the Fréchet distance to a set as a function of features (N, D).

    The root of the reference's covariance is taken once. And a set of N pictures spans no more than
    N dimensions, so no eigenvalues of a matrix larger than N or D are looked for: many small sets
    can be compared with 2,048 features, as a bootstrap does.
    """
    root, trace = _square_root(reference.covariance), reference.covariance.trace()

    def distance(features: Tensor) -> float:
        x = features.detach().to("cpu", torch.float64)
        mean = x.mean(dim=0)
        away = (x - mean) / max(1, len(x) - 1) ** 0.5  # C = away^T away
        seen = away @ root  # seen^T seen = root C root; seen seen^T has the same eigenvalues
        cross = _sum_of_roots(seen @ seen.T if len(x) < len(root) else seen.T @ seen)
        between = (mean - reference.mean).square().sum()
        return _distance(between, away.square().sum() + trace, cross)

    return distance


@dataclass(frozen=True)
class Extrapolation:
    """The Fréchet distance at several numbers of pictures, and the line  distance = limit + c / N.

    Args:
        counts: numbers of pictures, N.
        distances: the mean distance of that many.
        limit: of endlessly many: the biased estimates' common end.
        slope: c.
    """

    counts: tuple[int, ...]
    distances: tuple[float, ...]
    limit: float
    slope: float


def extrapolated(
    features: Tensor,
    reference: Statistics,
    *,
    points: int = 6,
    draws: int = 8,
    seed: int = 0,
) -> Extrapolation:
    """Measure the distance of parts of a set, and go on along the line to endlessly many pictures.

    Args:
        features: of the pictures that are judged, (N, D), N at least :data:`LEAST_EXTRAPOLATED`.
        reference: what they are compared with; its own bias stays, so it should be large.
        points: how many sizes, evenly spaced in 1 / N from a quarter of the set to all of it.
        draws: parts of each size that are averaged.
        seed: which parts follows from it.

    Raises:
        UsageError: for fewer pictures.

    Source: Chong & Forsyth 2020 (arXiv:1911.07023), sec. 4.
    """
    total = len(features)
    if total < LEAST_EXTRAPOLATED:
        raise UsageError(
            f"{total} pictures are too few to extrapolate a Fréchet distance; "
            f"give {LEAST_EXTRAPOLATED} or more"
        )
    distance = frechet_to(reference)
    counts = _counts(total, points)
    distances = [
        sum(distance(features[rows]) for rows in _parts(total, count, draws, seed))
        / len(_parts(total, count, draws, seed))
        for count in counts
    ]
    slope, limit = _line([1 / count for count in counts], distances)
    return Extrapolation(tuple(counts), tuple(distances), limit, slope)


def _counts(total: int, points: int) -> list[int]:
    inverse = torch.linspace(4 / total, 1 / total, points, dtype=torch.float64)
    return [round(1 / each) for each in inverse.tolist()]


def _parts(total: int, count: int, draws: int, seed: int) -> list[Tensor]:
    """Draw parts of a set without putting back; the whole set is drawn once."""
    if count == total:
        return [torch.arange(total)]
    return [
        seeds.permutation(total, seed, "extrapolated", count, draw)[:count] for draw in range(draws)
    ]


def _line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Fit  y = slope x + limit  by least squares."""
    design = torch.tensor([[each, 1.0] for each in x], dtype=torch.float64)
    wanted = torch.tensor(y, dtype=torch.float64)
    slope, limit = torch.linalg.lstsq(design, wanted).solution.tolist()
    return slope, limit


def _distance(between: Tensor, traces: Tensor, cross: float) -> float:
    return max(0.0, (between + traces).item() - 2 * cross)


def _square_root(covariance: Tensor) -> Tensor:
    """Return the symmetric root of a symmetric matrix that is nowhere negative."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root


def _sum_of_roots(symmetric: Tensor) -> float:
    found: float = torch.linalg.eigvalsh(symmetric).clamp(min=0).sqrt().sum().item()
    return found
