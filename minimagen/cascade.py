"""What a cascade is made of, as its parameter files say it: stages, and one network each."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from minimagen.aspect import Sides, sides_of
from minimagen.checkpoint import write_text
from minimagen.config import config, dump, find_parameters, parse, read_json, to_plain
from minimagen.diffusion import AnySchedule, Objective, Thresholding, Times, Weighting
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.diffusion.times import DiscreteTimes
from minimagen.errors import ConfigError, UsageError
from minimagen.lowres import Filter
from minimagen.models import UNetConfig
from minimagen.models.cost import weights_at_least
from minimagen.sampling import SAMPLERS, options_of
from minimagen.sampling.grids import Grid, UniformGrid
from minimagen.text.encoders import TextEncoderConfig

Size = Annotated[int, Field(ge=4, le=4096)]
Share = Annotated[float, Field(ge=0, le=1)]
Steps = Annotated[int, Field(ge=1, le=10_000)]
MAX_WEIGHTS = 20_000_000_000  # ten times the largest network of the paper


def _known_sampler(name: str) -> str:
    if name not in SAMPLERS:
        raise ValueError(f"no sampler of this name; choose one of {', '.join(SAMPLERS)}")
    return name


SamplerName = Annotated[str, AfterValidator(_known_sampler)]


@config
class SamplingConfig:
    """How a stage is sampled unless the caller says otherwise.

    Args:
        sampler: a key of ``SAMPLERS``.
        sampler_options: what this sampler takes besides, such as ``{"eta": 1.0}`` for ddim.
        steps: steps of the sampler.
        grid: at which times it stops; a stage trained on discrete times uses its own grid.
        guidance_scale: 1 is off.
        guidance_rescale: how far guided estimates get back the contrast of unguided ones.
        guidance_interval: lowest and highest log-SNR that is guided; None is everywhere.
        lowres_guidance_scale: guidance by the low-res image, beside that by text; 1 is off, and
            costs a side less.
        thresholding: None is dynamic for the base and static for super-resolution.
        augmentation: time of the noise added to the low-res image, in [0, 1].
    """

    sampler: SamplerName = "dpmpp_2m"
    sampler_options: dict[str, int | float | str | tuple[float, float]] = field(
        default_factory=dict
    )
    steps: Steps = 16
    grid: Grid = field(default_factory=UniformGrid)
    guidance_scale: Annotated[float, Field(ge=0)] = 1.0
    guidance_rescale: Share = 0.0
    guidance_interval: tuple[float, float] | None = None
    lowres_guidance_scale: Annotated[float, Field(ge=0)] = 1.0
    thresholding: Thresholding | None = None
    augmentation: Share = 0.1

    @model_validator(mode="after")
    def _interval_is_one(self) -> Self:
        interval = self.guidance_interval
        if interval is not None and interval[0] >= interval[1]:
            raise ValueError(
                f"guidance_interval {list(interval)} holds no log-SNR; give the lower one first"
            )
        return self

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        known = options_of(self.sampler)
        for name, value in self.sampler_options.items():
            if name not in known:
                takes = f"takes {', '.join(known)}" if known else "takes none"
                raise ValueError(f"{self.sampler} has no option {name!r}; it {takes}")
            try:
                TypeAdapter(known[name]).validate_python(value)
            except ValidationError as error:
                reason = error.errors()[0]["msg"].lower()
                raise ValueError(f"{self.sampler}'s {name} is {value!r}: {reason}") from None
        return self


@config
class AugmentationConfig:
    """What is done to the low-res image in training.

    A stage that is shown none but clean ones takes every softness and speck of the stage before for
    a part of the picture.

    Args:
        max_time: noise of time U(0, max_time), one draw an image. The network is told it.
        max_blur: Gaussian blur of standard deviation U(0, max_blur), in pixels of the low-res
            image, one draw an image. The network is not told: it learns to sharpen.
        schedule: of the noise.

    Source: Ho et al. 2021 (arXiv:2106.15282), sec. 4: noise, and blur.
    """

    max_time: Share = 0.5
    max_blur: Annotated[float, Field(ge=0, le=16)] = 0.0
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
        lowres_dropout: share of low-res images replaced by complete noise in training; guidance by
            the low-res image needs some. Unused by the first stage, like the next.
        lowres_filter: how low-res images are brought to this size. A fresh network answers with
            what it is shown, so one that learns for minutes is best shown the sharper bicubic ones.
        self_conditioning: share of training samples that are shown the network's own estimate;
            0 leaves the estimate out of the network.
        learned_log_variance: let a learned variance of the loss at each noise level balance the
            levels, on top of the weighting.
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
    lowres_dropout: Share = 0.0
    lowres_filter: Filter = "bilinear"
    self_conditioning: Share = 0.0
    learned_log_variance: bool = False
    crop: Size | None = None
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    @model_validator(mode="after")
    def _crop_fits(self) -> Self:
        if self.crop is not None and self.crop > self.size:
            raise ValueError(f"crop {self.crop} is larger than the stage's size {self.size}")
        return self

    @model_validator(mode="after")
    def _has_seen_no_lowres(self) -> Self:
        scale = self.sampling.lowres_guidance_scale
        if scale != 1 and self.lowres_dropout == 0:
            raise ValueError(
                f"sampling.lowres_guidance_scale {scale:g} asks for an answer without a low-res "
                "image, which a stage with lowres_dropout 0 never learns; set it to 1, or train "
                "with lowres_dropout"
            )
        return self

    @model_validator(mode="after")
    def _steps_fit(self) -> Self:
        if isinstance(self.times, DiscreteTimes) and self.sampling.steps > self.times.timesteps:
            raise ValueError(
                f"{self.sampling.steps} sampling steps are more than the {self.times.timesteps} "
                "timesteps it is trained with"
            )
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
        if any(larger <= smaller for smaller, larger in pairwise(sizes)):
            raise ValueError(f"stage sizes {sizes} must grow from stage to stage")
        return self

    @model_validator(mode="after")
    def _first_has_no_lowres(self) -> Self:
        scale = self.stages[0].sampling.lowres_guidance_scale
        if scale != 1:
            raise ValueError(
                "stage 0 has no low-res image to be guided by: its "
                f"sampling.lowres_guidance_scale is {scale:g} and must be 1"
            )
        return self

    def up_to(self, size: int) -> "ImagenConfig":
        """Return the cascade cut after the stage of this size.

        Raises:
            UsageError: when no stage has this size.
        """
        sizes = [stage.size for stage in self.stages]
        if size not in sizes:
            allowed = ", ".join(map(str, sizes))
            raise UsageError(
                f"--IMG_SIDE_LEN {size}: no stage has this size; choose one of {allowed}"
            )
        return ImagenConfig(
            about=self.about,
            expect=self.expect,
            text_encoder=self.text_encoder,
            stages=self.stages[: sizes.index(size) + 1],
        )


@dataclass(frozen=True)
class CascadeConfig:
    """The files of a cascade: ``imagen_params.json``, and ``unet_<i>_params.json`` a stage."""

    imagen: ImagenConfig
    unets: tuple[UNetConfig, ...]

    def __post_init__(self) -> None:
        """Check what only the files together can show.

        Raises:
            ConfigError: for a missing network, sides a network cannot take, crops it would misread,
                or more noise on the low-res image than it learns with.
        """
        if len(self.unets) < len(self.imagen.stages):
            raise ConfigError(
                f"unet_{len(self.unets)}_params.json is missing: imagen_params.json has "
                f"{len(self.imagen.stages)} stages and each needs its network's file"
            )
        for i, (stage, unet) in enumerate(zip(self.imagen.stages, self.unets, strict=False)):
            _check_pair(f"stage {i}", stage, unet)
            if i > 0:
                _check_augmentation(f"stage {i}", stage)

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

    def with_sampling(
        self, changes: Mapping[str, object], stages: Collection[int] | None = None
    ) -> "CascadeConfig":
        """Return the cascade with other fields of ``sampling`` at some of its stages.

        Args:
            changes: fields of :class:`SamplingConfig`.
            stages: which are changed; None is all of them.

        Raises:
            ConfigError: for an unknown field, or a value that a stage cannot have.
            UsageError: for a stage that is not there.
        """
        count = len(self.imagen.stages)
        missing = sorted(set(stages or ()) - set(range(count)))
        if missing:
            raise UsageError(f"stage {missing[0]}: there is none; choose from 0 to {count - 1}")
        tree = to_plain(self.imagen)
        for i in range(count) if stages is None else stages:
            tree["stages"][i]["sampling"].update(_plain_values(changes))
        imagen = parse(ImagenConfig, json.dumps(tree), "changed sampling")
        return CascadeConfig(imagen, self.unets)

    def fitted(self, stages: int) -> "CascadeConfig":
        """Return the cascade of the first so many stages."""
        return CascadeConfig(
            self.imagen.up_to(self.imagen.stages[stages - 1].size), self.unets[:stages]
        )

    def sides(self, ratio: float) -> tuple[Sides, ...]:
        """Return height and width of every stage's images for a ratio; all have exactly one ratio.

        Args:
            ratio: width over height; 1 gives the stages' squares.

        Raises:
            ConfigError: when the networks take no sides near it.
        """
        sizes = [stage.size for stage in self.imagen.stages]
        multiples = [unet.size_multiple for unet in self.unets[: len(sizes)]]
        found = sides_of(ratio, sizes, multiples)
        if found is None:
            raise ConfigError(
                f"aspect ratio {ratio:g}: the networks' patches and levels take sides that are "
                f"multiples of {', '.join(map(str, multiples))} px, and none near this ratio at "
                f"about the area of {sizes[0]} x {sizes[0]} px; "
                "choose another ratio, or networks with a smaller patch or fewer levels"
            )
        return found

    def write(self, directory: Path) -> None:
        """Write the files, complete and readable again."""
        directory.mkdir(parents=True, exist_ok=True)
        write_text(directory / "imagen_params.json", dump(self.imagen))
        for i, unet in enumerate(self.unets[: len(self.imagen.stages)]):
            write_text(directory / f"unet_{i}_params.json", dump(unet))


def _plain_values(changes: Mapping[str, object]) -> dict[str, object]:
    return {name: to_plain(value) for name, value in changes.items()}


def _check_pair(name: str, stage: StageConfig, unet: UNetConfig) -> None:
    if unet.channels != 3:
        raise ConfigError(f"{name}: its network has {unet.channels} channels; pictures have 3")
    for what, side in (("size", stage.size), ("crop", stage.crop)):
        if side is not None and side % unet.size_multiple:
            raise ConfigError(
                f"{name}: {what} {side} is no multiple of {unet.size_multiple}, which its "
                "network's patch and levels need"
            )
    weights = weights_at_least(unet)
    if weights > MAX_WEIGHTS:
        raise ConfigError(
            f"{name}: its network would have {weights:,} weights, more than {MAX_WEIGHTS:,}; "
            "give its levels less width or fewer blocks"
        )
    if stage.crop not in (None, stage.size) and not unet.is_convolutional:
        raise ConfigError(
            f"{name}: crop {stage.crop} with self-attention or coordinates, which would see a crop "
            "as a whole picture; remove them from its network or set crop to null"
        )


def _check_augmentation(name: str, stage: StageConfig) -> None:
    told, learnt = stage.sampling.augmentation, stage.augmentation.max_time
    if told > learnt:
        raise ConfigError(
            f"{name}: sampling.augmentation {told:g} is above augmentation.max_time {learnt:g}, so "
            "its network would be told a noise level it never saw; lower the one or raise the other"
        )
