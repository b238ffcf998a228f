import pytest
import torch

from minimagen.evaluation.inception_score import inception_score


def test_it_is_the_number_of_things_where_each_is_sure_and_all_are_there() -> None:
    assert inception_score(torch.eye(10).repeat(3, 1)) == pytest.approx(10)


def test_it_is_1_where_nothing_is_clear_or_all_are_alike() -> None:
    assert inception_score(torch.full((6, 4), 0.25)) == pytest.approx(1)
    assert inception_score(torch.eye(4)[[2, 2, 2]]) == pytest.approx(1)


def test_it_agrees_with_torchmetrics() -> None:
    from torchmetrics.image.inception import InceptionScore

    logits = torch.randn(40, 12, generator=torch.Generator().manual_seed(0))
    score = InceptionScore(feature=torch.nn.Flatten(), splits=1)
    score.update(logits.view(-1, 3, 2, 2))
    assert inception_score(logits.softmax(1)) == pytest.approx(score.compute()[0].item(), rel=1e-4)
