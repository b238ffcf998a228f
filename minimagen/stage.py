"""One stage of a cascade: a network and all that is needed to train and sample it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from minimagen.cascade import StageConfig
from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.diffusion import Denoiser, Thresholding, guided, make_denoiser
from minimagen.diffusion.thresholding import DynamicThresholding, StaticThresholding
from minimagen.diffusion.times import DiscreteTimes
from minimagen.errors import UsageError
from minimagen.lowres import prepare_lowres
from minimagen.models import UNet
from minimagen.sampling import SAMPLERS, Sampler
from minimagen.sampling.grids import discrete_grid
from minimagen.seeds import generators, normal


@dataclass(frozen=True)
class Stage:
    """One network and all that is needed to train and sample it.

    Args:
        index: its place in the cascade, from 0.
        config: what it learns.
        network: ``(x_t, log_snr, cond) -> prediction``.
        smaller: side of the previous stage's images; None for the first stage.
    """

    index: int
    config: StageConfig
    network: UNet
    smaller: int | None

    @property
    def name(self) -> str:
        """The name that keys its random draws."""
        return f"stage_{self.index}"

    @property
    def device(self) -> torch.device:
        """Where its network is."""
        return next(self.network.parameters()).device

    def denoiser(
        self, guidance_scale: float | None = None, negative: TextEmbedding | None = None
    ) -> Denoiser:
        """Return the network as a denoiser: guided, then thresholded."""
        how = self.config.sampling
        scale = how.guidance_scale if guidance_scale is None else guidance_scale
        denoise = make_denoiser(self.network, self.config.schedule, self.config.objective)
        if self.network.reader is not None:
            denoise = guided(denoise, scale, negative)
        return self._thresholding().wrap(denoise)

    def times(self, steps: int | None = None) -> Tensor:
        """Return the grid of this stage, (steps + 1,).

        Raises:
            UsageError: for fewer steps than one, or more than the timesteps it was trained with.
        """
        steps = self.config.sampling.steps if steps is None else steps
        if steps < 1:
            raise UsageError(f"{steps} sampling steps: ask for at least 1")
        if isinstance(self.config.times, DiscreteTimes):
            return discrete_grid(self.config.times.timesteps, steps)
        return self.config.sampling.grid.times(self.config.schedule, steps)

    def sampler(self, name: str | None = None) -> Sampler:
        """Return the sampler of this name; None is the stage's own.

        Raises:
            UsageError: when there is none of this name.
        """
        name = self.config.sampling.sampler if name is None else name
        if name not in SAMPLERS:
            raise UsageError(f"sampler {name!r}: not known; choose one of {', '.join(SAMPLERS)}")
        return SAMPLERS[name]

    def lowres(self, smaller: Tensor, seed: int, numbers: Sequence[int]) -> LowRes:
        """Prepare the previous stage's images (B,3,h,h) for sampling this one."""
        eps = self._noise(seed, numbers, "augmentation")
        t = torch.full((len(smaller),), self.config.sampling.augmentation, device=self.device)
        schedule = self.config.augmentation.schedule
        return prepare_lowres(smaller.to(self.device), self.config.size, t, eps, schedule)

    def sample(
        self,
        cond: Conditioning,
        *,
        seed: int,
        numbers: Sequence[int],
        sampler: str | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        negative: TextEmbedding | None = None,
    ) -> Tensor:
        """Draw one image for each number; (B, 3, S, S) in [-1, 1].

        The draws of an image follow from (seed, its number, this stage), never from the batch.
        """
        schedule = self.config.schedule
        times = self.times(steps)
        noise = self._noise(seed, numbers, "start")
        x = noise * schedule.at(times[0], like=noise).sigma
        denoise = partial(_bound, self.denoiser(guidance_scale, negative), cond)
        draws = generators(numbers, seed, self.name, "sampler")
        walk = self.sampler(sampler)
        return walk(denoise, x, times, schedule, generators=draws).clamp(-1, 1)

    def _noise(self, seed: int, numbers: Sequence[int], purpose: str) -> Tensor:
        shape = (self.network.config.channels, self.config.size, self.config.size)
        return normal(generators(numbers, seed, self.name, purpose), shape).to(self.device)

    def _thresholding(self) -> Thresholding:
        default = DynamicThresholding() if self.smaller is None else StaticThresholding()
        return self.config.sampling.thresholding or default


def _bound(denoise: Denoiser, cond: Conditioning, x_t: Tensor, t: Tensor) -> Tensor:
    return denoise(x_t, t, cond)
