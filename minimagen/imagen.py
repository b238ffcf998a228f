"""The cascade: stages, each a network with its schedule, joined by one low-resolution function.

A stage is what is trained and sampled by itself; ``Imagen`` chains them and knows the text encoder and the files.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

import torch
from PIL import Image
from pydantic import Field, model_validator
from torch import Tensor

from minimagen.checkpoint import read_weights, write_text, write_weights
from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.config import config, dump, find_parameters, parse, read_json
from minimagen.diffusion import (
    AnySchedule,
    Denoiser,
    Objective,
    Thresholding,
    Times,
    Weighting,
    guided,
    make_denoiser,
)
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.diffusion.thresholding import DynamicThresholding, StaticThresholding
from minimagen.diffusion.times import DiscreteTimes
from minimagen.errors import CheckpointError, ConfigError, UsageError
from minimagen.lowres import prepare_lowres
from minimagen.models import UNet, UNetConfig
from minimagen.runtime import Precision, autocast, pick_device, pick_precision
from minimagen.sampling import SAMPLERS
from minimagen.sampling.grids import Grid, UniformGrid, discrete_grid
from minimagen.seeds import generators, normal
from minimagen.tensors import to_uint8
from minimagen.text import TextEncoder, TextEncoderConfig, encoder_width, load_encoder

SamplerName = Literal["ddpm", "ddim", "heun", "dpmpp_2m"]
Size = Annotated[int, Field(ge=4, le=4096)]
Share = Annotated[float, Field(ge=0, le=1)]
Steps = Annotated[int, Field(ge=1, le=10_000)]


@config
class SamplingConfig:
    """How a stage is sampled unless the caller says otherwise.

    Args:
        sampler: a key of ``SAMPLERS``.
        steps: steps of the sampler.
        grid: at which times it stops; a stage trained on discrete times uses its own grid.
        guidance_scale: 1 is off.
        thresholding: None is dynamic for the base and static for super-resolution.
        augmentation: time of the noise added to the low-res image, in [0, 1].
    """

    sampler: SamplerName = "dpmpp_2m"
    steps: Steps = 16
    grid: Grid = field(default_factory=UniformGrid)
    guidance_scale: Annotated[float, Field(ge=0)] = 1.0
    thresholding: Thresholding | None = None
    augmentation: Share = 0.1


@config
class AugmentationConfig:
    """Noise on the low-res image in training: time U(0, max_time) of a schedule, one draw an image."""

    max_time: Share = 0.5
    schedule: AnySchedule = field(default_factory=CosineSchedule)


@config
class StageConfig:
    """What a stage learns.

    Args:
        size: side of its images in pixels.
        schedule: noise schedule.
        objective: what the network predicts.
        weighting: how much each noise level counts.
        times: which times training looks at.
        text_dropout: share of captions replaced by null text in training; guidance needs some.
        crop: side of the squares it is trained on, in pixels; None is the whole picture.
        augmentation: noise on the low-res image; unused by the first stage.
        sampling: defaults of sampling.
    """

    size: Size
    schedule: AnySchedule
    objective: Objective
    weighting: Weighting
    times: Times
    text_dropout: Share = 0.1
    crop: Size | None = None
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    @model_validator(mode="after")
    def _crop_fits(self) -> Self:
        if self.crop is not None and self.crop > self.size:
            raise ValueError(f"crop {self.crop} is larger than the stage's size {self.size}")
        return self


@config
class ImagenConfig:
    """A cascade.

    Args:
        about: what it is, for people.
        expect: what was measured, where; for people.
        text_encoder: None for an unconditional cascade.
        stages: from the smallest image to the largest.
    """

    about: str = ""
    expect: str = ""
    text_encoder: TextEncoderConfig | None
    stages: Annotated[tuple[StageConfig, ...], Field(min_length=1, max_length=8)]

    @model_validator(mode="after")
    def _sizes_grow(self) -> Self:
        sizes = [stage.size for stage in self.stages]
        if any(larger <= smaller for smaller, larger in zip(sizes, sizes[1:], strict=False)):
            raise ValueError(f"stage sizes {sizes} must grow from stage to stage")
        return self

    def up_to(self, size: int) -> "ImagenConfig":
        """Return the cascade cut after the stage of this size.

        Raises:
            UsageError: when no stage has this size.
        """
        sizes = [stage.size for stage in self.stages]
        if size not in sizes:
            allowed = ", ".join(map(str, sizes))
            raise UsageError(f"--IMG_SIDE_LEN {size}: no stage has this size; choose one of {allowed}")
        return ImagenConfig(
            about=self.about,
            expect=self.expect,
            text_encoder=self.text_encoder,
            stages=self.stages[: sizes.index(size) + 1],
        )


@dataclass(frozen=True)
class CascadeConfig:
    """The parameter files of a cascade: ``imagen_params.json`` and one ``unet_<i>_params.json`` a stage."""

    imagen: ImagenConfig
    unets: tuple[UNetConfig, ...]

    def __post_init__(self) -> None:
        """Check what only the files together can show.

        Raises:
            ConfigError: for a missing network, sides a network cannot take, or crops it would misread.
        """
        if len(self.unets) < len(self.imagen.stages):
            raise ConfigError(
                f"unet_{len(self.unets)}_params.json is missing: imagen_params.json has "
                f"{len(self.imagen.stages)} stages and each needs its network's file"
            )
        for i, (stage, unet) in enumerate(zip(self.imagen.stages, self.unets, strict=False)):
            _check_pair(f"stage {i}", stage, unet)

    @classmethod
    def read(cls, directory: Path) -> "CascadeConfig":
        """Read a parameter directory.

        Raises:
            ConfigError: for a missing file, an unknown key or an impossible value.
        """
        path = find_parameters(directory, "imagen_params")
        imagen = parse(ImagenConfig, read_json(path), str(path))
        paths = [find_parameters(directory, f"unet_{i}_params") for i in range(len(imagen.stages))]
        return cls(imagen, tuple(parse(UNetConfig, read_json(p), str(p)) for p in paths))

    def write(self, directory: Path) -> None:
        """Write the files, complete and readable again."""
        directory.mkdir(parents=True, exist_ok=True)
        write_text(directory / "imagen_params.json", dump(self.imagen))
        for i, unet in enumerate(self.unets[: len(self.imagen.stages)]):
            write_text(directory / f"unet_{i}_params.json", dump(unet))


def _check_pair(name: str, stage: StageConfig, unet: UNetConfig) -> None:
    for what, side in (("size", stage.size), ("crop", stage.crop)):
        if side is not None and side % unet.size_multiple:
            raise ConfigError(
                f"{name}: {what} {side} is no multiple of {unet.size_multiple}, which its network's "
                "patch and levels need"
            )
    if stage.crop not in (None, stage.size) and not unet.is_convolutional:
        raise ConfigError(
            f"{name}: crop {stage.crop} with self-attention or coordinates, which would see a crop "
            "as a whole picture; remove them from its network or set crop to null"
        )


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
        """Return the grid of this stage, (steps + 1,)."""
        steps = self.config.sampling.steps if steps is None else steps
        if isinstance(self.config.times, DiscreteTimes):
            return discrete_grid(self.config.times.timesteps, steps)
        return self.config.sampling.grid.times(self.config.schedule, steps)

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
        walk = SAMPLERS[sampler or self.config.sampling.sampler]
        return walk(denoise, x, times, schedule, generators=draws).clamp(-1, 1)

    def _noise(self, seed: int, numbers: Sequence[int], purpose: str) -> Tensor:
        shape = (self.network.config.channels, self.config.size, self.config.size)
        return normal(generators(numbers, seed, self.name, purpose), shape).to(self.device)

    def _thresholding(self) -> Thresholding:
        default = DynamicThresholding() if self.smaller is None else StaticThresholding()
        return self.config.sampling.thresholding or default


def _bound(denoise: Denoiser, cond: Conditioning, x_t: Tensor, t: Tensor) -> Tensor:
    return denoise(x_t, t, cond)
