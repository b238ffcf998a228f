import pytest

from minimagen.evaluation.shares import share


def test_the_ends_of_the_interval_solve_wilsons_equation() -> None:
    """|share - p| = z sqrt(p (1 - p) / n)."""
    found = share(5, 18)
    for end in (found.low, found.high):
        reach = 1.96 * (end * (1 - end) / 18) ** 0.5
        assert abs(found.value - end) == pytest.approx(reach)


def test_none_right_leaves_room_for_some() -> None:
    found = share(0, 18)
    assert found.low == 0
    assert found.high == pytest.approx(1.96**2 / (18 + 1.96**2))
