import random
from itertools import pairwise

import pytest

from minimagen.text.span_corruption import corrupt, draw_spans

SENTINELS = list(range(1000, 1100))


def fill(inputs: list[int], targets: list[int]) -> list[int]:
    """Put what the targets say back where the inputs have sentinels."""
    hidden: dict[int, list[int]] = {}
    for token in targets:
        if token in SENTINELS:
            current = hidden.setdefault(token, [])
        else:
            current.append(token)
    return [back for token in inputs for back in hidden.get(token, [token])]


@pytest.mark.parametrize("length", [2, 3, 5, 12, 64])
@pytest.mark.parametrize("density", [0.15, 0.5, 0.9])
def test_inputs_and_targets_together_are_the_text(length: int, density: float) -> None:
    ids = list(range(length))
    for seed in range(20):
        inputs, targets = corrupt(ids, SENTINELS, random.Random(seed), density=density)
        assert fill(inputs, targets) == ids


def test_fifteen_percent_are_hidden_in_spans_of_three() -> None:
    spans = [draw_spans(200, random.Random(seed), density=0.15, mean_span=3.0) for seed in range(9)]
    assert {sum(stop - start for start, stop in drawn) for drawn in spans} == {30}
    assert {len(drawn) for drawn in spans} == {10}


def test_spans_never_touch_and_may_reach_both_ends() -> None:
    drawn = [draw_spans(9, random.Random(seed), density=0.4, mean_span=2.0) for seed in range(200)]
    assert all(a[1] < b[0] for spans in drawn for a, b in pairwise(spans))
    assert {spans[0][0] for spans in drawn} >= {0}
    assert {spans[-1][1] for spans in drawn} >= {9}
