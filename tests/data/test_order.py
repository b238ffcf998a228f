"""Which item a sample number is, where a step takes all its images from one bucket."""

from collections import Counter

import pytest

from minimagen.data.order import Order

ITEMS = tuple(range(100, 130))
BUCKETS = (0,) * 18 + (1,) * 10 + (2,) * 2  # the last is smaller than a step
STEP = 4
ORDER = Order(ITEMS, 0, 1, BUCKETS, STEP)
BUCKET_OF = dict(zip(ITEMS, BUCKETS, strict=True))
ROUND = len(ITEMS)


def items_of(order: Order, step: int) -> list[int]:
    return [order.index_of(step * STEP + place) for place in range(STEP)]


def test_a_step_takes_its_images_from_one_bucket_and_says_which() -> None:
    for step in range(2 * ROUND):
        assert {BUCKET_OF[item] for item in items_of(ORDER, step)} == {ORDER.bucket_of(step)}


def test_buckets_take_turns_in_exact_proportion() -> None:
    """Thirty items make a round of thirty steps, in an order of its own."""
    rounds = [[ORDER.bucket_of(ROUND * r + place) for place in range(ROUND)] for r in range(3)]
    assert all(Counter(turns) == Counter(BUCKETS) for turns in rounds)
    assert len({tuple(turns) for turns in rounds}) == 3


def test_nothing_is_left_out_and_every_item_comes_equally_often() -> None:
    """A round shows each item four times, for a step has four images; the small bucket too."""
    shown = Counter(item for step in range(ROUND) for item in items_of(ORDER, step))
    assert shown == dict.fromkeys(ITEMS, STEP)


def test_within_a_bucket_permutations_follow_each_other() -> None:
    steps = [step for step in range(3 * ROUND) if ORDER.bucket_of(step) == 1]
    shown = [item for step in steps for item in items_of(ORDER, step)]
    epochs = [tuple(shown[start : start + 10]) for start in range(0, 100, 10)]
    assert all(sorted(epoch) == list(range(118, 128)) for epoch in epochs)
    assert len(set(epochs)) > 5


def test_it_is_a_function_of_the_number_alone() -> None:
    """Asked backwards, far ahead, or anew: the same items."""
    numbers = [10**7, *reversed(range(300))]
    again = Order(ITEMS, 0, 1, BUCKETS, STEP)
    assert [ORDER.index_of(n) for n in numbers] == [again.index_of(n) for n in numbers]


@pytest.mark.parametrize("changed", [(1, 1), (0, 0)])
def test_seeds_and_stages_see_other_turns_and_other_items(changed: tuple[int, int]) -> None:
    other = Order(ITEMS, *changed, BUCKETS, STEP)
    assert [other.bucket_of(s) for s in range(60)] != [ORDER.bucket_of(s) for s in range(60)]
    assert [other.index_of(n) for n in range(60)] != [ORDER.index_of(n) for n in range(60)]


def test_one_bucket_is_the_order_without_buckets_whatever_its_number() -> None:
    plain = Order(ITEMS, 0, 1)
    bucketed = Order(ITEMS, 0, 1, (3,) * ROUND, STEP)
    assert [plain.index_of(n) for n in range(200)] == [bucketed.index_of(n) for n in range(200)]
    assert bucketed.bucket_of(7) == 3


def test_a_replacement_has_the_shape_of_the_step() -> None:
    for number in range(0, 2 * ROUND * STEP, STEP):
        bucket = ORDER.bucket_of(number // STEP)
        replacements = {BUCKET_OF[ORDER.replacement_for(number, attempt)] for attempt in range(8)}
        assert replacements == {bucket}
