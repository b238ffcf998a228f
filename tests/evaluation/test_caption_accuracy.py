import numpy as np
import pytest

from minimagen.data.drawing import draw
from minimagen.data.shapes import scene, scene_for
from minimagen.data.world import Scene, Thing, all_pairs
from minimagen.errors import UsageError
from minimagen.evaluation.caption_accuracy import caption_accuracy, judge, matches, named_pair

PAIRS = all_pairs("single")
SCENES = [scene_for(PAIRS[index % len(PAIRS)], 0, index) for index in range(360)]
PICTURES = [draw(described, 64) for described in SCENES]
CAPTIONS = [described.caption for described in SCENES]


def test_true_renderings_score_at_least_99_percent() -> None:
    assert caption_accuracy(PICTURES, CAPTIONS) >= 0.99


def test_shuffled_captions_score_at_most_10_percent() -> None:
    """One in eighteen combinations is right by chance."""
    order = np.random.default_rng(0).permutation(len(CAPTIONS))
    assert caption_accuracy(PICTURES, [CAPTIONS[place] for place in order]) <= 0.1


@pytest.mark.parametrize("size", [128, 256])
def test_the_rules_hold_at_larger_sizes(size: int) -> None:
    assert caption_accuracy([draw(s, size) for s in SCENES[:36]], CAPTIONS[:36]) >= 0.99


def test_a_light_grain_is_forgiven_and_a_covering_of_noise_is_not() -> None:
    """Standard deviations of 8 and 40 of 255: hardly visible, and a shape behind snow."""
    random = np.random.default_rng(0)

    def noisy(deviation: float) -> list[np.ndarray]:
        return [
            np.clip(picture + random.normal(0, deviation, picture.shape), 0, 255).astype(np.uint8)
            for picture in PICTURES[:90]
        ]

    assert caption_accuracy(noisy(8), CAPTIONS[:90]) >= 0.95
    assert caption_accuracy(noisy(40), CAPTIONS[:90]) == 0


def test_pictures_of_nothing_are_judged_as_nothing() -> None:
    random = np.random.default_rng(0)
    assert judge(np.full((64, 64, 3), 190, np.uint8)) is None
    assert judge(np.full((64, 64, 3), (220, 40, 40), np.uint8)) is None
    assert judge(random.integers(0, 256, (64, 64, 3)).astype(np.uint8)) is None
    blotches = random.integers(0, 256, (8, 8, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    assert judge(blotches) is None


def test_more_than_one_thing_or_another_shape_is_hardly_ever_judged() -> None:
    """The overlap of 0.75 that a wobbly shape is allowed lets two of these 155 through."""
    scenes = [scene(0, index, "scenes") for index in range(200)]
    odd = [s for s in scenes if len(s.things) > 1 or s.things[0].shape in ("star", "ring", "cross")]
    assert len(odd) > 100
    judged = [judge(draw(described, 64)) is not None for described in odd]
    assert sum(judged) <= 0.02 * len(judged)


def test_half_a_thing_in_another_colour_does_not_count() -> None:
    picture = draw(Scene((Thing("circle", "red", 0.5, 0.5, 0.3),), "", 190.0), 64)
    assert matches(picture, "a red circle")
    lower = picture[32:]
    lower[np.ptp(lower.astype(int), axis=2) > 60] = (40, 80, 220)
    assert judge(picture) is None


def test_a_caption_must_name_one_colour_and_one_judged_shape() -> None:
    assert named_pair("a large red circle at the top") == ("red", "circle")
    for caption in ("a dog", "a red star", "a red circle left of a blue square"):
        with pytest.raises(UsageError, match="cannot be judged"):
            named_pair(caption)
