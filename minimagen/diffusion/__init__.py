"""The mathematics of diffusion in continuous time; knows no network, no text and no files.

A schedule gives a noise level; an objective says what the network is asked for; a weighting says
how much each level counts; a denoiser is a function ``(x_t, t, cond) -> x_0``; guidance,
thresholding and self-conditioning wrap a denoiser.
"""

from minimagen.diffusion.denoiser import Denoiser, Network, make_denoiser
from minimagen.diffusion.guidance import (
    autoguided,
    composed,
    guided,
    guided_by_both,
    in_interval,
)
from minimagen.diffusion.loss import diffusion_loss
from minimagen.diffusion.objectives import Objective, ObjectiveLike, convert
from minimagen.diffusion.schedules import AnySchedule, NoiseLevel, Schedule, resolution_shift
from minimagen.diffusion.self_conditioning import self_conditioned
from minimagen.diffusion.thresholding import Thresholding
from minimagen.diffusion.times import Times
from minimagen.diffusion.weightings import Weighting

__all__ = [
    "AnySchedule",
    "Denoiser",
    "Network",
    "NoiseLevel",
    "Objective",
    "ObjectiveLike",
    "Schedule",
    "Thresholding",
    "Times",
    "Weighting",
    "autoguided",
    "composed",
    "convert",
    "diffusion_loss",
    "guided",
    "guided_by_both",
    "in_interval",
    "make_denoiser",
    "resolution_shift",
    "self_conditioned",
]
