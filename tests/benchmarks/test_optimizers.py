"""The search for a rate ends where both neighbours are worse."""

import math

import pytest

from benchmarks.optimizers import FIRST_GUESS, best_rate


@pytest.mark.parametrize("octaves", [-3, 0, 2])
def test_the_best_rate_is_found_however_far_it_is(octaves: int) -> None:
    asked: set[float] = set()

    def loss_at(rate: float) -> float:
        asked.add(rate)
        return abs(math.log2(rate / FIRST_GUESS) - octaves)

    assert best_rate(loss_at) == FIRST_GUESS * 2.0**octaves
    assert {FIRST_GUESS * 2.0 ** (octaves + side) for side in (-1, 1)} <= asked
