"""What every sampler walks on: noise levels as plain numbers, and two exact steps between them.

Numbers are Python floats, computed in float64 once for a whole grid; only images are tensors. Two
ways to cross from one level to another are exact when something stands still on the way:
:func:`along_x_0` when the estimate of x_0 does, :func:`along_eps` when the noise does. From one
estimate they make the same step; solvers of higher order differ in which one they extrapolate.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Protocol

import torch
from pydantic import Field
from torch import Tensor

from minimagen.diffusion.schedules import Schedule
from minimagen.errors import UsageError
from minimagen.seeds import normal

Bound = Callable[[Tensor, Tensor], Tensor]
"""A denoiser whose condition is bound: ``(x_t (B,C,H,W), t (B,)) -> x_0 (B,C,H,W)``."""

Generators = Sequence[torch.Generator] | None
"""One generator an image, on the CPU; without them noise comes from the global state."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A sampler's option between nothing and all; parameter files are held to it."""


class Sampler(Protocol):
    """What every entry of ``SAMPLERS`` is: a pure function, its memory in local variables."""

    def __call__(
        self,
        denoise: Bound,
        x: Tensor,
        times: Tensor,
        schedule: Schedule,
        *,
        generators: Generators = None,
    ) -> Tensor:
        """Walk x from ``times[0]`` to ``times[-1]``.

        Args:
            denoise: maps (x_t (B,C,H,W), t (B,)) to an estimate of x_0 (B,C,H,W).
            x: x_t at ``times[0]``, usually noise, (B, C, H, W); it is left as it is.
            times: decreasing times in [0, 1], (steps + 1,). Increasing ones walk from image to
                noise: inversion, for samplers that draw nothing.
            schedule: the schedule the network was trained with.
            generators: one per image, on the CPU; a deterministic sampler ignores them.

        Returns:
            x at ``times[-1]``, in the dtype of x; in float32 for an x in half precision.
        """


@dataclass(frozen=True)
class Level:
    """A noise level that a whole batch shares: x_t = alpha x_0 + sigma eps at time t."""

    t: float
    alpha: float
    sigma: float
    log_snr: float

    @property
    def r(self) -> float:
        """Noise over signal, sigma / alpha: what Karras et al. call sigma."""
        return self.sigma / self.alpha

    @property
    def scale(self) -> float:
        """The size of x_t for data of variance 1: one, unless the schedule is a flow."""
        return math.hypot(self.alpha, self.sigma)


def levels(times: Tensor, schedule: Schedule) -> list[Level]:
    """Return the levels at some times (n,), in float64."""
    times = times.detach().double().cpu()
    at = schedule.at(times, like=times)  # each (n,)
    numbers = (times, at.alpha, at.sigma, at.log_snr)
    return [Level(*four) for four in zip(*(part.tolist() for part in numbers), strict=True)]


def steps(times: Tensor, schedule: Schedule) -> Iterator[tuple[Level, Level]]:
    """Return the pairs (now, then) of a walk."""
    return pairwise(levels(times, schedule))


def is_last(then: Level, times: Tensor) -> bool:
    """Return whether a step arrives where the walk ends."""
    return then.t == float(times[-1])


def estimate(denoise: Bound, x: Tensor, at: Level) -> Tensor:
    """Ask for x_0 at one level; (B, C, H, W)."""
    return denoise(x, torch.full((len(x),), at.t, dtype=torch.float64))


def eps_of(x: Tensor, x_0: Tensor, at: Level) -> Tensor:
    """Return the noise that x_t and an estimate of x_0 imply."""
    return (x - at.alpha * x_0) / at.sigma


def half_log_snr_gained(now: Level, then: Level) -> float:
    """Return h, the length of a step in lambda = ln(alpha / sigma)."""
    return (then.log_snr - now.log_snr) / 2


def along_x_0(x: Tensor, x_0: Tensor, now: Level, then: Level) -> Tensor:
    """Follow the probability flow as if the estimate of x_0 stayed the same all the way.

        x_s = sigma_s / sigma_t x_t - alpha_s (exp(-h) - 1) x_0

    Source: Lu et al. 2022 (arXiv:2211.01095), eq. 8 at first order.
    """
    h = half_log_snr_gained(now, then)
    return then.sigma / now.sigma * x - then.alpha * math.expm1(-h) * x_0


def along_eps(x: Tensor, eps: Tensor, now: Level, then: Level) -> Tensor:
    """Follow the probability flow as if the noise stayed the same all the way.

        x_s / alpha_s = x_t / alpha_t + (r_s - r_t) eps,   r = sigma / alpha

    Source: Song et al. 2020 (arXiv:2010.02502), eq. 13.
    """
    return then.alpha / now.alpha * x + then.alpha * (then.r - now.r) * eps


def fresh_share(now: Level, then: Level) -> float:
    """Return 1 - SNR_t / SNR_s: the share of the noise left at s that a random step draws anew.

    Raises:
        UsageError: for a step towards more noise, which only deterministic samplers can take.
    """
    if then.log_snr < now.log_snr:
        raise UsageError(
            "times: increasing, and this sampler draws noise, so it cannot be run backwards; "
            "take a deterministic one such as ddim"
        )
    return -math.expm1(now.log_snr - then.log_snr)


def noise_like(x: Tensor, generators: Generators) -> Tensor:
    """Draw standard normal noise of the shape of x."""
    if generators is None:
        return torch.randn_like(x)
    return normal(generators, x.shape[1:]).to(x)
