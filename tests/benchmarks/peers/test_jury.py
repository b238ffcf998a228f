"""True pictures are right and near."""

import numpy as np

from benchmarks.peers.jury import FIRST, Jury, draw_true
from minimagen.data.shapes import held_out_captions


def test_true_pictures_are_right_and_nearer_than_noise() -> None:
    captions = held_out_captions("single", FIRST, seed=0)
    jury = Jury.gather(captions)
    true = jury.judge(draw_true(captions, 1, seed=1))
    noise = np.random.default_rng(0).integers(256, size=(FIRST, 64, 64, 3), dtype=np.uint8)
    assert true["right"] == true["drawn"] == FIRST
    assert true["distance"] == jury.of_true_pictures() < jury.distance(noise)
