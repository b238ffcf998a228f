"""One batch of images about to be drawn at one stage, and what an edit may change about it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.conditioning import Conditioning
from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.walk import Bound, Level, levels
from minimagen.seeds import Seeds

Edit = Callable[["Canvas"], Tensor]
"""From a canvas to the images drawn on it, (B, C, H, W); the plain one is ``Canvas.paint``."""


class Binder(Protocol):
    """Makes the denoiser of one walk."""

    def __call__(self, cond: Conditioning, guided: bool = True) -> Bound:
        """Tell a denoiser what each image shows."""


@dataclass(frozen=True)
class Canvas:
    """Noise in front of a stage, with everything that drawing on it needs.

    Args:
        stage: the stage's place in the cascade, from 0.
        places: which of the captions the images are for, (B,).
        cond: what the network is told about each image.
        noise: standard normal, (B, C, H, W).
        times: the grid the walk would take, (steps + 1,).
        schedule: the stage's.
        bind: from a condition to a denoiser, thresholded, guided or not; good for one walk.
        walk: the sampler: (denoiser, x at ``times[0]``, times) -> x at ``times[-1]``.
        draw: more noise like ``noise``, keyed by a purpose; of another seed, or other seeds (B,),
            if they are given.
    """

    stage: int
    places: range
    cond: Conditioning
    noise: Tensor
    times: Tensor
    schedule: Schedule
    bind: Binder
    walk: Callable[[Bound, Tensor, Tensor], Tensor]
    draw: Callable[[str, Seeds | None], Tensor]

    @property
    def is_base(self) -> bool:
        """Whether this is the first stage, which decides what is in the picture."""
        return self.stage == 0

    @property
    def sides(self) -> Sides:
        """Height and width of the images, in pixels."""
        height, width = self.noise.shape[-2:]
        return height, width

    def paint(
        self, x: Tensor | None = None, times: Tensor | None = None, denoise: Bound | None = None
    ) -> Tensor:
        """Walk to an image; (B, C, H, W), not yet held to [-1, 1].

        Args:
            x: x_t at ``times[0]``; None is noise.
            times: another grid; None is the stage's own.
            denoise: another denoiser; None is the stage's own, told ``cond``.
        """
        times = self.times if times is None else times
        x = self.noise * self.level(float(times[0])).sigma if x is None else x
        return self.walk(self.bind(self.cond) if denoise is None else denoise, x, times)

    def noised(self, images: Tensor, t: float) -> Tensor:
        """Add the canvas's own noise to images, up to a time."""
        at = self.level(t)
        return at.alpha * images.to(self.noise) + at.sigma * self.noise

    def renoised(self, x: Tensor, s: float, t: float, eps: Tensor) -> Tensor:
        """Take x from time s back to a noisier time t, with fresh noise.

        x_t = a x_s + sqrt(sigma_t^2 - a^2 sigma_s^2) eps,   a = alpha_t / alpha_s
        """
        before, after = self.level(s), self.level(t)
        a = after.alpha / before.alpha
        return a * x + math.sqrt(max(0.0, after.sigma**2 - (a * before.sigma) ** 2)) * eps

    def level(self, t: float) -> Level:
        """Return the noise level at a time."""
        return levels(torch.tensor([t], dtype=torch.float64), self.schedule)[0]
