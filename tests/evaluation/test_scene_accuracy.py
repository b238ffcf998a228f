import pytest

from minimagen.data.drawing import draw
from minimagen.data.shapes import scene
from minimagen.data.world import RELATIONS
from minimagen.errors import UsageError
from minimagen.evaluation.scene_accuracy import judge, parsed, scene_accuracy, turned

SCENES = [scene(0, index, "scenes") for index in range(150)]
PICTURES = [draw(each, 64) for each in SCENES]
CAPTIONS = [each.caption for each in SCENES]


def test_true_pictures_are_right_and_other_captions_wrong() -> None:
    assert scene_accuracy(PICTURES, CAPTIONS) >= 0.95
    assert scene_accuracy(PICTURES, turned(CAPTIONS)) <= 0.1


def test_two_things_that_changed_places_are_there_but_wrong() -> None:
    [index] = [i for i, c in enumerate(CAPTIONS) if " left of " in c][:1]
    mirrored = judge(PICTURES[index][:, ::-1].copy(), CAPTIONS[index])
    assert (mirrored.colours, mirrored.things, mirrored.relation) == (True, True, False)


def test_a_caption_is_read() -> None:
    assert parsed("three red circles") == ([("red", "circle")] * 3, "")
    things = [("red", "star"), ("blue", "ring")]
    for link in RELATIONS:
        assert parsed(f"a red star {link} a blue ring") == (things, link)


def test_a_caption_that_names_no_thing_cannot_be_judged() -> None:
    with pytest.raises(UsageError, match="'a dog' cannot be judged; name"):
        judge(PICTURES[0], "a dog")
