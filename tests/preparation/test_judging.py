from typing import Any

import numpy as np
import pytest

from minimagen.preparation.judging import EXACT, NEAR, Judgement, judge
from minimagen.preparation.looks import RECORD, Looks
from minimagen.preparation.settings import Preparation

Row = tuple[int, int, str, int]  # width, height, name of its pixels, hash
FAR = 0xFFFF


def looks(*rows: Row) -> Looks:
    made = np.zeros(len(rows), RECORD)
    for record, (width, height, pixels, own) in zip(made, rows, strict=True):
        record["width"], record["height"], record["pixels"] = width, height, pixels
        record["hash"] = own
    return made


def judged(*rows: Row, captions: list[tuple[str, ...]] | None = None, **asked: Any) -> Judgement:
    own = captions or [("a cat",)] * len(rows)
    return judge(looks(*rows), own, Preparation(dataset="data", **asked))


@pytest.mark.parametrize(
    ("asked", "left_out"),
    [
        ({"min_side": 50}, {1: "shorter side under 50 pixels"}),
        ({"max_aspect": 2.0}, {2: "longer side over 2 times the shorter"}),
        ({"min_words": 2}, {1: "caption under 2 words"}),
        ({"min_words": 1, "max_words": 2}, {2: "caption outside 1 to 2 words"}),
        ({"empty_captions": "drop"}, {3: "caption is empty"}),
        ({}, {}),
    ],
)
def test_each_filter_names_its_reason(asked: dict[str, Any], left_out: dict[int, str]) -> None:
    rows = [(60, 50, "a", 0), (49, 60, "b", FAR), (300, 100, "c", 1 << 63), (50, 50, "d", 0xF0F0F)]
    captions = [("a cat",), ("cat",), ("a cat and a dog",), ("",)]
    judgement = judged(*rows, captions=captions, duplicates="exact", **asked)
    assert judgement.reasons == left_out
    assert judgement.kept == [i for i in range(4) if i not in left_out]


def test_damage_is_the_first_reason() -> None:
    records = looks((60, 50, "a", 0), (0, 0, "", 0))
    records["reason"][1] = "file is empty"
    judgement = judge(records, [("a",), ("",)], Preparation(dataset="data", empty_captions="drop"))
    assert judgement.reasons == {1: "file is empty"}


def test_of_duplicates_the_largest_stays_or_the_first() -> None:
    rows = [(10, 10, "a", 0b1), (30, 30, "b", 0b11), (20, 20, "c", 0b111)]
    assert judged(*rows).twins == {0: 1, 2: 1}
    assert judged(*rows, keep="first").twins == {1: 0, 2: 0}
    assert judged(*rows).reasons == {0: NEAR, 2: NEAR}


def test_a_chain_of_small_steps_does_not_join_pictures_that_differ() -> None:
    rows = [(10, 10, "a", 0), (10, 10, "b", 0b1111), (10, 10, "c", 0b11111111)]
    judgement = judged(*rows)
    assert (judgement.kept, judgement.twins) == ([0, 2], {1: 0})


def test_the_equal_of_a_near_duplicate_points_at_what_stays() -> None:
    rows = [(20, 20, "large", 0), (10, 10, "small", 1), (10, 10, "small", 1)]
    judgement = judged(*rows)
    assert judgement.twins == {1: 0, 2: 0}
    assert judgement.reasons == {1: NEAR, 2: EXACT}


def test_which_duplicates_count_can_be_chosen() -> None:
    rows = [(10, 10, "a", 0), (10, 10, "a", 0), (10, 10, "b", 1)]
    assert judged(*rows, duplicates="none").kept == [0, 1, 2]
    assert judged(*rows, duplicates="exact").kept == [0, 2]
    assert judged(*rows, duplicates="near").kept == [0]
    assert judged(*rows, near_bits=0).kept == [0, 2]


def test_captions_of_what_is_left_out_can_be_joined_each_once() -> None:
    rows = [(10, 10, "a", 0), (10, 10, "a", 0), (10, 10, "b", 1), (10, 10, "c", FAR)]
    captions = [("a cat",), ("",), ("a cat", "a black cat"), ("",)]
    joined = judged(*rows, captions=captions, join_captions=True)
    assert joined.captions == {0: ("a cat", "a black cat"), 3: ("",)}
    assert judged(*rows, captions=captions).captions == {0: ("a cat",), 3: ("",)}


def test_what_a_filter_left_out_is_no_picture_to_be_a_duplicate_of() -> None:
    rows = [(30, 10, "a", 0), (20, 20, "b", 1)]
    judgement = judged(*rows, max_aspect=2.0)
    assert (judgement.kept, judgement.twins) == ([1], {})
