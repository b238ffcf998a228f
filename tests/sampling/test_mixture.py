"""The exact mixture by which samplers are compared, and what it says of them."""

import math

import pytest
import torch
from torch import Tensor

from benchmarks.mixture import Mixture, mean_length, ring, to_image, to_points
from benchmarks.walks import GRIDS, SCHEDULE, calls_made, longest_walk, walk
from minimagen.evaluation.kernel import energy_distance
from minimagen.sampling import SAMPLERS
from minimagen.seeds import generator, normal


def pixels(count: int, key: str = "start") -> Tensor:
    """Return standard normal points as one image, (1, 2, count, 1)."""
    return normal([generator("test mixture", key)], (2, count, 1)).double()


def density(mixture: Mixture, points: Tensor) -> Tensor:
    """Return the density of points (N, 2), up to a factor, from the full covariances."""
    covariances = mixture.axes @ (mixture.stds**2).diag_embed() @ mixture.axes.mT
    away = points[:, None] - mixture.means  # (N, K, 2)
    squares = torch.einsum("nki,kij,nkj->nk", away, covariances.inverse(), away)
    return (-squares / 2).exp() @ (mixture.weights / covariances.det().sqrt())


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_the_denoiser_is_the_mean_over_everything_that_x_t_may_have_been(t: float) -> None:
    """Quadrature of E[x_0 | x_t] on a plane of points 0.01 apart, a third of the narrowest mode.

    Sums of Gaussians at that spacing are exact to exp(-2 pi^2 3^2); the plane is cut at 1.5, eight
    standard deviations from every mode.
    """
    mixture, time = ring(), torch.tensor(t, dtype=torch.float64)
    line = torch.arange(-1.5, 1.5, 0.01, dtype=torch.float64)
    plane = torch.cartesian_prod(line, line)  # (M, 2)
    x_t = SCHEDULE.at(time, plane).alpha * mixture.draw(4, "x_t")
    at = SCHEDULE.at(time, x_t)
    x_t = x_t + at.sigma * torch.tensor([[0.0, 0.0], [1.0, -1.0], [-2.0, 0.5], [0.3, 0.7]])
    likelihood = (-torch.cdist(x_t, at.alpha * plane).square() / (2 * at.sigma**2)).exp()  # (4, M)
    posterior = likelihood * density(mixture, plane)
    exact = posterior @ plane / posterior.sum(dim=1, keepdim=True)
    estimate = to_points(mixture.denoiser(SCHEDULE)(to_image(x_t), time[None]))
    assert torch.allclose(estimate, exact, atol=1e-9)


def test_points_return_from_an_image_in_their_order() -> None:
    points = ring().draw(7, "order")
    assert torch.equal(to_points(to_image(points)), points)


def quantiles(mean: float, std: float, count: int) -> Tensor:
    """Return equally likely values of N(mean, std^2), (count,)."""
    levels = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return mean + std * math.sqrt(2) * torch.erfinv(2 * levels - 1)


def test_the_mean_length_of_a_normal_number_is_that_of_its_quantiles() -> None:
    """100,000 of them; what lies beyond the extremes leaves an error below 1e-4."""
    mean, std = (torch.tensor(value, dtype=torch.float64) for value in (-0.4, 1.5))
    many = quantiles(-0.4, 1.5, 100_000)
    assert mean_length(mean, std).item() == pytest.approx(many.abs().mean().item(), abs=1e-4)


def test_energy_distance_of_two_gaussians_is_the_closed_form() -> None:
    """N(0, 1) against N(1, 2^2), by 1,000 quantiles each.

    Quantiles stand for the law itself, so leaving out the pairs of one with itself makes the mean
    lengths within, 1.13 and 2.26, larger by 0.1 %.
    """
    mean, variance = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([5.0, 2.0, 8.0])
    between, *within = mean_length(mean, variance.sqrt()).tolist()
    a, b = (quantiles(mean, std, 1000)[:, None] for mean, std in ((0, 1), (1, 2)))
    assert energy_distance(a, b) == pytest.approx(2 * between - sum(within), abs=0.005)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_energy_distance_is_unbiased_and_the_same_in_blocks(block: int) -> None:
    """Three of the five points are one law's, two the other's; every pair counted by hand."""
    a, b = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.0], [2.0]])
    between = (0 + 2 + 1 + 1 + 3 + 1) / 6
    assert energy_distance(a, b, block) == pytest.approx(2 * between - (1 + 3 + 2) / 3 - 2)


def test_energy_distance_of_samples_of_one_law_is_zero_on_average() -> None:
    """50 pairs of 100 samples; four standard errors of what was found. A V-statistic finds 0.02."""
    mixture = ring()
    pairs = [(mixture.draw(100, "a", i), mixture.draw(100, "b", i)) for i in range(50)]
    found = torch.tensor([energy_distance(a, b) for a, b in pairs])
    assert found.mean().abs() < 4 * found.std() / math.sqrt(50)


def test_distance_from_the_law_is_zero_on_average_for_its_own_points() -> None:
    """As above, 50 times 500 points."""
    mixture = ring()
    found = torch.tensor([mixture.energy_distance(mixture.draw(500, "c", i)) for i in range(50)])
    assert found.mean().abs() < 4 * found.std() / math.sqrt(50)


def test_distance_from_the_law_is_the_distance_from_points_of_the_law() -> None:
    """Points 20 % too far out, 0.028; 0.009 is four standard deviations of 1,500 against 1,500."""
    mixture = ring()
    points = 1.2 * mixture.draw(1500, "out")
    sampled = energy_distance(points, mixture.draw(1500, "in"))
    assert mixture.energy_distance(points) == pytest.approx(sampled, abs=0.009)


def test_a_longest_walk_keeps_to_its_budget_and_one_step_more_would_not() -> None:
    for name in SAMPLERS:
        steps = longest_walk(name, 20)
        assert calls_made(name, steps) <= 20 < calls_made(name, steps + 1)


def test_the_best_walk_of_20_calls_is_as_good_as_1000_steps_of_ddpm() -> None:
    """Within four standard deviations of the distance of 4,096 true samples, 2e-4 each."""
    mixture, x = ring(), pixels(4096)
    denoise = mixture.denoiser(SCHEDULE)

    def distance(name: str, grid: str, steps: int) -> float:
        return mixture.energy_distance(to_points(walk(name, denoise, x, GRIDS[grid], steps)))

    best = min(distance(name, "uniform_log_snr", longest_walk(name, 20)) for name in SAMPLERS)
    assert best < distance("ddpm", "uniform_t", 1000) + 4 * 2e-4
    assert distance("ddim", "uniform_log_snr", 20) > best + 4 * 2e-4
