"""Power-function averages, and how one of any length is made of others after training.

    average(t) = sum of w_i theta_i over i = 1..t
    w_i        = (i / t)^(gamma + 1) - ((i - 1) / t)^(gamma + 1)

is the profile tau^gamma, the weights theta_i being held for tau from i - 1 to i. Its length is told
by sigma_rel, its standard deviation as a share of t. Numbers only: no networks, no files.

Source: Karras et al. 2023 (arXiv:2312.02696), sec. 3 and app. C.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
LONGEST = 0.28  # sigma_rel; 1 / sqrt(12) = 0.289 is gamma = 0, all steps alike


def sigma_rel_of(gamma: float) -> float:
    """Return the relative standard deviation of tau^gamma on [0, t], at most 0.289 for gamma >= 0.

    sigma_rel = sqrt(gamma + 1) / ((gamma + 2) sqrt(gamma + 3))
    """
    return math.sqrt(gamma + 1) / ((gamma + 2) * math.sqrt(gamma + 3))


def gamma_of(sigma_rel: float) -> float:
    """Invert :func:`sigma_rel_of` for sigma_rel in (0, 0.28].

    The largest root of (gamma + 2)^2 (gamma + 3) = (gamma + 1) / sigma_rel^2.
    """
    inverse = sigma_rel**-2
    roots = np.roots([1, 7, 16 - inverse, 12 - inverse])
    largest: float = max(np.real(roots).tolist())
    return largest


def power_decay(updates: int, gamma: float) -> float:
    """Return beta(t) = (1 - 1 / t)^(gamma + 1) of update t; 0 for the first.

    Args:
        updates: how many came before, t - 1.
        gamma: exponent of the profile.
    """
    return math.pow(1 - 1 / (updates + 1), gamma + 1)


@dataclass(frozen=True)
class Profile:
    """Which steps an average is of.

    Args:
        sigma_rel: its length as a share of the training so far.
        updates: how many updates it has seen, t.
    """

    sigma_rel: float
    updates: int

    def weights(self) -> Numbers:
        """Return what each update contributes, (updates,); they sum to 1."""
        edges = np.linspace(0, 1, self.updates + 1) ** (gamma_of(self.sigma_rel) + 1)
        return np.diff(edges)


@dataclass(frozen=True)
class Combination:
    """A profile as a weighted sum of others.

    Args:
        coefficients: one for each of the others, (N,); they sum to 1.
        mismatch: distance between the sum and the profile, as a share of the profile's norm.
    """

    coefficients: Numbers
    mismatch: float


def combine(tracked: Sequence[Profile], target: Profile) -> Combination:
    """Come as near to a profile as others allow, by least squares over the whole training.

    Minimises the integral of (sum of x_j p_j - p)^2 with the x_j summing to 1, so that weights that
    never moved are reproduced.

    Args:
        tracked: N profiles, none of which ends after the target.
        target: p.
    """
    gram = inner_products(tracked, tracked) * target.updates  # (N, N), of order 1
    seen = inner_products(tracked, [target])[:, 0] * target.updates  # (N,)
    ones = np.ones_like(seen)
    # The last unknown is the multiplier of the condition on the sum.
    system = np.block([[gram, ones[:, None]], [ones[None, :], np.zeros((1, 1))]])
    # lstsq and not solve: two snapshots with nothing but skipped steps between them are equal.
    x = np.linalg.lstsq(system, np.append(seen, 1.0))[0][:-1]
    norm = inner_products([target], [target])[0, 0] * target.updates
    distance = float(x @ gram @ x - 2 * x @ seen + norm)
    return Combination(x, math.sqrt(max(distance, 0.0) / norm))


def inner_products(these: Sequence[Profile], those: Sequence[Profile]) -> Numbers:
    """Return the integral of p_a p_b over tau for each pair, (len(these), len(those)).

    (gamma_a + 1) (gamma_b + 1) / (gamma_a + gamma_b + 1) * (t_1 / t_2)^gamma_2 / t_2,
    where t_1 <= t_2 are the two ends and gamma_2 belongs to the later one.
    """
    gamma_a, t_a = (column[:, None] for column in _columns(these))
    gamma_b, t_b = _columns(those)
    gamma_2 = np.where(t_a < t_b, gamma_b, gamma_a)
    t_1, t_2 = np.minimum(t_a, t_b), np.maximum(t_a, t_b)
    share = (gamma_a + 1) * (gamma_b + 1) / (gamma_a + gamma_b + 1)
    return np.asarray(share * (t_1 / t_2) ** gamma_2 / t_2)


def _columns(profiles: Sequence[Profile]) -> tuple[Numbers, Numbers]:
    """Return gamma and t of each."""
    gammas = np.array([gamma_of(profile.sigma_rel) for profile in profiles])
    return gammas, np.array([profile.updates for profile in profiles], dtype=np.float64)
