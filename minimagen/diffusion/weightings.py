"""How much each noise level counts in the loss.

A weighting multiplies the per-sample squared error of whatever the network predicts. Those that the
literature states in another space (x_0, v or eps) are carried over by the objective's
``x_0_error_scale``, so objective and weighting are independent choices. What a run really weighs is
this times the density of log-SNR that its times and schedule draw. ``slope`` is -d log_snr / dt,
(B,): a weight times the slope counts per unit of log-SNR, whatever the schedule.
"""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from minimagen.config import config
from minimagen.diffusion.objectives import EDMPrediction, ObjectiveLike
from minimagen.diffusion.schedules import NoiseLevel


@config
class UniformWeighting:
    """Every error counts as it is, in the objective's own space."""

    kind: Literal["uniform"] = "uniform"

    def __call__(self, at: NoiseLevel, objective: ObjectiveLike, slope: Tensor) -> Tensor:
        """One; (B,)."""
        return torch.ones_like(at.flat_log_snr)


@config
class MinSNRWeighting:
    """min(SNR, gamma) on the x_0 error.  Hang et al. 2023 (arXiv:2303.09556), sec. 3.4."""

    kind: Literal["min_snr"] = "min_snr"
    gamma: Annotated[float, Field(gt=0)] = 5.0

    def __call__(self, at: NoiseLevel, objective: ObjectiveLike, slope: Tensor) -> Tensor:
        """min(SNR, gamma), carried to the objective's space; (B,)."""
        snr = (at.alpha / at.sigma) ** 2
        return (snr.clamp(max=self.gamma) / objective.x_0_error_scale(at)).flatten()


@config
class TruncatedSNRWeighting:
    """max(SNR, 1) on the x_0 error.  Salimans & Ho 2022 (arXiv:2202.00512), sec. 4."""

    kind: Literal["truncated_snr"] = "truncated_snr"

    def __call__(self, at: NoiseLevel, objective: ObjectiveLike, slope: Tensor) -> Tensor:
        """max(SNR, 1), carried to the objective's space; (B,)."""
        snr = (at.alpha / at.sigma) ** 2
        return (snr.clamp(min=1) / objective.x_0_error_scale(at)).flatten()


@config
class EDMWeighting:
    """(s^2 + sigma_data^2) / (s sigma_data)^2 on the x_0 error, s = sigma / alpha.

    It is one in the space of the ``edm`` objective of the same sigma_data. EDM draws log-SNR with
    the ``edm`` schedule.

    Source: Karras et al. 2022 (arXiv:2206.00364), table 1.
    """

    kind: Literal["edm"] = "edm"
    sigma_data: Annotated[float, Field(gt=0)] = 0.5

    def __call__(self, at: NoiseLevel, objective: ObjectiveLike, slope: Tensor) -> Tensor:
        """1 / c_out^2, carried to the objective's space; (B,)."""
        weight = EDMPrediction(sigma_data=self.sigma_data).x_0_error_scale(at)
        return (weight / objective.x_0_error_scale(at)).flatten()


@config
class FlooredSigmaWeighting:
    """1 / max(sigma, floor)^2 on the x_0 error.

    With a floor near 0 this is the v-space weighting, with 1 the plain x_0 error: one number
    between learning detail and learning what the caption asks for.
    """

    kind: Literal["floored_sigma"] = "floored_sigma"
    floor: Annotated[float, Field(gt=0, le=1)] = 1.0

    def __call__(self, at: NoiseLevel, objective: ObjectiveLike, slope: Tensor) -> Tensor:
        """1 / max(sigma, floor)^2, carried to the objective's space; (B,)."""
        weight = at.sigma.clamp(min=self.floor) ** -2
        return (weight / objective.x_0_error_scale(at)).flatten()


@config
class VSpaceWeighting:
    """Count errors as in v: "SNR + 1".  Salimans & Ho 2022 (arXiv:2202.00512), sec. 4."""

    kind: Literal["v_space"] = "v_space"

    def __call__(self, at: NoiseLevel, objective: ObjectiveLike, slope: Tensor) -> Tensor:
        """((alpha^2 + sigma^2) / sigma)^2, carried to the objective's space; (B,)."""
        weight = ((at.alpha**2 + at.sigma**2) / at.sigma) ** 2
        return (weight / objective.x_0_error_scale(at)).flatten()


@config
class SigmoidWeighting:
    """sigmoid(bias - log_snr) on the eps error, per unit of log-SNR.

    The factor -d log_snr / dt turns the integral over t into one over log-SNR: the weighting is
    then the same whatever the schedule or its shift.  Kingma & Gao 2023 (arXiv:2303.00848);
    Hoogeboom et al. 2024 (arXiv:2410.19324), sec. 3.
    """

    kind: Literal["sigmoid"] = "sigmoid"
    bias: float = -1.0

    def __call__(self, at: NoiseLevel, objective: ObjectiveLike, slope: Tensor) -> Tensor:
        """slope sigmoid(bias - log_snr) SNR, carried to the objective's space; (B,)."""
        snr = (at.alpha / at.sigma) ** 2
        weight = (self.bias - at.log_snr).sigmoid() * snr / objective.x_0_error_scale(at)
        return slope.to(weight) * weight.flatten()


@config
class P2Weighting:
    """1 / (k + SNR)^gamma on the eps error, as it is over uniform times of the cosine schedule.

    There -d log_snr / dt = 2 pi cosh(log_snr / 2). With the slope of the schedule at hand over that
    one, the weighting is the same whatever the schedule or its shift.

    Source: Choi et al. 2022 (arXiv:2204.00227).
    """

    kind: Literal["p2"] = "p2"
    k: Annotated[float, Field(gt=0)] = 1.0
    gamma: Annotated[float, Field(ge=0)] = 1.0

    def __call__(self, at: NoiseLevel, objective: ObjectiveLike, slope: Tensor) -> Tensor:
        """slope sech(log_snr / 2) / (2 pi) SNR / (k + SNR)^gamma, carried over; (B,)."""
        snr = (at.alpha / at.sigma) ** 2
        cosine_slope = 2 * math.pi * (at.log_snr / 2).cosh()
        weight = snr / (self.k + snr) ** self.gamma / cosine_slope / objective.x_0_error_scale(at)
        return slope.to(weight) * weight.flatten()


Weighting = Annotated[
    UniformWeighting
    | MinSNRWeighting
    | TruncatedSNRWeighting
    | FlooredSigmaWeighting
    | VSpaceWeighting
    | SigmoidWeighting
    | P2Weighting
    | EDMWeighting,
    Field(discriminator="kind"),
]
