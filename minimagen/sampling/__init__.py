"""From noise to images: grids of times, and samplers.

A sampler is one pure function ``(denoise, x, times, schedule, *, generators=None) -> x_0`` of any
denoiser with its condition bound, ``(x_t (B,C,H,W), t (B,)) -> x_0``. Its memory is in local
variables. A new one is a function in a file of its own and one line here.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.sampling.ddim import ddim
from minimagen.sampling.ddpm import ddpm
from minimagen.sampling.dpmpp import dpmpp_2m
from minimagen.sampling.heun import heun

__all__ = ["SAMPLERS", "Bound", "Sampler", "ddim", "ddpm", "dpmpp_2m", "heun"]

Bound = Callable[[Tensor, Tensor], Tensor]
"""A denoiser whose condition is bound: ``(x_t (B,C,H,W), t (B,)) -> x_0``."""


class Sampler(Protocol):
    """What every entry of :data:`SAMPLERS` is."""

    def __call__(
        self,
        denoise: Bound,
        x: Tensor,
        times: Tensor,
        schedule: Schedule,
        *,
        generators: Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Walk x from ``times[0]`` to ``times[-1]``."""


SAMPLERS: dict[str, Sampler] = {
    "ddpm": ddpm,
    "ddim": ddim,
    "heun": heun,
    "dpmpp_2m": dpmpp_2m,
}
