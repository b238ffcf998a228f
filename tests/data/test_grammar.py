from collections import Counter
from itertools import islice

import pytest

from minimagen.data.grammar import caption_stream, held_out_captions, one, several
from minimagen.data.world import HELD_OUT, RELATIONS, Pair, held_out_places
from minimagen.errors import UsageError
from minimagen.evaluation.caption_accuracy import named_pair


def held_out_in(caption: str) -> list[Pair]:
    return [(colour, shape) for colour, shape in HELD_OUT if f"{colour} {shape}" in caption]


def assert_balanced(found: list[Pair], kinds: int) -> None:
    counts = Counter(found)
    assert len(counts) == kinds
    assert max(counts.values()) - min(counts.values()) <= 1


def test_held_out_captions_of_scenes_name_one_held_out_colour_and_shape() -> None:
    captions = held_out_captions("scenes", 600, seed=0)
    assert len(set(captions)) == 600
    assert all(len(held_out_in(caption)) == 1 for caption in captions)
    assert_balanced([held_out_in(caption)[0] for caption in captions], kinds=6)


def test_held_out_captions_of_single_things_name_a_held_out_place() -> None:
    captions = held_out_captions("single", 64, seed=0)
    assert len(set(captions)) == 64
    pairs = [named_pair(caption) for caption in captions]
    assert_balanced(pairs, kinds=18)
    for pair, caption in zip(pairs, captions, strict=True):
        assert caption.endswith(held_out_places(pair))


def test_held_out_captions_follow_from_the_seed() -> None:
    assert held_out_captions("single", 20, 0) == held_out_captions("single", 20, 0)
    assert held_out_captions("single", 20, 0) != held_out_captions("single", 20, 1)
    assert held_out_captions("single", 6, 0) == held_out_captions("single", 20, 0)[:6]


def test_more_held_out_captions_than_exist_are_refused() -> None:
    with pytest.raises(UsageError, match=r"109 held-out captions.*has 108"):
        held_out_captions("single", 109, 0)


def test_the_caption_stream_says_everything_there_is() -> None:
    captions = list(islice(caption_stream(0), 4000))
    text = "\n".join(captions)
    assert captions == list(islice(caption_stream(0), 4000))
    assert len(set(captions)) > 1500
    assert "a handwritten seven" in captions
    assert all(f"{colour} {shape}" in text for colour, shape in HELD_OUT)
    assert all(words in text for words in (*RELATIONS, "two", "three", "small", "in the middle"))


def test_articles_and_plurals_are_english() -> None:
    assert one(("orange", "star")) == "an orange star"
    assert one(("orange", "star"), "small", "on the left") == "a small orange star on the left"
    assert several(("red", "cross"), 3) == "three red crosses"
