"""Is what was drawn like the real, and is all of the real drawn? By nearest neighbours.

The manifold of a set is what lies within balls around its members, each reaching to that member's
k-th nearest neighbour. Every answer is given for one picture, so that means and their intervals can
be taken afterwards, and the odd ones looked at. All of these change with the number of pictures on
both sides: compare only sets of equal sizes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen.errors import UsageError
from minimagen.evaluation.kernel import distances

BLOCK = 1024  # rows of distances in memory at a time
K_NEAREST = 3  # of precision and recall
K_DENSE = 5  # of density and coverage


@dataclass(frozen=True)
class PrecisionRecall:
    """Which pictures lie on the other set's manifold; 0 or 1 each, float64.

    Args:
        precision: of each drawn picture, whether it could be real, (M,).
        recall: of each real picture, whether it could be drawn, (N,).
    """

    precision: Tensor
    recall: Tensor


@dataclass(frozen=True)
class DensityCoverage:
    """How densely the real manifold is filled; float64.

    Args:
        density: of each drawn picture, in how many balls of real ones it lies, over k; (M,). Its
            mean is 1 where both sets follow one law, and may be larger.
        coverage: of each real picture, 1 if a drawn one lies in its ball, (N,).
    """

    density: Tensor
    coverage: Tensor


def precision_recall(real: Tensor, drawn: Tensor, k: int = K_NEAREST) -> PrecisionRecall:
    """Judge drawn pictures by real ones and the other way round.

    Args:
        real: features, (N, D), more than k.
        drawn: features, (M, D), more than k.
        k: which nearest neighbour a ball reaches to.

    Raises:
        UsageError: for too few pictures.

    Source: Kynkäänniemi et al. 2019 (arXiv:1904.06991), eq. 1 and 2.
    """
    reach_real, reach_drawn = radii(real, k), radii(drawn, k)
    return PrecisionRecall(
        precision=_balls_around(drawn, real, reach_real).gt(0).double(),
        recall=_balls_around(real, drawn, reach_drawn).gt(0).double(),
    )


def density_coverage(real: Tensor, drawn: Tensor, k: int = K_DENSE) -> DensityCoverage:
    """Count the balls around real pictures that drawn ones lie in, and the balls that hold one.

    One odd real picture with a wide ball counts once here, where it makes precision forgiving.

    Args:
        real: features, (N, D), more than k.
        drawn: features, (M, D).
        k: which nearest neighbour a ball reaches to.

    Raises:
        UsageError: for too few pictures.

    Source: Naeem et al. 2020 (arXiv:2002.09797), eq. 3 and 4.
    """
    reach = radii(real, k)
    nearest = [
        distances(rows, drawn.double()).amin(dim=1) for rows in torch.split(real.double(), BLOCK)
    ]
    return DensityCoverage(
        density=_balls_around(drawn, real, reach) / k,
        coverage=(torch.cat(nearest) <= reach).double(),
    )


def radii(x: Tensor, k: int) -> Tensor:
    """Return the distance of each sample to its k-th nearest other one; (N, D) -> (N,).

    Raises:
        UsageError: for no more than k samples.
    """
    if len(x) <= k:
        raise UsageError(f"{len(x)} pictures have no {k} neighbours each; give {k + 1} or more")
    x = x.double()
    found = []
    for first, rows in zip(range(0, len(x), BLOCK), torch.split(x, BLOCK), strict=True):
        between = distances(rows, x)
        places = torch.arange(len(rows))
        between[places, places + first] = torch.inf  # nobody is their own neighbour
        found.append(between.kthvalue(k, dim=1).values)
    return torch.cat(found)


def _balls_around(points: Tensor, centres: Tensor, reach: Tensor) -> Tensor:
    """Count the balls that each point lies in; (M,), float64."""
    centres = centres.double()
    blocks = torch.split(points.double(), BLOCK)
    return torch.cat([(distances(rows, centres) <= reach).sum(dim=1) for rows in blocks]).double()
