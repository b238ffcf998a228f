from collections import Counter
from itertools import islice

import pytest

from minimagen.data.grammar import caption_stream, held_out_captions, one, several
from minimagen.data.world import HELD_OUT, RELATIONS, Pair, Variant
from minimagen.errors import UsageError


def held_out_in(caption: str) -> list[Pair]:
    return [(colour, shape) for colour, shape in HELD_OUT if f"{colour} {shape}" in caption]


@pytest.mark.parametrize(("variant", "pairs", "number"), [("single", 3, 64), ("scenes", 6, 600)])
def test_held_out_captions_are_distinct_and_balanced(
    variant: Variant, pairs: int, number: int
) -> None:
    captions = held_out_captions(variant, number, seed=0)
    assert len(set(captions)) == number
    assert all(len(held_out_in(caption)) == 1 for caption in captions)
    counts = Counter(held_out_in(caption)[0] for caption in captions)
    assert len(counts) == pairs
    assert max(counts.values()) - min(counts.values()) <= 1


def test_held_out_captions_follow_from_the_seed() -> None:
    assert held_out_captions("single", 20, 0) == held_out_captions("single", 20, 0)
    assert held_out_captions("single", 20, 0) != held_out_captions("single", 20, 1)
    assert held_out_captions("single", 6, 0) == held_out_captions("single", 20, 0)[:6]


def test_more_held_out_captions_than_exist_are_refused() -> None:
    with pytest.raises(UsageError, match=r"91 held-out captions.*has 90"):
        held_out_captions("single", 91, 0)


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
