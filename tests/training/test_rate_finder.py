"""The finder on a bowl, whose largest stable rate is known."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from minimagen.errors import TrainingError
from minimagen.training.rate_finder import Trial, growing_rates, lowest_of, suggested, try_rates

RATES = growing_rates(1e-5, 10, 100)


def descent(steepest: float) -> Callable[[float], float]:
    """Return gradient descent on a bowl; it is stable below the rate 2 / steepest."""
    slopes = torch.linspace(1, steepest, 20, dtype=torch.float64)
    x = torch.ones_like(slopes)

    def take_step(rate: float) -> float:
        loss = float((slopes * x.square()).sum() / 2)
        x.sub_(rate * slopes * x)
        return loss

    return take_step


@pytest.mark.parametrize("steepest", [2.0, 10.0, 100.0])
def test_the_suggestion_for_a_bowl_is_stable_and_not_timid(steepest: float) -> None:
    """Within a factor of a hundred below the largest stable rate."""
    stable = 2 / steepest
    rate = suggested(try_rates(descent(steepest), RATES))
    assert stable / 100 < rate < stable


def test_it_stops_where_the_loss_explodes() -> None:
    trials = try_rates(descent(100.0), RATES)
    assert len(trials) < len(RATES)
    assert max(trial.loss for trial in trials) <= 4 * trials[0].loss


def test_a_loss_that_is_no_number_ends_it() -> None:
    losses = iter([1.0, 0.5, float("nan"), 0.1])
    assert len(try_rates(lambda rate: next(losses), RATES[:4])) == 2


def test_rates_grow_by_one_factor() -> None:
    factors = [after / before for before, after in pairwise(RATES)]
    assert factors == pytest.approx([factors[0]] * 99)
    assert (RATES[0], RATES[-1]) == pytest.approx((1e-5, 10))


@pytest.mark.parametrize("losses", [[], [1.0, 2.0, 3.0]])
def test_a_loss_that_only_rises_suggests_nothing(losses: list[float]) -> None:
    trials = [Trial(0.1 * (i + 1), loss) for i, loss in enumerate(losses)]
    with pytest.raises(TrainingError, match="lowers the loss; begin with a lower --LOWEST"):
        lowest_of(trials)
