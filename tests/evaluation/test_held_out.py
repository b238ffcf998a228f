"""True pictures are right, those of other captions are not, and nothing is counted twice."""

import numpy as np
import pytest

from minimagen.data.drawing import draw
from minimagen.data.shapes import scene
from minimagen.data.world import Variant
from minimagen.evaluation.held_out import accuracy, asked, kind_of

SCENES = 24


@pytest.mark.parametrize("variant", ["single", "scenes"])
def test_true_pictures_are_all_right_and_hardly_any_by_guessing(variant: Variant) -> None:
    scenes = [scene(1, index, variant) for index in range(SCENES)]
    pictures = [np.asarray(draw(one, 64)) for one in scenes]
    found = accuracy(pictures, [one.caption for one in scenes], variant, 64)
    assert sum(kind.count for kind in found) == SCENES
    assert all(kind.share == 1 and kind.low < 1 == kind.high for kind in found)
    assert all(kind.guessed is not None and kind.guessed < 0.5 for kind in found)


def test_as_many_captions_are_asked_as_there_are() -> None:
    assert asked("single", 5) == asked("single", 64)[:5]
    many = asked("scenes", 100_000)
    assert len(many) == len(set(many)) < 100_000
    assert {kind_of(caption) for caption in many[:256]} == {
        "one thing",
        "some of a kind",
        "two things",
        "two things, related",
    }
