"""What the network is asked for, and how x_0 is read off its answer.

Every formula holds for both scale families, alpha^2 + sigma^2 = 1 and alpha + sigma = 1.
"""

from typing import Annotated, Literal, Protocol

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


@config
class EpsPrediction:
    """The network predicts the noise.  Ho et al. 2020 (arXiv:2006.11239), eq. 14."""

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
class X0Prediction:
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
        return at.alpha.new_ones(()).expand_as(at.alpha)


@config
class VPrediction:
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
class FlowPrediction:
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


Objective = Annotated[
    EpsPrediction | X0Prediction | VPrediction | FlowPrediction, Field(discriminator="kind")
]
