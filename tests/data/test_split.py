import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimagen.data.split import split


@given(count=st.integers(1, 300), fraction=st.floats(0.001, 1), seed=st.integers(0, 2**63))
def test_every_item_is_on_one_side_and_neither_side_is_empty(
    count: int, fraction: float, seed: int
) -> None:
    trained, validated = split(count, fraction, seed)
    assert sorted(trained + validated) == list(range(count))
    assert trained
    assert validated or count == 1 or fraction == 1


def test_the_fraction_is_kept() -> None:
    assert [len(side) for side in split(1000, 0.9, 0)] == [900, 100]


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_the_split_follows_from_the_seed_alone(seed: int) -> None:
    assert split(100, 0.8, seed) == split(100, 0.8, seed)
    assert split(100, 0.8, seed) != split(100, 0.8, seed + 1)
