"""The mathematics of diffusion in continuous time; knows no network, no text and no files.

A schedule gives a noise level; an objective says what the network is asked for; a weighting says
how much each level counts; a denoiser is a function ``(x_t, t, cond) -> x_0``; guidance and
thresholding wrap a denoiser.
"""

from minimagen.diffusion.denoiser import Denoiser, Network, make_denoiser
from minimagen.diffusion.guidance import guided
from minimagen.diffusion.loss import diffusion_loss
from minimagen.diffusion.objectives import Objective
from minimagen.diffusion.schedules import AnySchedule, NoiseLevel, Schedule
from minimagen.diffusion.thresholding import Thresholding
from minimagen.diffusion.times import Times
from minimagen.diffusion.weightings import Weighting

__all__ = [
    "AnySchedule",
    "Denoiser",
    "Network",
    "NoiseLevel",
    "Objective",
    "Schedule",
    "Thresholding",
    "Times",
    "Weighting",
    "diffusion_loss",
    "guided",
    "make_denoiser",
]
