"""How much noise there is at time t.

A schedule is a decreasing function ``log_snr(t)`` plus a scale family, variance-preserving or flow:
``base`` holds what they share, the other files one idea each. A new one is a class with three
formulas, ``curve``, its inverse ``place`` and its derivative ``steepness``, and a line below.
"""

from typing import Annotated

from pydantic import Field

from minimagen.diffusion.schedules.base import (
    NoiseLevel,
    Schedule,
    flow,
    resolution_shift,
    variance_preserving,
)
from minimagen.diffusion.schedules.cosine import CosineSchedule, InterpolatedSchedule
from minimagen.diffusion.schedules.densities import EDMSchedule, LaplaceSchedule
from minimagen.diffusion.schedules.flow_matching import FlowSchedule
from minimagen.diffusion.schedules.linear_beta import LinearBetaSchedule
from minimagen.diffusion.schedules.sigmoid import SigmoidSchedule

__all__ = [
    "AnySchedule",
    "CosineSchedule",
    "EDMSchedule",
    "FlowSchedule",
    "InterpolatedSchedule",
    "LaplaceSchedule",
    "LinearBetaSchedule",
    "NoiseLevel",
    "Schedule",
    "SigmoidSchedule",
    "flow",
    "resolution_shift",
    "variance_preserving",
]

AnySchedule = Annotated[
    CosineSchedule
    | LinearBetaSchedule
    | FlowSchedule
    | SigmoidSchedule
    | LaplaceSchedule
    | EDMSchedule
    | InterpolatedSchedule,
    Field(discriminator="kind"),
]
