"""The mathematics of power-function averages, against sums over all steps and against integrals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimagen.training.posthoc import (
    LONGEST,
    Profile,
    combine,
    gamma_of,
    inner_products,
    power_decay,
    sigma_rel_of,
)

STEPS = 1000
lengths = st.floats(0.002, LONGEST)


def evenly(count: int, *sigma_rels: float) -> list[Profile]:
    """Return the profiles of snapshots taken evenly over the steps."""
    ends = [round(STEPS * (i + 1) / count) for i in range(count)]
    return [Profile(sigma_rel, end) for end in ends for sigma_rel in sigma_rels]


def density(profile: Profile, tau: np.ndarray) -> np.ndarray:
    """Return the continuous profile at times before its end."""
    gamma = gamma_of(profile.sigma_rel)
    return (gamma + 1) / profile.updates * (tau / profile.updates) ** gamma


def total_weights(profiles: list[Profile], coefficients: np.ndarray) -> np.ndarray:
    """Return what each step contributes to a combination, (STEPS,)."""
    padded = [np.pad(profile.weights(), (0, STEPS - profile.updates)) for profile in profiles]
    return coefficients @ np.stack(padded)


@given(lengths)
def test_gamma_is_the_inverse_of_sigma_rel(sigma_rel: float) -> None:
    """1e-9: the roots of a cubic with coefficients up to 2.5e5, in float64."""
    assert sigma_rel_of(gamma_of(sigma_rel)) == pytest.approx(sigma_rel, rel=1e-9)
    assert gamma_of(sigma_rel) > 0


@pytest.mark.parametrize(("sigma_rel", "gamma"), [(0.05, 16.97), (0.1, 6.94)])
def test_gammas_are_the_paper_s(sigma_rel: float, gamma: float) -> None:
    """Karras et al. 2023, sec. 3.1, which gives two decimals."""
    assert gamma_of(sigma_rel) == pytest.approx(gamma, abs=0.005)


@given(lengths)
def test_sigma_rel_is_the_standard_deviation_of_the_profile(sigma_rel: float) -> None:
    """0.002 is two steps: one of steps is as wide as the continuous one but for their width."""
    weights = Profile(sigma_rel, STEPS).weights()
    place = (np.arange(STEPS) + 0.5) / STEPS
    mean = float(weights @ place)
    assert math.sqrt(float(weights @ (place - mean) ** 2)) == pytest.approx(sigma_rel, abs=0.002)


@given(lengths, st.integers(1, 200))
def test_decays_multiply_to_the_profile_s_weights(sigma_rel: float, updates: int) -> None:
    """The naive sum: step i keeps what later decays leave of it. 1e-12 is float64 rounding."""
    gamma = gamma_of(sigma_rel)
    decays = np.array([power_decay(n, gamma) for n in range(updates)])
    naive = [(1 - decays[i]) * np.prod(decays[i + 1 :]) for i in range(updates)]
    np.testing.assert_allclose(Profile(sigma_rel, updates).weights(), naive, atol=1e-12)
    assert sum(naive) == pytest.approx(1)


def test_the_first_update_forgets_where_it_began() -> None:
    assert power_decay(0, gamma_of(0.1)) == 0


@given(st.floats(0.02, LONGEST), st.floats(0.02, LONGEST), st.integers(300, STEPS))
def test_inner_products_are_the_integrals(one: float, other: float, end: int) -> None:
    """By 200 points of Gauss, exact for powers up to 399, but for the broken part of an exponent.

    These exponents come to 98 at most; 1e-6 is what is left for their broken parts near 0.
    """
    a, b = Profile(one, STEPS), Profile(other, end)
    points, shares = np.polynomial.legendre.leggauss(200)
    tau = (points + 1) / 2 * end  # from 0 to where the shorter one ends
    values = density(a, tau) * density(b, tau)
    integral = float(shares @ values) * end / 2
    assert inner_products([a], [b])[0, 0] == pytest.approx(integral, rel=1e-6)
    assert inner_products([b], [a]) == inner_products([a], [b])


@pytest.mark.parametrize("sigma_rel", [0.05, 0.1])
def test_a_tracked_profile_is_its_own_snapshot(sigma_rel: float) -> None:
    """1e-6 is float64 rounding in a system of 41 equations."""
    tracked = evenly(20, 0.05, 0.1)
    found = combine(tracked, Profile(sigma_rel, STEPS))
    assert found.mismatch < 1e-6
    own = tracked.index(Profile(sigma_rel, STEPS))
    np.testing.assert_allclose(found.coefficients, np.eye(len(tracked))[own], atol=1e-6)


@pytest.mark.parametrize(
    ("sigma_rel", "mismatch"),
    [(0.03, 0.027), (0.04, 0.007), (0.06, 0.0023), (0.08, 0.002), (0.15, 0.006), (0.2, 0.016)],
)
def test_two_profiles_in_twenty_snapshots_make_any_other(sigma_rel: float, mismatch: float) -> None:
    """The table of docs/how-to/choose-an-average.md.

    The stated mismatch is that of the continuous profiles; 20 % more for those of 1000 steps.
    """
    tracked, target = evenly(20, 0.05, 0.1), Profile(sigma_rel, STEPS)
    found = combine(tracked, target)
    assert found.mismatch <= mismatch
    assert found.coefficients.sum() == pytest.approx(1, abs=1e-9)
    made, wanted = total_weights(tracked, found.coefficients), target.weights()
    distance = float(np.linalg.norm(made - wanted) / np.linalg.norm(wanted))
    assert distance == pytest.approx(found.mismatch, rel=0.2)


@given(lengths, st.integers(4, 40))
def test_no_other_sum_of_the_snapshots_comes_nearer(sigma_rel: float, count: int) -> None:
    """Any step away from the solution that keeps the sum makes the distance larger, or as large."""
    tracked, target = evenly(count, 0.05, 0.1), Profile(sigma_rel, STEPS)
    found = combine(tracked, target)
    gram, seen = inner_products(tracked, tracked), inner_products(tracked, [target])[:, 0]

    def distance(x: np.ndarray) -> float:
        return float(x @ gram @ x - 2 * x @ seen)

    rng = np.random.default_rng(count)
    for _ in range(5):
        away = rng.standard_normal(len(tracked))
        away -= away.mean()
        assert distance(found.coefficients + 1e-2 * away) > distance(found.coefficients)


def test_snapshots_that_are_equal_are_no_trouble() -> None:
    """Nothing but skipped steps was between them."""
    tracked = evenly(8, 0.05, 0.1)
    once, twice = (combine(p, Profile(0.07, STEPS)) for p in (tracked, tracked + tracked[-2:]))
    assert twice.mismatch == pytest.approx(once.mismatch, rel=1e-6)


@pytest.mark.parametrize("sigma_rel", [0.03, 0.07, 0.2])
@pytest.mark.parametrize(
    "trajectory",
    [
        lambda s: np.full_like(s, 3.0),
        lambda s: s,
        lambda s: np.exp(-5 * s),
        lambda s: np.sin(40 * s),
        lambda s: np.random.default_rng(0).standard_normal(len(s)).cumsum() / len(s) ** 0.5,
    ],
    ids=["constant", "line", "decay", "wave", "random walk"],
)
def test_a_made_average_is_the_tracked_one_within_the_stated_error(
    trajectory: object, sigma_rel: float
) -> None:
    """By Cauchy and Schwarz the error is at most the mismatch times both norms.

    A constant is reproduced exactly, so the trajectory counts from its mean; 20 % as above.
    """
    theta = trajectory(np.arange(1, STEPS + 1) / STEPS)  # type: ignore[operator]
    tracked, target = evenly(20, 0.05, 0.1), Profile(sigma_rel, STEPS)
    found = combine(tracked, target)
    snapshots = [float(p.weights() @ theta[: p.updates]) for p in tracked]
    error = abs(float(found.coefficients @ snapshots) - float(target.weights() @ theta))
    spread = np.linalg.norm(theta - theta.mean())
    allowed = 1.2 * found.mismatch * np.linalg.norm(target.weights()) * spread
    assert error <= allowed + 1e-9
