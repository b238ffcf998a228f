"""What chance decides about a picture follows from its sample number alone."""

import numpy as np
import pytest

from minimagen.data.chance import cut_by_chance, flipped_by_chance, names_a_side
from minimagen.data.framing import Frame

NUMBERED = np.arange(12 * 20 * 3, dtype=np.uint16).reshape(12, 20, 3)
FRAME = Frame(12, 16)


@pytest.mark.parametrize(
    "caption",
    [
        "a cat on the left",
        "Right of the house, a tree",
        "the LEFTMOST door",
        "a left-handed guitar",
        "turning counterclockwise",
        "ein Hund links vom Haus",
        "die linke Hand",
        "un chat à gauche",
        "a la derecha",
        "кот слева",
        "左にいる猫",
    ],
)
def test_captions_that_name_a_side_are_known(caption: str) -> None:
    assert names_a_side(caption)


@pytest.mark.parametrize("caption", ["a bright copyright sign", "cleft", "a cat", "", "leftover"])
def test_sides_are_words_not_letters(caption: str) -> None:
    assert not names_a_side(caption)


def test_half_of_the_samples_are_mirrored() -> None:
    """Of 1,000; four standard deviations are 63."""
    flips = [
        not np.array_equal(flipped_by_chance(NUMBERED, "a cat", number, 0, 0), NUMBERED)
        for number in range(1000)
    ]
    assert 437 < sum(flips) < 563
    one = flips.index(True)
    assert np.array_equal(flipped_by_chance(NUMBERED, "a cat", one, 0, 0), NUMBERED[:, ::-1])


def test_a_caption_with_a_side_keeps_its_picture() -> None:
    for number in range(50):
        assert flipped_by_chance(NUMBERED, "a cat on the left", number, 0, 0) is NUMBERED


def test_every_place_of_a_cut_comes_equally_often() -> None:
    """Five places in 1,000 draws; five standard deviations of 200 are 63."""
    lefts = [int(cut_by_chance(NUMBERED, FRAME, n, 0, 0)[0, 0, 0]) // 3 for n in range(1000)]
    counts = np.bincount(lefts, minlength=5)
    assert len(counts) == 5
    assert (abs(counts - 200) < 63).all()


def test_stages_and_samples_have_draws_of_their_own() -> None:
    cuts = {
        key: tuple(int(cut_by_chance(NUMBERED, FRAME, n, *key)[0, 0, 0]) for n in range(40))
        for key in ((0, 0), (0, 1), (1, 0))
    }
    assert len(set(cuts.values())) == 3
