"""Sides of pictures that are not square: the same ratio at every stage, about the same area.

A ratio is width over height. All here is arithmetic on whole numbers; it knows no pictures.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product

LOWEST, HIGHEST = 0.25, 4.0  # ratios
MAX_AREA = 1.5  # times a square's area, or one over it
MAX_BENT = 1.15  # times the ratio that was asked for, or one over it

Sides = tuple[int, int]
"""Height and width, in pixels."""


def sides_of(
    ratio: float, sizes: Sequence[int], multiples: Sequence[int]
) -> tuple[Sides, ...] | None:
    """Choose sides near a ratio that every stage's network takes.

    Of all sides that fit, those are chosen whose ratio and, half as much, whose area are nearest on
    a logarithmic scale. A ratio of 1 gives the squares themselves.

    Args:
        ratio: width over height.
        sizes: side of each stage's square pictures, in pixels.
        multiples: what the sides of each stage's pictures must be multiples of.

    Returns:
        Height and width for each stage, all of exactly one ratio; None when all that fits is more
        than 15 % off the ratio or half as large again as the square.
    """
    base, grid = sizes[0], _grid(sizes, multiples)
    steps = range(grid, math.ceil(base * math.sqrt(HIGHEST * MAX_AREA)) + grid, grid)
    fitting = [sides for sides in product(steps, steps) if _is_near(sides, ratio, base)]
    if not fitting:
        return None
    height, width = min(fitting, key=lambda sides: _distance(sides, ratio, base))
    return tuple((height * size // base, width * size // base) for size in sizes)


def scaled(sides: Sides, size: int, other: int) -> Sides:
    """Return the sides at a stage of another size, of the same ratio.

    Args:
        sides: height and width at a stage of ``size``.
        size: side of that stage's square pictures.
        other: side of the other stage's.
    """
    height, width = sides
    return height * other // size, width * other // size


def _grid(sizes: Sequence[int], multiples: Sequence[int]) -> int:
    """Return what sides of the first stage are multiples of, for all stages' sides to fit."""
    grid = 1
    for size, multiple in zip(sizes, multiples, strict=True):
        growth = Fraction(size, sizes[0])
        needed = multiple * growth.denominator
        grid = math.lcm(grid, needed // math.gcd(needed, growth.numerator))
    return grid


def _distance(sides: Sides, ratio: float, base: int) -> tuple[float, int]:
    bent, larger = _off(sides, ratio, base)
    return bent + larger / 2, sides[0]


def _is_near(sides: Sides, ratio: float, base: int) -> bool:
    bent, larger = _off(sides, ratio, base)
    return bent <= math.log(MAX_BENT) and larger <= math.log(MAX_AREA) + 1e-9


def _off(sides: Sides, ratio: float, base: int) -> tuple[float, float]:
    """How far sides are from a ratio and from the square's area, as logarithms."""
    height, width = sides
    return abs(math.log(width / height / ratio)), abs(math.log(width * height / base**2))
