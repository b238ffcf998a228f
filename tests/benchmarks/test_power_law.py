"""The fit finds a law that it is given, and its interval says how sure that is."""

import numpy as np
import pytest

from benchmarks.power_law import Floats, PowerLaw, fit, interval, resampled

TRUE = PowerLaw(0.01, 0.006, 0.45, 0.008, 0.8, parameters=5e5, samples=1e4)
SIZES = np.array([1.5e5, 3e5, 6e5, 1.2e6, 2.4e6])
LENGTHS = np.array([4e3, 8e3, 1.6e4, 3.2e4])


def measured(noise: float) -> Floats:
    """Return losses (runs, points) of the true law, each run off by a factor of its own."""
    off = np.random.default_rng(0).normal(0, noise, (len(SIZES), 1))
    return np.asarray(TRUE.loss(SIZES[:, None], LENGTHS[None, :]) * np.exp(off))


def fit_to(loss: Floats) -> PowerLaw:
    n, d = np.meshgrid(SIZES, LENGTHS, indexing="ij")
    return fit(n.ravel(), d.ravel(), loss.ravel())


def test_an_exact_law_is_found() -> None:
    """1 %: the search stops where a step changes nothing it can see."""
    law = fit_to(measured(0.0))
    assert law.parameter_exponent == pytest.approx(TRUE.parameter_exponent, rel=0.01)
    assert law.sample_exponent == pytest.approx(TRUE.sample_exponent, rel=0.01)
    assert law.floor == pytest.approx(TRUE.floor, rel=0.01)


def test_one_run_far_off_does_not_carry_the_fit_away() -> None:
    """The Huber loss: a point off by a factor of 1.5 counts linearly.  20 %: it still counts."""
    loss = measured(0.0)
    loss[2, 1] *= 1.5
    assert fit_to(loss).sample_exponent == pytest.approx(TRUE.sample_exponent, rel=0.2)


def test_the_interval_grows_with_the_noise_of_the_runs() -> None:
    widths = []
    for noise in (0.002, 0.02):
        loss = measured(noise)
        laws = resampled(fit_to(loss), SIZES, LENGTHS, loss, draws=20, seed=0)
        low, high = interval([law.parameter_exponent for law in laws])
        widths.append(high - low)
    assert widths[1] > 2 * widths[0] > 0
