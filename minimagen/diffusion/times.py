"""Which times t training looks at.

A draw starts from one uniform number per sample, keyed by its global sample number. All but
``uniform`` spread these over equal strata of the global batch first: the loss then varies less from
step to step.
"""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from minimagen.config import config


def stratify(u: Tensor, position: Tensor, batch: int) -> Tensor:
    """Put each uniform number into its own stratum of [0, 1).

    Args:
        u: uniform in [0, 1), (B,).
        position: place of each sample in the global batch, (B,), int.
        batch: size of the global batch.

    Source: Kingma et al. 2021 (arXiv:2107.00630), app. I.1.
    """
    return (position + u) / batch


@config
class UniformTimes:
    """t uniform in [0, 1), independently."""

    kind: Literal["uniform"] = "uniform"

    def draw(self, u: Tensor, position: Tensor, batch: int) -> Tensor:
        """Return u itself; (B,)."""
        return u


@config
class StratifiedTimes:
    """t uniform in [0, 1), one in each stratum of the global batch."""

    kind: Literal["stratified"] = "stratified"

    def draw(self, u: Tensor, position: Tensor, batch: int) -> Tensor:
        """Return u in its stratum; (B,)."""
        return stratify(u, position, batch)


@config
class LogitNormalTimes:
    """logit(t) normal, stratified.  Esser et al. 2024 (arXiv:2403.03206), eq. 19."""

    kind: Literal["logit_normal"] = "logit_normal"
    mean: float = 0.0
    std: Annotated[float, Field(gt=0)] = 1.0

    def draw(self, u: Tensor, position: Tensor, batch: int) -> Tensor:
        """Push the strata through the normal quantile and the logistic function; (B,)."""
        quantile = torch.special.ndtri(stratify(u, position, batch).clamp(1e-9, 1 - 1e-9))
        t: Tensor = (self.mean + self.std * quantile).sigmoid()
        return t


@config
class CosineTimes:
    """The times at which a flow schedule has the cosine schedule's log-SNRs ("CosMap"), stratified.

        t = 1 - 1 / (tan(pi u / 2) + 1),   density 2 / (pi - 2 pi t + 2 pi t^2)

    Source: Esser et al. 2024 (arXiv:2403.03206), sec. 3.1.
    """

    kind: Literal["cosine"] = "cosine"

    def draw(self, u: Tensor, position: Tensor, batch: int) -> Tensor:
        """sin / (sin + cos) of pi / 2 times the strata; (B,)."""
        angle = math.pi / 2 * stratify(u, position, batch)
        return angle.sin() / (angle.sin() + angle.cos())


@config
class DiscreteTimes:
    """t in {1/T .. 1}, stratified: DDPM's T steps."""

    kind: Literal["discrete"] = "discrete"
    timesteps: Annotated[int, Field(ge=1)]

    def draw(self, u: Tensor, position: Tensor, batch: int) -> Tensor:
        """Round the strata up to the next step; (B,)."""
        steps = (stratify(u, position, batch) * self.timesteps).floor() + 1
        return steps.clamp(max=self.timesteps) / self.timesteps


Times = Annotated[
    UniformTimes | StratifiedTimes | LogitNormalTimes | CosineTimes | DiscreteTimes,
    Field(discriminator="kind"),
]
