"""Precision, recall, density and coverage are what plain loops say, and answer what they ask."""

import pytest
import torch
from torch import Tensor

from minimagen.errors import UsageError
from minimagen.evaluation import manifold
from minimagen.evaluation.manifold import density_coverage, precision_recall, radii


def normal(count: int, width: int, seed: int) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)).double()


def reach_by_loops(x: Tensor, k: int) -> list[float]:
    return [
        sorted((x[i] - y).norm().item() for j, y in enumerate(x) if j != i)[k - 1]
        for i in range(len(x))
    ]


def holders(point: Tensor, centres: Tensor, reach: list[float]) -> int:
    return sum((point - c).norm().item() <= r for c, r in zip(centres, reach, strict=True))


@pytest.mark.parametrize("block", [3, 1000])
def test_they_are_what_plain_loops_say(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifold, "BLOCK", block)
    real, drawn, k = normal(17, 2, 0), normal(13, 2, 1) + 0.7, 3
    reach_real, reach_drawn = reach_by_loops(real, k), reach_by_loops(drawn, k)
    found, dense = precision_recall(real, drawn, k), density_coverage(real, drawn, k)
    counts = [holders(point, real, reach_real) for point in drawn]
    assert found.precision.tolist() == [count > 0 for count in counts]
    assert found.recall.tolist() == [holders(point, drawn, reach_drawn) > 0 for point in real]
    assert dense.density.tolist() == pytest.approx([count / k for count in counts])
    nearest = [min((r - d).norm().item() for d in drawn) for r in real]
    expected = [near <= reach for near, reach in zip(nearest, reach_real, strict=True)]
    assert dense.coverage.tolist() == expected


def test_sets_of_one_law_have_all_of_it_and_apart_nothing() -> None:
    """Of one law and 500 each, density is 1 and coverage 1 - 2^-5 on average (Naeem et al.)."""
    real, drawn = normal(500, 2, 0), normal(500, 2, 1)
    found, dense = precision_recall(real, drawn), density_coverage(real, drawn)
    assert found.precision.mean() > 0.95
    assert found.recall.mean() > 0.95
    assert dense.density.mean().item() == pytest.approx(1, abs=0.1)
    assert dense.coverage.mean().item() == pytest.approx(1 - 0.5**5, abs=0.03)
    away = precision_recall(real, drawn + 50)
    assert away.precision.sum() + away.recall.sum() == 0


def test_a_dropped_mode_costs_recall_and_a_stray_one_precision() -> None:
    left, right = normal(200, 2, 0), normal(200, 2, 1) + 20
    both, other = torch.cat([left, right]), normal(200, 2, 2)
    dropped = precision_recall(both, other)
    assert dropped.precision.mean() > 0.95
    assert dropped.recall.mean().item() == pytest.approx(0.5, abs=0.05)
    stray = precision_recall(other, both)
    assert stray.precision.mean().item() == pytest.approx(0.5, abs=0.05)
    assert stray.recall.mean() > 0.95


def test_nobody_is_their_own_neighbour_but_a_twin_is() -> None:
    assert radii(torch.tensor([[0.0], [1.0], [3.0]]), 1).tolist() == [1.0, 1.0, 2.0]
    assert radii(torch.tensor([[0.0], [0.0], [3.0]]), 1).tolist() == [0.0, 0.0, 3.0]


def test_too_few_pictures_have_no_neighbours() -> None:
    with pytest.raises(UsageError, match="3 pictures have no 3 neighbours each; give 4 or more"):
        precision_recall(normal(3, 2, 0), normal(9, 2, 1))
