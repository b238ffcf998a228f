"""All measures of a set at once: what is alike is found alike, copies are found out."""

import pytest
import torch
from torch import Tensor

from minimagen.evaluation.bootstrap import Interval
from minimagen.evaluation.measures import Measure, doubts, of_scores, of_sets
from minimagen.evaluation.references import Reference
from minimagen.evaluation.statistics import Statistics

WIDTH = 6


class Gaussian:
    """A feature network is only asked for its name and what it can do besides."""

    name, width, identity = "gaussian", WIDTH, "gaussian"

    def __call__(self, images: Tensor) -> Tensor:
        """See nothing: features are made by the tests."""
        raise NotImplementedError


def samples(count: int, seed: int, shift: float = 0.0) -> Tensor:
    """Draw features of one law."""
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed)) + shift


def reference(features: Tensor) -> Reference:
    """Return features as a reference."""
    return Reference(Statistics.of(features), features, torch.arange(len(features)))


def measured(drawn: Tensor, real: Tensor) -> dict[str, Interval]:
    """Return intervals by name."""
    found = of_sets(drawn, reference(real), Gaussian(), draws=50)
    return {each.name: each.found for each in found}


def test_samples_of_one_law_are_alike() -> None:
    found = measured(samples(300, 1), samples(300, 2))
    assert found["frechet_distance"].low == 0
    assert found["kernel_distance"].holds(0)
    assert found["precision"].value > 0.85
    assert found["recall"].value > 0.85
    assert found["density"].value == pytest.approx(1, abs=0.15)
    assert found["authenticity"].value == pytest.approx(0.5, abs=0.12)


def test_another_law_is_told_apart() -> None:
    found = measured(samples(300, 1, shift=1.5), samples(300, 2))
    assert found["frechet_distance"].low > WIDTH * 1.5**2 / 2
    assert found["kernel_distance"].low > 0
    assert found["precision"].high < 0.8


def test_copies_are_perfect_but_for_authenticity() -> None:
    real = samples(100, 2)
    found = measured(real.clone(), real)
    assert found["frechet_distance"].value == pytest.approx(0, abs=1e-6)
    assert found["precision"].value == found["recall"].value == found["coverage"].value == 1
    assert found["authenticity"].value == 0


def test_verdicts_are_a_share_and_scores_a_mean() -> None:
    """Of 20 right of 20 Wilson's interval is not a point, as a bootstrap's would be."""
    share = of_scores("right", "right", torch.ones(20)).found
    assert (share.value, share.high) == (1, 1)
    assert share.low < 0.9
    scores = of_scores("score", "score", torch.tensor([20.0, 30.0, 40.0])).found
    assert scores.value == 30
    assert scores.low < 30 < scores.high


def test_few_pictures_are_said_to_be_few() -> None:
    frechet = Measure("frechet_distance", "", Interval(10.0, 5.0, 8.0, bias=3.0), "lower")
    lines = doubts(50, 5000, 100, [frechet])
    assert len(lines) == 3
    assert "50 drawn pictures are few for a covariance of 100 features" in lines[0]
    assert "about 3 of the Fréchet distance of 10" in lines[1]
    good = Measure("frechet_distance", "", Interval(10.0, 9.0, 11.0, bias=0.1), "lower")
    assert doubts(5000, 5000, 100, [good]) == []
