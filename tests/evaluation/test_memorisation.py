import pytest
import torch
from torch import Tensor

from minimagen.evaluation import memorisation
from minimagen.evaluation.memorisation import authenticity, nearest


def normal(count: int, seed: int, width: int = 8) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def test_the_nearest_are_found_in_order() -> None:
    trained = torch.tensor([[0.0], [10.0], [4.0]])
    found = nearest(torch.tensor([[3.0], [9.0]]), trained, count=2)
    assert found.indices.tolist() == [[2, 0], [1, 2]]
    assert found.distances.tolist() == [[1.0, 3.0], [1.0, 5.0]]
    assert nearest(torch.tensor([[3.0]]), trained, count=9).indices.shape == (1, 3)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, trained = normal(23, 0), normal(40, 1)
    whole = nearest(drawn, trained, 3)
    monkeypatch.setattr(memorisation, "BLOCK", 5)
    parts = nearest(drawn, trained, 3)
    assert torch.equal(whole.indices, parts.indices)
    assert torch.equal(whole.distances, parts.distances)


def test_a_picture_that_was_trained_on_is_found_again() -> None:
    trained = normal(200, 0)
    found = nearest(trained[[5, 150]] + 1e-4, trained)
    assert found.indices[:, 0].tolist() == [5, 150]


def test_copies_are_not_authentic_fresh_pictures_are_half_the_time_and_strange_ones_always() -> (
    None
):
    """Half, give or take: a fresh picture is as likely the nearest of its neighbour as not."""
    trained = normal(500, 0)
    copies = trained[:100] + 0.01 * normal(100, 2)
    assert authenticity(copies, trained).mean() < 0.02
    assert 0.3 < authenticity(normal(500, 1), trained).mean() < 0.75
    assert authenticity(normal(100, 1) + 50, trained).mean() == 1
