"""The interval of a share is Wilson's; true pictures are right and near."""

import numpy as np
import pytest

from benchmarks.peers.jury import FIRST, Jury, draw_true, wilson
from minimagen.data.shapes import held_out_captions


def test_the_ends_of_the_interval_solve_their_equation() -> None:
    """|share - p| = z sqrt(p (1 - p) / n); 1e-4: the ends are rounded to four places."""
    share = 5 / 18
    for end in wilson(5, 18):
        assert abs(share - end) == pytest.approx(1.96 * (end * (1 - end) / 18) ** 0.5, abs=1e-4)


def test_none_right_leaves_room_for_some() -> None:
    low, high = wilson(0, 18)
    assert low == 0
    assert high == pytest.approx(1.96**2 / (18 + 1.96**2), abs=1e-4)


def test_true_pictures_are_right_and_nearer_than_noise() -> None:
    captions = held_out_captions("single", FIRST, seed=0)
    jury = Jury.gather(captions)
    true = jury.judge(draw_true(captions, 1, seed=1))
    noise = np.random.default_rng(0).integers(256, size=(FIRST, 64, 64, 3), dtype=np.uint8)
    assert true["right"] == true["drawn"] == FIRST
    assert true["distance"] == jury.of_true_pictures() < jury.distance(noise)
