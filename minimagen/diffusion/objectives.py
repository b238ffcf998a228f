"""What the network is asked for, and how x_0 is read off its answer.

Every target is linear in x_0 and eps. Every formula holds for any scale family, alpha^2 + sigma^2 =
1 and alpha + sigma = 1 among them.
"""

from typing import Annotated, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor

from minimagen.config import config
from minimagen.diffusion.schedules import NoiseLevel


class ObjectiveLike(Protocol):
    """What an objective offers."""

    def target(self, x_0: Tensor, eps: Tensor, at: NoiseLevel) -> Tensor:
        """Return what the network should answer; (B, C, H, W)."""

    def to_x_0(self, prediction: Tensor, x_t: Tensor, at: NoiseLevel) -> Tensor:
        """Read the estimate of x_0 off the network's answer; inverts :meth:`target`."""

    def x_0_error_scale(self, at: NoiseLevel) -> Tensor:
        """Return how much larger a squared error is here than when seen in x_0; (B, 1, 1, 1)."""

    def input_scale(self, at: NoiseLevel) -> Tensor:
        """Return what x_t is multiplied by before the network sees it; (B, 1, 1, 1)."""


class _PlainInput:
    """The network sees x_t itself."""

    def input_scale(self, at: NoiseLevel) -> Tensor:
        """One."""
        return torch.ones_like(at.alpha)


@config
class EpsPrediction(_PlainInput):
    """The network predicts the noise.  Ho et al. 2020 (arXiv:2006.11239), eq. 14.

    Reading x_0 off it divides by alpha: at the noisy end an error comes back 1 / alpha times
    larger, 1,800 times at log-SNR -15 and 22,000 times at -20. That is finite, but no estimate; on
    a schedule cut that low ask for v or x_0.
    """

    kind: Literal["eps"] = "eps"

    def target(self, x_0: Tensor, eps: Tensor, at: NoiseLevel) -> Tensor:
        """Eps itself."""
        return eps

    def to_x_0(self, prediction: Tensor, x_t: Tensor, at: NoiseLevel) -> Tensor:
        """(x_t - sigma eps) / alpha."""
        return (x_t - at.sigma * prediction) / at.alpha

    def x_0_error_scale(self, at: NoiseLevel) -> Tensor:
        """(alpha / sigma)^2, the signal-to-noise ratio."""
        return (at.alpha / at.sigma) ** 2


@config
class X0Prediction(_PlainInput):
    """The network predicts the clean image.  Salimans & Ho 2022 (arXiv:2202.00512), sec. 4."""

    kind: Literal["x_0"] = "x_0"

    def target(self, x_0: Tensor, eps: Tensor, at: NoiseLevel) -> Tensor:
        """x_0 itself."""
        return x_0

    def to_x_0(self, prediction: Tensor, x_t: Tensor, at: NoiseLevel) -> Tensor:
        """Nothing to do."""
        return prediction

    def x_0_error_scale(self, at: NoiseLevel) -> Tensor:
        """One."""
        return torch.ones_like(at.alpha)


@config
class VPrediction(_PlainInput):
    """The network predicts v = alpha eps - sigma x_0.

    Source: Salimans & Ho 2022 (arXiv:2202.00512), app. D.
    """

    kind: Literal["v"] = "v"

    def target(self, x_0: Tensor, eps: Tensor, at: NoiseLevel) -> Tensor:
        """Alpha eps - sigma x_0."""
        return at.alpha * eps - at.sigma * x_0

    def to_x_0(self, prediction: Tensor, x_t: Tensor, at: NoiseLevel) -> Tensor:
        """(alpha x_t - sigma v) / (alpha^2 + sigma^2)."""
        return (at.alpha * x_t - at.sigma * prediction) / (at.alpha**2 + at.sigma**2)

    def x_0_error_scale(self, at: NoiseLevel) -> Tensor:
        """((alpha^2 + sigma^2) / sigma)^2."""
        return ((at.alpha**2 + at.sigma**2) / at.sigma) ** 2


