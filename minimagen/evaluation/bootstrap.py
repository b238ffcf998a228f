"""How sure a measure is: of one set of pictures, and of the difference between two.

Pictures are drawn anew from those there are, with putting back, and measured again. What that does
to the measure is taken for what drawing the pictures did to it:

    measured again - measured   is like   measured - true

So the interval is what was measured less the quantiles of the left side (the "basic" interval).
It takes a bias away too: a Fréchet distance of few pictures is too large, and of pictures drawn
anew too large once more, by as much. So an interval may lie below what was measured, and of two
sets of one law that of the Fréchet distance reaches 0.

Source: Davison & Hinkley 1997, "Bootstrap methods and their application", sec. 2.4 and 5.2.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen import seeds

Measure = Callable[..., float]
DRAWS = 200
PERMUTATIONS = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A measure, and where its true value is.

    Args:
        value: as measured.
        low: the lower end.
        high: the upper end.
        bias: how much too large the measure tends to be; the ends are without it.
    """

    value: float
    low: float
    high: float
    bias: float = 0.0

    def holds(self, value: float) -> bool:
        """Whether a value lies between the ends."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Paired:
    """How much larger a measure is of one set than of the other, where members belong together.

    Args:
        difference: of the first less of the second.
        low: the lower end of its interval.
        high: the upper end.
        p: how often chance alone makes a difference as large, were there none; at least
            1 / (permutations + 1).
    """

    difference: float
    low: float
    high: float
    p: float


def mean(values: Tensor) -> float:
    """Average a value for each picture; the measure of all that can be judged one by one."""
    return values.double().mean().item()


def interval(
    measure: Measure,
    *samples: Tensor,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """Measure, and say where the true value is.

    Args:
        measure: a function of as many tensors as there are samples.
        samples: independent of each other; rows are drawn, (N, ...) each.
        draws: how often they are drawn anew.
        seed: what is drawn follows from it.
        level: how sure the interval is.
        within: what the measure can be at all; the ends are held there.
    """
    value = measure(*samples)
    source = seeds.generator(seed, "bootstrap")
    again = _tensor([measure(*(x[_rows(len(x), source)] for x in samples)) for _ in range(draws)])
    low, high = (_held(end, within) for end in _basic(value, again, level))
    return Interval(value, low, high, again.mean().item() - value)


def paired(
    a: Tensor,
    b: Tensor,
    measure: Callable[[Tensor], float] = mean,
    *,
    draws: int = PERMUTATIONS,
    seed: int = 0,
    level: float = LEVEL,
) -> Paired:
    """Compare two sets whose members belong together, as drawn for one caption with one seed.

    The interval draws pairs anew; p comes from swapping the members of pairs by chance, which is
    exact when it does not matter which is whose.

    Args:
        a: values or features of the first set's pictures, (N, ...).
        b: of the second's, (N, ...), pair by pair.
        measure: a function of one set.
        draws: how often pairs are drawn anew, and how often swapped.
        seed: what is drawn follows from it.
        level: how sure the interval is.
    """
    assert a.shape == b.shape, "pairs have two members of a kind"
    source = seeds.generator(seed, "paired")
    difference = measure(a) - measure(b)
    drawn = [_rows(len(a), source) for _ in range(draws)]
    again = _tensor([measure(a[rows]) - measure(b[rows]) for rows in drawn])
    low, high = _basic(difference, again, level)
    swapped = _tensor([_swapped_difference(a, b, measure, source) for _ in range(draws)])
    as_large = (swapped.abs() >= abs(difference) - 1e-12 * (1 + abs(difference))).sum().item()
    return Paired(difference, low, high, (1 + as_large) / (1 + draws))


def _swapped_difference(
    a: Tensor, b: Tensor, measure: Callable[[Tensor], float], source: torch.Generator
) -> float:
    keep = torch.rand(len(a), generator=source).lt(0.5).view(-1, *[1] * (a.ndim - 1))
    return measure(torch.where(keep, a, b)) - measure(torch.where(keep, b, a))


def _rows(count: int, source: torch.Generator) -> Tensor:
    return torch.randint(count, (count,), generator=source)


def _basic(value: float, again: Tensor, level: float) -> tuple[float, float]:
    tails = torch.tensor([(1 + level) / 2, (1 - level) / 2], dtype=torch.float64)
    low, high = (2 * value - again.quantile(tails)).tolist()
    return low, high


def _held(value: float, within: tuple[float, float]) -> float:
    return min(max(value, within[0]), within[1])


def _tensor(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
