"""Captions of the built-in scenes, taken apart."""

from itertools import islice

import pytest

from minimagen.data.grammar import caption_stream
from minimagen.data.phrases import phrases
from minimagen.evaluation.scene_accuracy import parsed
from minimagen.text.everyday import everyday_captions


@pytest.mark.parametrize(
    ("caption", "facts"),
    [
        ("an orange ring", [("orange", "ring")]),
        ("a small red cross at the top", [("small", "red", "cross", "at the top")]),
        ("two red crosses", [("two", "red", "cross")]),
        (
            "a blue star left of an orange ring",
            [("blue", "star", "left of"), ("orange", "ring", "right of")],
        ),
        (
            "a blue star below a red cross",
            [("blue", "star", "below"), ("red", "cross", "above")],
        ),
        ("a ring and a star", []),
        ("a red ring and a dog", []),
        ("a handwritten seven", []),
        ("", []),
    ],
)
def test_what_is_said_of_each_thing(caption: str, facts: list[tuple[str, ...]]) -> None:
    assert [phrase.facts for phrase in phrases(caption)] == facts


def test_phrases_lie_side_by_side() -> None:
    """A link belongs to the first of two."""
    caption = "a blue star left of an orange ring"
    assert [caption[start:stop] for start, stop, _ in phrases(caption)] == [
        "a blue star left of ",
        "an orange ring",
    ]


def test_every_caption_of_a_scene_is_understood() -> None:
    """Against the jury's reading, which goes word by word."""
    for caption in islice(caption_stream(3), 2_000):
        if "handwritten" in caption:
            continue
        things = {pair for _, _, facts in phrases(caption) for pair in [_pair(facts)]}
        assert things == set(parsed(caption)[0]), caption


def test_ordinary_captions_have_none() -> None:
    assert not any(phrases(caption) for caption in islice(everyday_captions(0), 500))


def _pair(facts: tuple[str, ...]) -> tuple[str, str]:
    known = [fact for fact in facts if fact not in ("two", "three", "small", "large")]
    return known[0], known[1]