@config
class FlowPrediction(_PlainInput):
    """The network predicts the velocity u = eps - x_0.  Lipman et al. 2022 (arXiv:2210.02747)."""

    kind: Literal["flow"] = "flow"

    def target(self, x_0: Tensor, eps: Tensor, at: NoiseLevel) -> Tensor:
        """Eps - x_0."""
        return eps - x_0

    def to_x_0(self, prediction: Tensor, x_t: Tensor, at: NoiseLevel) -> Tensor:
        """(x_t - sigma u) / (alpha + sigma)."""
        return (x_t - at.sigma * prediction) / (at.alpha + at.sigma)

    def x_0_error_scale(self, at: NoiseLevel) -> Tensor:
        """((alpha + sigma) / sigma)^2."""
        return ((at.alpha + at.sigma) / at.sigma) ** 2


@config
class EDMPrediction:
    """The network predicts what is left after the best linear guess, at unit variance.

        D = alpha^2 sigma_data^2 + sigma^2,    the variance of x_t
        x_0 = c_skip x_t + c_out F(c_in x_t)
        c_in = 1 / sqrt(D),   c_skip = alpha sigma_data^2 / D,   c_out = sigma sigma_data / sqrt(D)

    With alpha = 1 these are the paper's; c_noise is left to the network, which is told log-SNR.

    Args:
        sigma_data: standard deviation of the data.

    Source: Karras et al. 2022 (arXiv:2206.00364), table 1 and eq. 7-8.
    """

    kind: Literal["edm"] = "edm"
    sigma_data: Annotated[float, Field(gt=0)] = 0.5

    def target(self, x_0: Tensor, eps: Tensor, at: NoiseLevel) -> Tensor:
        """(x_0 - c_skip x_t) / c_out, where sigma cancels out."""
        mixed = at.sigma * x_0 - at.alpha * self.sigma_data**2 * eps
        return mixed / (self.sigma_data * self._variance(at).sqrt())

    def to_x_0(self, prediction: Tensor, x_t: Tensor, at: NoiseLevel) -> Tensor:
        """c_skip x_t + c_out F."""
        variance = self._variance(at)
        c_skip = at.alpha * self.sigma_data**2 / variance
        c_out = at.sigma * self.sigma_data / variance.sqrt()
        return c_skip * x_t + c_out * prediction

    def x_0_error_scale(self, at: NoiseLevel) -> Tensor:
        """1 / c_out^2, the same number in every scale family."""
        return self._variance(at) / (at.sigma * self.sigma_data) ** 2

    def input_scale(self, at: NoiseLevel) -> Tensor:
        """c_in."""
        return self._variance(at).rsqrt()

    def _variance(self, at: NoiseLevel) -> Tensor:
        return (at.alpha * self.sigma_data) ** 2 + at.sigma**2


def convert(
    prediction: Tensor,
    x_t: Tensor,
    at: NoiseLevel,
    made_for: ObjectiveLike,
    wanted: ObjectiveLike,
) -> Tensor:
    """Turn a prediction for one objective into the same prediction for another; (B, C, H, W).

    A target is p = a x_0 + b eps, and x_t = alpha x_0 + sigma eps. Another, q = c x_0 + d eps, is

        q = ((c sigma - d alpha) p + (a d - b c) x_t) / (a sigma - b alpha)

    without the detour over x_0 or eps, one of which is all rounding where the other is small.
    """
    one, zero = torch.ones_like(at.alpha), torch.zeros_like(at.alpha)
    a, b = made_for.target(one, zero, at), made_for.target(zero, one, at)
    c, d = wanted.target(one, zero, at), wanted.target(zero, one, at)
    kept = (c * at.sigma - d * at.alpha) * prediction
    return (kept + (a * d - b * c) * x_t) / (a * at.sigma - b * at.alpha)


Objective = Annotated[
    EpsPrediction | X0Prediction | VPrediction | FlowPrediction | EDMPrediction,
    Field(discriminator="kind"),
]
