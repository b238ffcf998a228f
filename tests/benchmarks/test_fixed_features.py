"""The features that nobody trained see what a person sees."""

import numpy as np

from benchmarks.fixed_features import fixed_features
from minimagen.data.shapes import draw, scene_for
from minimagen.evaluation.frechet import frechet_distance
from minimagen.evaluation.statistics import Statistics


def test_pictures_of_another_colour_are_further_away_than_others_of_the_same() -> None:
    def statistics(colour: str, first: int) -> Statistics:
        scenes = [scene_for((colour, "circle"), 0, first + i) for i in range(12)]
        return Statistics.of(fixed_features(np.stack([draw(scene, 64) for scene in scenes])))

    red = statistics("red", 0)
    same, other = (statistics(*which) for which in (("red", 12), ("blue", 0)))
    assert frechet_distance(red, same) < frechet_distance(red, other)
