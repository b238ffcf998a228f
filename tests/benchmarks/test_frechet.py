"""The Frechet distance is that of Gaussians, and its features see what a person sees."""

import numpy as np
import pytest

from benchmarks.frechet import fixed_features, frechet_distance
from minimagen.data.shapes import draw, scene_for


def test_in_one_dimension_it_is_that_of_means_and_deviations() -> None:
    a, b = np.array([[0.0], [2.0]]), np.array([[5.0], [5.5], [6.0]])
    means, deviations = (1.0, 5.5), (np.sqrt(2.0), 0.5)
    expected = (means[1] - means[0]) ** 2 + (deviations[1] - deviations[0]) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected)


def test_it_does_not_change_when_both_sets_are_turned() -> None:
    """Covariances that do not commute: the root of their product is not a product of roots."""
    draws = np.random.default_rng(0)
    a, b = (draws.normal(size=(50, 4)) @ draws.normal(size=(4, 4)) for _ in range(2))
    turn = np.linalg.qr(draws.normal(size=(4, 4)))[0]
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))


def test_a_set_is_nowhere_from_itself_even_with_fewer_samples_than_features() -> None:
    """1e-6 of a variance of 1: roots of rounding errors."""
    a = np.random.default_rng(0).normal(size=(5, 9))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_pictures_of_another_colour_are_further_away_than_others_of_the_same() -> None:
    def features(colour: str, first: int) -> np.ndarray:
        scenes = [scene_for((colour, "circle"), 0, first + i) for i in range(12)]
        return fixed_features(np.stack([draw(scene, 64) for scene in scenes]))

    red = features("red", 0)
    assert frechet_distance(red, features("red", 12)) < frechet_distance(red, features("blue", 0))
