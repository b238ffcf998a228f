"""Fitting how a loss falls with parameters and samples, and how sure the fit is.

    L(N, D) = E + A / N^a + B / D^b

N: parameters, D: samples seen. E is what no network and no amount of samples takes away.
Source: Hoffmann et al. 2022 (arXiv:2203.15556), eq. 2; fitted as in their appendix D.4: the Huber
loss of log L, from several starts.
"""

from dataclasses import astuple, dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

Floats = NDArray[np.float64]

HUBER = 1e-3  # of log L: further off counts linearly
STARTS = list(product((0.1, 0.5, 0.9), (0.2, 0.5, 1.0), (0.2, 0.5, 1.0)))  # share of E, a, b
LOWEST = np.array([-30.0, -30.0, 0.0, -30.0, 0.0])  # log E, log of A's part, a, log of B's part, b
HIGHEST = np.array([3.0, 3.0, 4.0, 3.0, 4.0])


@dataclass(frozen=True)
class PowerLaw:
    """What was fitted.

    Args:
        floor: E.
        of_parameters: A / N^a at the geometric mean of the N fitted to.
        parameter_exponent: a.
        of_samples: B / D^b at the geometric mean of the D fitted to.
        sample_exponent: b.
        parameters: that mean of N.
        samples: that mean of D.
    """

    floor: float
    of_parameters: float
    parameter_exponent: float
    of_samples: float
    sample_exponent: float
    parameters: float
    samples: float

    def loss(self, n: Floats, d: Floats) -> Floats:
        """Return L at some parameters and samples."""
        by_n = self.of_parameters * (n / self.parameters) ** -self.parameter_exponent
        by_d = self.of_samples * (d / self.samples) ** -self.sample_exponent
        return np.asarray(self.floor + by_n + by_d)


def fit(n: Floats, d: Floats, loss: Floats, near: PowerLaw | None = None) -> PowerLaw:
    """Fit the law; the best of all starts.

    Args:
        n: parameters, (points,).
        d: samples seen, (points,).
        loss: measured there, (points,), positive.
        near: a law to start from, in place of many starts.
    """
    means = float(np.exp(np.log(n).mean())), float(np.exp(np.log(d).mean()))
    starts = [_first_guess(loss, *start) for start in STARTS] if near is None else [_vector(near)]

    def misses(x: Floats) -> Floats:
        return np.asarray(np.log(_law(x, means).loss(n, d)) - np.log(loss))

    def search(first: Floats) -> Any:
        inside = np.clip(first, LOWEST, HIGHEST)
        bounds = LOWEST, HIGHEST
        how: dict[str, Any] = {"method": "dogbox", "x_scale": "jac"}  # the quickest, to one optimum
        return least_squares(misses, inside, bounds=bounds, loss="huber", f_scale=HUBER, **how)

    best = min(map(search, starts), key=lambda found: found.cost)
    return _law(best.x, means)


def _first_guess(loss: Floats, share: float, a: float, b: float) -> Floats:
    """Start with a share of the lowest loss as the floor, and the rest halved between N and D."""
    floor = share * loss.min()
    half = (loss.mean() - floor) / 2
    return np.array([np.log(floor), np.log(half), a, np.log(half), b])


def _vector(law: PowerLaw) -> Floats:
    floor, by_n, by_d = np.log([law.floor, law.of_parameters, law.of_samples])
    return np.array([floor, by_n, law.parameter_exponent, by_d, law.sample_exponent])


def _law(x: Floats, means: tuple[float, float]) -> PowerLaw:
    floor, by_n, by_d = map(float, np.exp(x[[0, 1, 3]]))
    return PowerLaw(floor, by_n, float(x[2]), by_d, float(x[4]), *means)


def resampled(
    law: PowerLaw, n: Floats, d: Floats, loss: Floats, *, draws: int, seed: int
) -> list[PowerLaw]:
    """Fit again to the law plus its own misses, dealt anew among the runs.

    The points along one run miss the law together, so a run's misses stay together.

    Args:
        law: fitted to all points.
        n: parameters of each run, (runs,).
        d: samples at which each run was read, (points,).
        loss: (runs, points).
        draws: how many fits.
        seed: of the dealing.
    """
    grid_n, grid_d = np.meshgrid(n, d, indexing="ij")
    expected = law.loss(grid_n, grid_d)
    misses = np.log(loss) - np.log(expected)
    generator = np.random.default_rng(seed)
    dealt = (misses[generator.integers(len(n), size=len(n))] for _ in range(draws))
    return [
        fit(grid_n.ravel(), grid_d.ravel(), (expected * np.exp(miss)).ravel(), law)
        for miss in dealt
    ]


def interval(values: list[float], share: float = 0.8) -> tuple[float, float]:
    """Return the quantiles that hold a share of some values between them."""
    low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def as_numbers(law: PowerLaw) -> list[float]:
    """Return the law's fields in their order, for a record."""
    return list(astuple(law))
