"""Data whose best denoiser is known exactly: a mixture of Gaussians in the plane.

With it a sampler makes the only error, so samplers can be compared without a network. A point is a
pixel of two channels; an image (B, 2, H, W) is B H W points that nothing connects.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen.diffusion import Schedule
from minimagen.sampling import Bound
from minimagen.seeds import Key, generator


@dataclass(frozen=True)
class Mixture:
    """Gaussian modes in the plane, each stretched along axes of its own; all float64.

    Args:
        weights: how likely each mode is, (K,), sum 1.
        means: (K, 2).
        axes: each mode's principal directions as columns, (K, 2, 2), orthonormal.
        stds: standard deviations along them, (K, 2).
    """

    weights: Tensor
    means: Tensor
    axes: Tensor
    stds: Tensor

    def draw(self, count: int, *key: Key) -> Tensor:
        """Draw points, the same for the same key; (count, 2)."""
        source = generator("mixture", *key)
        modes = self.weights.multinomial(count, replacement=True, generator=source)
        eps = torch.randn(count, 2, generator=source, dtype=torch.float64)
        return self.means[modes] + (self.axes[modes] @ (self.stds[modes] * eps)[..., None])[..., 0]

    def denoiser(self, schedule: Schedule) -> Bound:
        """Return E[x_0 | x_t]: each mode's own estimate, weighted by how likely the mode made x_t.

        In a mode's axes, where z = x_t - alpha mean and v = alpha^2 std^2 + sigma^2:

            p(mode | x_t)  is proportional to  weight prod(N(z; 0, v))
            E[x_0 | x_t, mode] = mean + alpha std^2 / v z
        """
        rows = self.axes.transpose(1, 2).flatten(0, 1)  # (2 K, 2): turns a point into all axes
        centres = torch.einsum("kij,ki->kj", self.axes, self.means)[..., None]  # (K, 2, 1)
        variances, log_weights = self.stds[..., None] ** 2, self.weights.log()[:, None]

        def denoise(x_t: Tensor, t: Tensor) -> Tensor:
            at = schedule.at(t, x_t)  # (B, 1, 1, 1)
            turned = (rows @ x_t.flatten(2)).view(len(x_t), *centres.shape[:2], -1)
            z = turned - at.alpha * centres  # (B, K, 2, H W)
            v = at.alpha**2 * variances + at.sigma**2  # (B, K, 2, 1)
            log_p = log_weights - ((z.square() / v).sum(2) + v.log().sum(2)) / 2  # (B, K, H W)
            means = centres + at.alpha * variances / v * z  # (B, K, 2, H W)
            weighed = log_p.softmax(1)[:, :, None] * means
            return (rows.T @ weighed.flatten(1, 2)).view_as(x_t)

        return denoise

    def energy_distance(self, points: Tensor, directions: int = 16) -> float:
        """Estimate how far points are from being drawn from this law.

            2 E|X - Y| - E|X - X'| - E|Y - Y'|,   X the points, Y this law, known exactly

        A length is pi / 2 times its mean shadow over directions u, |v| = pi / 2 mean |v . u|. The
        estimate is unbiased: for points of this law it scatters around 0 and may be negative.

        Args:
            points: (N, 2), float64.
            directions: evenly spaced; 16 are right within 0.2 % for each pair of points.

        Source: Szekely & Rizzo 2013, "Energy statistics: a class of statistics based on distances".
        """
        angles = math.pi / directions * torch.arange(directions, dtype=torch.float64)
        shadows = [self._distance_along(u, points @ u) for u in _unit(angles)]
        return math.pi / 2 * torch.stack(shadows).mean().item()

    def _distance_along(self, u: Tensor, shadow: Tensor) -> Tensor:
        """Return the energy distance of shadows (N,) from this law's own shadow along u (2,)."""
        means, stds = self.means @ u, (self.stds * (u @ self.axes)).norm(dim=1)  # (K,)
        between = self.weights @ mean_length(shadow - means[:, None], stds[:, None]).mean(dim=1)
        spread = (stds[:, None] ** 2 + stds**2).sqrt()
        alike = self.weights @ mean_length(means[:, None] - means, spread) @ self.weights
        return 2 * between - mean_difference(shadow) - alike


def ring(modes: int = 8, radius: float = 0.75) -> Mixture:
    """Place modes on a circle: flat ellipses, each turned further, each less likely than the last.

    The last is a third as likely as the first. Points lie in about [-1, 1].
    """
    places = torch.arange(modes, dtype=torch.float64)
    angles, weights = 2 * math.pi * places / modes, 1.5 - places / (modes - 1)
    turns = 2.3 * angles
    return Mixture(
        weights=weights / weights.sum(),
        means=radius * _unit(angles),
        axes=torch.stack([_unit(turns), _unit(turns + math.pi / 2)], dim=2),
        stds=torch.tensor([0.1, 0.03], dtype=torch.float64).expand(modes, 2),
    )


def mean_length(mean: Tensor, std: Tensor) -> Tensor:
    """Return E|N(mean, std^2)|; they are broadcast."""
    z = mean / (std * math.sqrt(2))
    return std * math.sqrt(2 / math.pi) * (-z.square()).exp() + mean * z.erf()


def mean_difference(line: Tensor) -> Tensor:
    """Average |x_i - x_j| over all pairs of numbers (N,) by sorting them once; a scalar."""
    count = len(line)
    signs = torch.arange(1 - count, count, 2, dtype=line.dtype)  # pairs x_i ends, less x_i begins
    return line.sort().values @ signs * 2 / (count * (count - 1))


def _unit(angles: Tensor) -> Tensor:
    """Return unit vectors; (N,) -> (N, 2)."""
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def to_image(points: Tensor) -> Tensor:
    """Turn points (N, 2) into one image of a pixel a point, (1, 2, N, 1)."""
    return points.T[None, :, :, None].contiguous()


def to_points(image: Tensor) -> Tensor:
    """Turn images (B, 2, H, W) into points, (B H W, 2)."""
    return image.movedim(1, -1).reshape(-1, 2)
