"""Kernel distances are what plain loops say, unbiased, and the same however they are computed."""

from collections.abc import Callable
from itertools import permutations, product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from minimagen.evaluation import kernel
from minimagen.evaluation.kernel import (
    Kernel,
    clip_distance,
    energy_distance,
    kernel_distance,
    mmd,
    resampled_mmd,
)

KERNELS = [kernel.polynomial, kernel.gaussian, kernel.closeness]


def normal(count: int, width: int, seed: int) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def by_loops(a: Tensor, b: Tensor, k: Callable[[Tensor, Tensor], float]) -> float:
    """Return MMD^2 from its definition, a pair at a time."""
    own = [sum(k(x, y) for x, y in permutations(s, 2)) / (len(s) * (len(s) - 1)) for s in (a, b)]
    between = sum(k(x, y) for x, y in product(a, b)) / (len(a) * len(b))
    return sum(own) - 2 * between


def test_kid_cmmd_and_the_energy_distance_are_their_definitions() -> None:
    a, b = normal(9, 4, 0).double(), normal(7, 4, 1).double() + 0.3
    cubic = by_loops(a, b, lambda x, y: (((x @ y) / 4 + 1) ** 3).item())
    assert kernel_distance(a, b) == pytest.approx(cubic, rel=1e-10)
    lengths = by_loops(a, b, lambda x, y: -(x - y).norm().item())
    assert energy_distance(a, b) == pytest.approx(lengths, rel=1e-10)
    bells = by_loops(
        F.normalize(a, dim=1),
        F.normalize(b, dim=1),
        lambda x, y: (-(x - y).square().sum() / 200).exp().item(),
    )
    assert clip_distance(a, b) == pytest.approx(1000 * bells, rel=1e-6)  # differences of near 1s


def test_kid_agrees_with_torchmetrics() -> None:
    from torchmetrics.image.kid import maximum_mean_discrepancy

    a, b = normal(30, 6, 0).double(), normal(30, 6, 1).double() * 1.5
    theirs = maximum_mean_discrepancy(
        *(kernel.polynomial(x, y) for x, y in ((a, a), (a, b), (b, b)))
    )
    assert kernel_distance(a, b) == pytest.approx(theirs.item(), rel=1e-9)


@pytest.mark.parametrize("k", KERNELS)
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_blocks_change_nothing(k: Kernel, block: int) -> None:
    a, b = normal(20, 3, 0), normal(13, 3, 1)
    assert mmd(a, b, k, block) == pytest.approx(mmd(a, b, k), rel=1e-9)


@pytest.mark.parametrize("k", KERNELS)
def test_between_sets_of_one_law_it_scatters_around_0(k: Kernel) -> None:
    """The mean of 200 is within three of its standard errors."""
    found = torch.tensor(
        [mmd(normal(12, 3, 2 * seed), normal(12, 3, 2 * seed + 1), k) for seed in range(200)]
    )
    assert found.min() < 0
    assert abs(found.mean()) < 3 * found.std() / 200**0.5


@pytest.mark.parametrize("k", KERNELS)
def test_on_every_row_once_the_resampled_form_is_the_same(k: Kernel) -> None:
    a, b = normal(20, 3, 0), normal(13, 3, 1)
    measure = resampled_mmd(a, b, k)
    assert measure(torch.arange(20), torch.arange(13)) == pytest.approx(mmd(a, b, k), rel=1e-9)


def test_copies_of_a_sample_bring_two_sets_no_nearer() -> None:
    """Each row twice is the same estimate: a sample says nothing of its distance to its copy."""
    a, b = normal(20, 3, 0), normal(13, 3, 1) + 1
    measure = resampled_mmd(a, b, kernel.polynomial)
    twice = measure(torch.arange(20).repeat(2), torch.arange(13).repeat(2))
    assert twice == pytest.approx(kernel_distance(a, b), rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0])
def test_it_grows_with_the_distance_of_the_laws(shift: float) -> None:
    a, b = normal(60, 3, 0), normal(60, 3, 1)
    for k in KERNELS:
        assert mmd(a, b + shift + 0.5, k) > mmd(a, b + shift, k)
