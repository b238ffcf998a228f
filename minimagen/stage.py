"""One stage of a cascade: a network and all that is needed to train and sample it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from minimagen.aspect import Sides, scaled
from minimagen.canvas import Canvas, Edit
from minimagen.cascade import StageConfig
from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.diffusion import Denoiser, Thresholding, make_denoiser
from minimagen.diffusion.guidance import guided_by_both, in_interval
from minimagen.diffusion.self_conditioning import self_conditioned
from minimagen.diffusion.thresholding import DynamicThresholding, StaticThresholding
from minimagen.diffusion.times import DiscreteTimes
from minimagen.errors import ConfigError, UsageError
from minimagen.lowres import prepare_lowres
from minimagen.models import UNet
from minimagen.sampling import SAMPLERS, Sampler
from minimagen.sampling.grids import discrete_grid
from minimagen.sampling.walk import Bound
from minimagen.seeds import generators, normal

Steer = Callable[["Stage", Denoiser], Denoiser]
"""Guidance of one's own: from a stage and its plain denoiser to a guided one."""


@dataclass(frozen=True)
class Drawing:
    """How a stage draws; what is None is as its parameter file says.

    Args:
        sampler: a key of ``SAMPLERS``.
        steps: of the sampler.
        guidance_scale: of the text; 1 is off.
        sides: height and width in pixels; None is the stage's square.
        steer: takes the place of the stage's own guidance, whose settings it does not see.
        edit: draws on the canvas in place of a plain walk.
    """

    sampler: str | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sides: Sides | None = None
    steer: Steer | None = None
    edit: Edit = Canvas.paint


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

    def smaller_sides(self, sides: Sides) -> Sides:
        """Return height and width that the previous stage's images have beside this one's.

        Raises:
            ConfigError: when they would be no whole numbers.
        """
        assert self.smaller is not None, "the first stage has no smaller images"
        height, width = sides
        if height * self.smaller % self.config.size or width * self.smaller % self.config.size:
            raise ConfigError(
                f"{self.name}: images of {width} x {height} px have no whole number of pixels at "
                f"the stage before, {self.smaller} px beside {self.config.size} px; "
                "ask CascadeConfig.sides for sides of this ratio"
            )
        return scaled(sides, self.config.size, self.smaller)

    @property
    def device(self) -> torch.device:
        """Where its network is."""
        return next(self.network.parameters()).device

    def denoiser(
        self,
        guidance_scale: float | None = None,
        negative: TextEmbedding | None = None,
        steer: Steer | None = None,
    ) -> Denoiser:
        """Return the network as a denoiser: guided, then thresholded, then shown its last estimate.

        A self-conditioned one remembers: it is good for one walk.

        Args:
            guidance_scale: of the text; None is the stage's own.
            negative: captions to steer away from.
            steer: takes the place of the stage's own guidance, whose settings it does not see.
        """
        denoise = make_denoiser(self.network, self.config.schedule, self.config.objective)
        if steer is None:
            denoise = self._guided(denoise, guidance_scale, negative)
        else:
            denoise = steer(self, denoise)
        denoise = self.thresholding.wrap(denoise)
        return self_conditioned(denoise) if self.network.self_conditioned else denoise

    @property
    def square(self) -> Sides:
        """Height and width of its square images."""
        return self.config.size, self.config.size

    @property
    def thresholding(self) -> Thresholding:
        """What keeps its estimates in range."""
        default = DynamicThresholding() if self.smaller is None else StaticThresholding()
        return self.config.sampling.thresholding or default

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
        """Return the sampler of this name; None is the stage's own, whose options it has.

        Raises:
            UsageError: when there is none of this name.
        """
        own = self.config.sampling
        name = own.sampler if name is None else name
        if name not in SAMPLERS:
            allowed = ", ".join(SAMPLERS)
            raise UsageError(f"--SAMPLER {name}: no sampler of this name; choose one of {allowed}")
        options: dict[str, Any] = own.sampler_options if name == own.sampler else {}
        return partial(SAMPLERS[name], **options)

    def lowres(
        self, smaller: Tensor, seed: int, numbers: Sequence[int], sides: Sides | None = None
    ) -> LowRes:
        """Prepare the previous stage's images (B,3,h,w) for sampling this one at some sides."""
        sides = sides or self.square
        eps = self._noise(seed, numbers, "augmentation", sides)
        t = torch.full((len(smaller),), self.config.sampling.augmentation, device=self.device)
        schedule = self.config.augmentation.schedule
        return prepare_lowres(smaller.to(self.device), sides, t, eps, schedule)

    def sample(
        self,
        cond: Conditioning,
        how: Drawing = Drawing(),
        *,
        seed: int,
        numbers: Sequence[int],
        negative: TextEmbedding | None = None,
        places: range | None = None,
    ) -> Tensor:
        """Draw one image for each number; (B, 3, H, W) in [-1, 1].

        The draws of an image follow from (seed, its number, this stage), never from the batch.

        Args:
            cond: what the network is told about each image.
            how: sampler, steps, guidance, sides, edit.
            seed: with an image's number it fixes all its draws.
            numbers: the images' numbers, (B,).
            negative: captions to steer away from, (B, L, D).
            places: what an edit is told the images are; None is 0 .. B - 1.
        """

        def bind(cond: Conditioning, guided: bool = True) -> Bound:
            guidance = (how.guidance_scale, negative, how.steer) if guided else (1.0, None, None)
            return partial(_bound, self.denoiser(*guidance), cond)

        def noise(purpose: str, other: int | None = None) -> Tensor:
            return self._noise(seed if other is None else other, numbers, purpose, shape)

        shape = how.sides or self.square
        draws = generators(numbers, seed, self.name, "sampler")
        canvas = Canvas(
            stage=self.index,
            places=range(len(numbers)) if places is None else places,
            cond=cond,
            noise=noise("start"),
            times=self.times(how.steps),
            schedule=self.config.schedule,
            bind=bind,
            walk=partial(self._walk, self.sampler(how.sampler), draws),
            draw=noise,
        )
        return how.edit(canvas).clamp(-1, 1)

    def _walk(
        self,
        sampler: Sampler,
        draws: Sequence[torch.Generator],
        denoise: Bound,
        x: Tensor,
        times: Tensor,
    ) -> Tensor:
        return sampler(denoise, x, times, self.config.schedule, generators=draws)

    def _noise(self, seed: int, numbers: Sequence[int], purpose: str, sides: Sides) -> Tensor:
        shape = (self.network.config.channels, *sides)
        return normal(generators(numbers, seed, self.name, purpose), shape).to(self.device)

    def _guided(
        self, denoise: Denoiser, scale: float | None, negative: TextEmbedding | None
    ) -> Denoiser:
        """Guide as the parameter file says; a network without text is guided by no text."""
        how = self.config.sampling
        scale = how.guidance_scale if scale is None else scale
        text_scale = 1.0 if self.network.reader is None else scale
        steered = guided_by_both(
            denoise, text_scale, how.lowres_guidance_scale, negative, how.guidance_rescale
        )
        if how.guidance_interval is None:
            return steered
        return in_interval(steered, denoise, self.config.schedule, *how.guidance_interval)


def _bound(denoise: Denoiser, cond: Conditioning, x_t: Tensor, t: Tensor) -> Tensor:
    return denoise(x_t, t, cond)
