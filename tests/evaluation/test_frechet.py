"""The Frechet distance is that of Gaussians in all its forms; its bias is seen and taken off."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from minimagen.errors import UsageError
from minimagen.evaluation.bootstrap import interval
from minimagen.evaluation.frechet import extrapolated, frechet_distance, frechet_to
from minimagen.evaluation.statistics import Statistics


def gaussian(seed: int, width: int = 16) -> Statistics:
    """Return a Gaussian with a covariance of its own; two of them do not commute."""
    draws = torch.Generator().manual_seed(seed)
    root = torch.randn(width, width, generator=draws, dtype=torch.float64)
    mean = torch.randn(width, generator=draws, dtype=torch.float64)
    return Statistics(1000, mean, root @ root.T / width)


def normal(count: int, width: int, seed: int) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_scipys_matrix_root(seed: int) -> None:
    """1e-8 of distances near 30."""
    a, b = gaussian(2 * seed), gaussian(2 * seed + 1)
    root = sqrtm((a.covariance @ b.covariance).numpy())
    traces = a.covariance.trace() + b.covariance.trace() - 2 * np.trace(root).real
    expected = (a.mean - b.mean).square().sum() + traces
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-8)


def test_in_one_dimension_it_is_that_of_means_and_deviations() -> None:
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [5.5], [6.0]])
    expected = (5.5 - 1.0) ** 2 + (2**0.5 - 0.5) ** 2
    assert frechet_distance(Statistics.of(a), Statistics.of(b)) == pytest.approx(expected)


class Flat(nn.Module):
    """Shows torchmetrics a picture's own values."""

    num_features = 12

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).float()


def test_it_agrees_with_torchmetrics() -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    judge = FrechetInceptionDistance(feature=Flat(), input_img_size=(3, 2, 2), normalize=True)
    a, b = (normal(count, 12, seed) for seed, count in enumerate((40, 30)))
    b = 2 * b + 0.5
    for features, is_real in ((a, True), (b, False)):
        judge.update(features.view(-1, 3, 2, 2), real=is_real)
    own = frechet_distance(Statistics.of(a), Statistics.of(b))
    assert own == pytest.approx(judge.compute().item(), rel=1e-5)  # it answers in float32


@pytest.mark.parametrize("count", [2, 10, 16, 200])
def test_the_form_for_few_pictures_is_the_same_distance(count: int) -> None:
    """Ten pictures of 16 features have a covariance of rank 9; 1e-6 is the root of rounding."""
    features = normal(count, 16, count)
    expected = frechet_distance(Statistics.of(features), gaussian(0))
    assert frechet_to(gaussian(0))(features) == pytest.approx(expected, rel=1e-6)


def test_a_set_is_nowhere_from_itself_and_its_interval_says_so() -> None:
    features = normal(100, 8, 0)
    own = Statistics.of(features)
    assert frechet_distance(own, own) == pytest.approx(0, abs=1e-6)
    found = interval(frechet_to(own), features, within=(0, torch.inf))
    assert found.holds(0.0)


def test_two_sets_of_one_law_are_at_0_within_the_interval() -> None:
    """95 %: all of 20 intervals but at most three hold 0, though every estimate is above it."""
    founds = [
        interval(
            frechet_to(Statistics.of(normal(2000, 8, seed))),
            normal(200, 8, 100 + seed),
            draws=60,
            within=(0, torch.inf),
        )
        for seed in range(20)
    ]
    assert all(found.value > 0.05 for found in founds)
    assert sum(found.holds(0.0) for found in founds) >= 17


def test_the_interval_is_around_the_true_distance_of_different_laws() -> None:
    """N(0, 1) against N(1/2, 1) in 8 features: the distance is 8 / 4. At least 15 of 20 hold it."""
    truth = Statistics(10**9, torch.zeros(8).double(), torch.eye(8).double())
    founds = [
        interval(frechet_to(truth), normal(200, 8, seed) + 0.5, draws=60) for seed in range(20)
    ]
    assert sum(found.holds(2.0) for found in founds) >= 15
    assert all(0.05 < found.bias < 0.3 for found in founds)


def test_endlessly_many_pictures_are_where_the_line_ends() -> None:
    """The line takes away more than half of what the estimate of 400 pictures is too large."""
    truth = Statistics(10**9, torch.zeros(8).double(), torch.eye(8).double())
    found = [extrapolated(normal(400, 8, seed) + 0.5, truth) for seed in range(10)]
    few, plain = (sum(each.distances[place] for each in found) / 10 for place in (0, -1))
    ends = sum(each.limit for each in found) / 10
    assert few > plain > 2.05
    assert abs(ends - 2.0) < 0.5 * (plain - 2.0)
    assert found[0].counts == tuple(sorted(found[0].counts))
    assert found[0].counts[-1] == 400


def test_too_few_pictures_are_not_extrapolated() -> None:
    with pytest.raises(UsageError, match="15 pictures are too few"):
        extrapolated(normal(15, 4, 0), Statistics.of(normal(50, 4, 1)))
