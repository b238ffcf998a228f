import pytest
import torch
from torch import Tensor

from minimagen.evaluation.bootstrap import interval, mean, paired


def normal(count: int, seed: int) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    """1.96 standard errors to each side; 2,000 draws leave a few percent of that."""
    x = normal(400, 0)
    found, reach = interval(mean, x, draws=2000), 1.96 * x.std().item() / 20
    assert found.value == pytest.approx(x.mean().item())
    assert found.low == pytest.approx(found.value - reach, abs=0.1 * reach)
    assert found.high == pytest.approx(found.value + reach, abs=0.1 * reach)
    assert abs(found.bias) < 0.1 * reach


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    """Of 100, between 88 and 100: 95 less three standard deviations."""
    held = sum(interval(mean, normal(60, seed), draws=200).holds(0.0) for seed in range(100))
    assert held >= 88


def test_a_bias_is_found_and_taken_off() -> None:
    """The square of a mean of 25 is 1/25 too large on average."""
    found = [interval(lambda x: mean(x) ** 2, normal(25, seed)) for seed in range(40)]
    assert sum(each.bias for each in found) / 40 == pytest.approx(1 / 25, rel=0.2)
    assert abs(sum(each.value - each.bias for each in found) / 40) < 0.03  # three standard errors


def test_it_follows_from_the_seed_and_samples_are_drawn_apart() -> None:
    a, b = normal(50, 0), normal(80, 1)

    def gap(x: Tensor, y: Tensor) -> float:
        return mean(x) - mean(y)

    assert interval(gap, a, b, seed=3) == interval(gap, a, b, seed=3)
    assert interval(gap, a, b, seed=3) != interval(gap, a, b, seed=4)
    found = interval(gap, a, b, draws=1000)
    error = (a.var() / 50 + b.var() / 80).sqrt().item()
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_ends_stay_within_what_can_be() -> None:
    found = interval(mean, torch.tensor([1.0] * 19 + [0.0]), within=(0, 1))
    assert found.high == 1
    assert found.low > 0.8


def test_a_difference_within_pairs_is_found_where_the_pairs_differ_much_more() -> None:
    """0.1 in pairs whose level scatters by 1: unpaired, 200 would say nothing."""
    level = normal(200, 0)
    found = paired(level + 0.1 + 0.2 * normal(200, 1), level + 0.2 * normal(200, 2), draws=400)
    assert found.difference == pytest.approx(0.1, abs=0.06)
    assert found.low > 0
    assert found.p < 0.02


def test_p_is_uniform_where_there_is_no_difference() -> None:
    """A tenth of 120 comparisons is below 0.1, give or take three standard deviations."""
    below = sum(
        paired(normal(20, 2 * seed), normal(20, 2 * seed + 1), draws=59).p <= 0.1
        for seed in range(120)
    )
    assert 2 <= below <= 22


def test_equal_sets_do_not_differ_at_all() -> None:
    x = normal(30, 0)
    found = paired(x, x)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_sets_can_be_compared_by_any_measure() -> None:
    wide, narrow = 2 * normal(200, 0)[:, None], normal(200, 1)[:, None]
    found = paired(wide, narrow, lambda x: x.std().item(), draws=200)
    assert found.low < 1 < found.high
    assert found.p < 0.01
