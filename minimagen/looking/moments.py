"""What is looked at: a noisy picture on its way through a stage, and what the network is told.

Moments come from a picture being drawn, or from one that is there and is noised. Nothing is noted,
and nothing is slower, where nobody looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.conditioning import Conditioning
from minimagen.diffusion import make_denoiser
from minimagen.sampling.walk import Bound, estimate, levels
from minimagen.seeds import generators, normal
from minimagen.stage import Stage


@dataclass(frozen=True)
class Moment:
    """Pictures at one time of one stage.

    Args:
        stage: the stage's place in the cascade, from 0.
        t: the time, in [0, 1].
        log_snr: how noisy the pictures are.
        cond: what the network is told about each.
        x_t: the noisy pictures, (B, C, H, W).
        x_0: what is estimated to be behind the noise, (B, C, H, W).
    """

    stage: int
    t: float
    log_snr: float
    cond: Conditioning
    x_t: Tensor
    x_0: Tensor


def noting(seen: list[Moment], edit: Edit = Canvas.paint) -> Edit:
    """Note every estimate that is made while pictures are drawn.

        seen = []
        imagen.sample(["a red circle"], edit=noting(seen))

    Args:
        seen: gets a moment for each call of the denoiser, guided as it is.
        edit: how pictures are drawn.
    """

    def noted(canvas: Canvas) -> Tensor:
        def bind(cond: Conditioning, guided: bool = True) -> Bound:
            denoise = canvas.bind(cond, guided)

            def note(x_t: Tensor, t: Tensor) -> Tensor:
                x_0 = denoise(x_t, t)
                now = float(t[0])
                log_snr = canvas.level(now).log_snr
                seen.append(Moment(canvas.stage, now, log_snr, cond, x_t.clone(), x_0.clone()))
                return x_0

            return note

        return edit(replace(canvas, bind=bind))

    return noted


@torch.no_grad()
def noised(
    stage: Stage, images: Tensor, cond: Conditioning, times: Sequence[float], seed: int = 0
) -> list[Moment]:
    """Noise pictures that are there, up to some times, and let the stage estimate them.

    Args:
        stage: without guidance.
        images: of the stage's size, (B, C, H, W) in [-1, 1].
        cond: what they show.
        times: in [0, 1]; each gets noise of its own.
        seed: the noise follows from it.
    """
    moments = []
    for place, at in enumerate(levels(torch.tensor(times), stage.config.schedule)):
        draws = generators(range(len(images)), seed, stage.name, "looking", place)
        eps = normal(draws, images.shape[1:]).to(stage.device)
        x_t = at.alpha * images.to(stage.device) + at.sigma * eps
        x_0 = estimate(plain(stage, cond), x_t, at)
        moments.append(Moment(stage.index, at.t, at.log_snr, cond, x_t, x_0))
    return moments


def plain(stage: Stage, cond: Conditioning) -> Bound:
    """Return a stage's network as a denoiser that nothing steers, and that no range holds."""
    denoise = make_denoiser(stage.network, stage.config.schedule, stage.config.objective)
    return lambda x_t, t: denoise(x_t, t, cond)
