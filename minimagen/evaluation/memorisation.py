"""Is a drawn picture a copy of one that was trained on? By the nearest of these, in some features.

Distances alone say little: a law with little room has near neighbours everywhere. So what is near
is measured by how near training pictures are to each other.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen.evaluation.kernel import distances
from minimagen.evaluation.manifold import BLOCK, radii


@dataclass(frozen=True)
class Neighbours:
    """The training pictures nearest to each drawn one, nearest first.

    Args:
        distances: (M, k), float64.
        indices: of the training pictures, (M, k), int64.
    """

    distances: Tensor
    indices: Tensor


def nearest(drawn: Tensor, trained: Tensor, count: int = 1) -> Neighbours:
    """Find the nearest training pictures.

    Args:
        drawn: features, (M, D).
        trained: features of the training pictures, (N, D).
        count: how many of them, k; as many as there are, if that is fewer.
    """
    trained = trained.double()
    found = [
        distances(rows, trained).topk(min(count, len(trained)), dim=1, largest=False)
        for rows in torch.split(drawn.double(), BLOCK)
    ]
    return Neighbours(
        torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])
    )


def authenticity(drawn: Tensor, trained: Tensor) -> Tensor:
    """Say of each drawn picture whether it is none that was trained on; 0 or 1, (M,), float64.

    It is a copy when it is nearer to its nearest training picture than that is to any other. Among
    fresh pictures of the same law about half are authentic; a generator that copies has nearly
    none, one that draws something else altogether nearly all.

    Args:
        drawn: features, (M, D).
        trained: features of the training pictures, (N, D), at least two.

    Raises:
        UsageError: for fewer.

    Source: Alaa et al. 2022 (arXiv:2102.08921), sec. 4.3.
    """
    found = nearest(drawn, trained)
    return (found.distances[:, 0] > radii(trained, 1)[found.indices[:, 0]]).double()
