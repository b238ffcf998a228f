"""The cascade as a whole: stages joined by one low-resolution function, text encoder, files."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from minimagen.aspect import HIGHEST, LOWEST, Sides
from minimagen.canvas import Canvas, Edit
from minimagen.cascade import CascadeConfig
from minimagen.checkpoint import read_weights, write_weights
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.data.items import RejectedItem
from minimagen.data.pictures import truthful
from minimagen.errors import CheckpointError, DataError, UsageError
from minimagen.models import UNet
from minimagen.packing import Dtype, packed, unpacked
from minimagen.release.finding import find_pretrained
from minimagen.release.hub import push
from minimagen.release.manifest import About, Release, is_release, verify
from minimagen.release.writing import Content, write_release
from minimagen.runtime import Precision, autocast, pick_device, pick_precision, visiting
from minimagen.seeds import Seeds, hash_key, seeds_of
from minimagen.stage import Drawing, Stage, Steer
from minimagen.tensors import from_uint8, to_uint8
from minimagen.text.captions import clean
from minimagen.text.encoders import (
    TextEncoder,
    TunedConfig,
    encoder_width,
    load_encoder,
)
from minimagen.text.prompts import Prompt, literal
from minimagen.text.weighting import encode_prompts
from minimagen.text.windows import WindowedEncoder
from minimagen.upscaling import TILE, Enlarging, Told, enlarge, enlarged_sides
from minimagen.weights import encoder_in, load_weights, text_weights_path, weights_path

T = TypeVar("T")
Caption = str | Prompt
"""A text, in which nothing is markup, or one with weighted words."""


class Imagen:
    """A text-to-image cascade.  Saharia et al. 2022 (arXiv:2205.11487).

    Args:
        config: the parameter files.
        stages: one for each of ``config.imagen.stages`` that can be drawn with, from the first.
        precision: what the networks compute in.
        device: where they compute; None is where they are. One that is elsewhere goes there only
            while it draws.
    """

    def __init__(
        self,
        config: CascadeConfig,
        stages: Sequence[Stage],
        precision: Precision = "no",
        device: torch.device | None = None,
    ) -> None:
        self.config = config
        self.stages = list(stages)
        self.precision = precision
        self.device = stages[0].device if device is None else device
        self.text_encoder = config.imagen.text_encoder
        self._encoder: TextEncoder | None = None
        self._windows = 1

    @classmethod
    def create(
        cls, config: CascadeConfig, device: torch.device | str = "cpu", seed: int = 0
    ) -> "Imagen":
        """Make a cascade of fresh networks; their weights follow from the seed."""
        stages = [
            make_stage(config, index, device, seed) for index in range(len(config.imagen.stages))
        ]
        return cls(config, stages)

    @classmethod
    def load(
        cls,
        directory: str | Path,
        device: str | None = None,
        *,
        weights: str = "ema",
        precision: Precision | None = None,
        one_at_a_time: bool = False,
    ) -> "Imagen":
        """Load the consecutive fitted stages of a training directory, or of a saved cascade.

        Every file of a released directory is checked first.

        Args:
            directory: holds ``parameters/`` and ``state_dicts/``.
            device: None is the best there is.
            weights: which of a stage's weights, as :func:`weights_path` takes them.
            precision: None is bf16 on a GPU that has it.
            one_at_a_time: keep networks in main memory, and each on the device only while it draws:
                a GPU then needs room for the largest of them alone.

        Raises:
            CheckpointError: when this is no such directory, its first stage has no weights, or a
                file of a released one is not what was released.
        """
        directory, place = Path(directory), pick_device(device)
        home = torch.device("cpu") if one_at_a_time else place
        _check_directory(directory)
        if is_release(directory):
            verify(directory)
        config = CascadeConfig.read(directory / "parameters")
        stages = []
        for index in range(len(config.imagen.stages)):
            path = weights_path(directory, index, weights)
            if not path.is_file():
                break
            stages.append(_load_stage(config, index, path, home))
        if not stages:
            raise CheckpointError(
                f"{weights_path(directory, 0, weights)}: no such file, so no stage can be drawn "
                "with; fit stage 0, or choose other --WEIGHTS"
            )
        made = cls(config, stages, pick_precision(precision, place), place)
        if made.text_encoder is not None:
            made.text_encoder = encoder_in(directory, made.text_encoder)
        return made

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        device: str | None = None,
        precision: Precision | None = None,
        one_at_a_time: bool = False,
    ) -> "Imagen":
        """Load a released cascade from wherever it is.

            Imagen.from_pretrained("organisation/name", revision="0123456789abcdef...")

        Args:
            name: a directory, NAME or NAME:TAG of the registry, ``bundled``, or ORGANISATION/NAME
                of the Hugging Face Hub.
            revision: a commit of the Hub, which pins the very bytes, or a branch or tag; of a
                directory, how its identity begins.
            device: as :meth:`load` takes it; likewise what follows.
            precision: what the networks compute in.
            one_at_a_time: each network on the device only while it draws.

        Raises:
            CheckpointError: when there is none, or a file is not what was released.
            HubError: when the Hub does not answer and its cache here lacks something.
        """
        directory = find_pretrained(str(name), revision)
        return cls.load(directory, device, precision=precision, one_at_a_time=one_at_a_time)

    def with_sampling(
        self, *, stages: Collection[int] | None = None, **changes: object
    ) -> "Imagen":
        """Return the same networks, sampled in another way.

            imagen.with_sampling(guidance_rescale=0.7, guidance_interval=(-3.0, 5.0))

        Args:
            stages: which are changed; None is all of them.
            changes: fields of :class:`~minimagen.cascade.SamplingConfig`.

        Raises:
            ConfigError: for an unknown field, or a value that a stage cannot have.
            UsageError: for a stage that is not there.
        """
        config = self.config.with_sampling(changes, stages)
        changed = [
            replace(stage, config=config.imagen.stages[stage.index]) for stage in self.stages
        ]
        made = Imagen(config, changed, self.precision, self.device)
        made.text_encoder = self.text_encoder
        made._encoder, made._windows = self._encoder, self._windows
        return made

    def with_windows(self, windows: int) -> "Imagen":
        """Return the same networks, told captions longer than the encoder reads in several pieces.

        Args:
            windows: at most so many pieces of a caption; 1 cuts it, as training does.

        Raises:
            UsageError: for fewer than one.
        """
        if windows < 1:
            raise UsageError(f"--WINDOWS {windows}: read a caption in at least 1")
        made = self.with_sampling()
        made._windows = windows
        return made

    def compiled(self) -> "Imagen":
        """Compile every block of every network, in place; returns the same cascade.

        The first pictures of each size then wait for the compiler, minutes on a CPU; pictures are
        the same up to rounding.
        """
        for stage in self.stages:
            for block in stage.network.blocks():
                block.compile()
        return self

    def save(self, directory: str | Path) -> None:
        """Write the parameter files and the weights so that :meth:`load` reads them."""
        directory = Path(directory)
        self.config.write(directory / "parameters")
        (directory / "state_dicts").mkdir(exist_ok=True)
        if isinstance(self.text_encoder, TunedConfig):
            tuned = read_weights(Path(self.text_encoder.weights))
            write_weights(text_weights_path(directory), tuned)
        for stage in self.stages:
            write_weights(weights_path(directory, stage.index), stage.network.state_dict())

    def save_pretrained(
        self,
        directory: str | Path,
        *,
        dtype: Dtype = "fp32",
        about: About | None = None,
        samples: Image.Image | None = None,
        training: str | None = None,
    ) -> Release:
        """Write a released directory, which :meth:`from_pretrained` and :meth:`load` read.

        Args:
            directory: where; an older release there is replaced.
            dtype: how weights are stored: fp32, bf16, fp16 or int8. :meth:`stored_as` draws with
                what will be stored.
            about: for people: its name, licence, how it was made, what was measured.
            samples: a sheet of what it draws.
            training: ``training_params.json`` as text, so that it can be trained again.

        Returns:
            What the release says of itself.

        Raises:
            UsageError: when something else is there, or a weight is beyond what the kind can hold.
            TrainingError: when the disk is full; what was there is intact.
        """
        text = None
        if isinstance(self.text_encoder, TunedConfig):
            text = read_weights(Path(self.text_encoder.weights))
        content = Content(
            cascade=self.config.fitted(len(self.stages)),
            weights=[stage.network.state_dict() for stage in self.stages],
            text=text,
            training=training,
            samples=samples,
            about=about or About(),
        )
        return write_release(Path(directory), content, dtype)

    def push_to_hub(
        self,
        name: str,
        *,
        dtype: Dtype = "fp32",
        about: About | None = None,
        samples: Image.Image | None = None,
        private: bool = False,
    ) -> str:
        """Put it on the Hugging Face Hub as ORGANISATION/NAME and return the commit.

        Raises:
            HubError: when the Hub does not answer, or refuses.
        """
        with TemporaryDirectory() as folder:
            directory = Path(folder) / "release"
            self.save_pretrained(directory, dtype=dtype, about=about, samples=samples)
            return push(directory, name, private=private)

    def stored_as(self, dtype: Dtype) -> "Imagen":
        """Round every weight, in place, to what a file of this kind holds; returns the cascade."""
        for stage in self.stages:
            network = stage.network
            network.load_state_dict(unpacked(packed(network.state_dict(), dtype)))
        return self

    def sample(self, captions: Sequence[Caption], **options: object) -> Tensor:
        """Draw captions; the last of :meth:`sample_stages`, whose options it takes."""
        return self.sample_stages(captions, **options)[-1]  # type: ignore[arg-type]

    def generate(self, captions: Sequence[Caption], **options: object) -> list[Image.Image]:
        """Draw captions as PIL images; takes the options of :meth:`sample_stages`."""
        return to_pictures(self.sample(captions, **options))

    def sample_stages(
        self,
        captions: Sequence[Caption],
        *,
        negative_captions: Sequence[Caption] | Caption | None = None,
        guidance_scale: float | Sequence[float] | None = None,
        sampler: str | Sequence[str] | None = None,
        steps: int | Sequence[int] | None = None,
        size: int | None = None,
        aspect_ratio: float = 1.0,
        seed: Seeds = 0,
        first_number: int = 0,
        numbers: Sequence[int] | None = None,
        batch_size: int = 16,
        steer: Steer | None = None,
        edit: Edit = Canvas.paint,
        tile: int | None = None,
    ) -> list[Tensor]:
        """Draw captions and keep what every stage drew.

        Args:
            captions: N texts, or prompts with weighted words as
                :func:`minimagen.text.prompts.read_prompt` reads them; the empty one draws
                unconditionally.
            negative_captions: what to steer away from: one for all, or N.
            guidance_scale: 1 is off; one value, or one for each stage; None is each stage's own.
            sampler: a key of ``SAMPLERS``, likewise.
            steps: likewise.
            size: stop after the stage of this size; None is the last stage.
            aspect_ratio: width over height. The area stays about the stage's square, and the sides
                are the nearest that every network takes; one that was not trained may look bad.
            seed: with the image's number it fixes all draws of an image; one for all, or N.
            first_number: number of the first image.
            numbers: of the images, N; None counts from the first.
            batch_size: images at a time; changes nothing but memory and time.
            steer: guidance of your own in place of each stage's, such as
                ``lambda stage, denoise: autoguided(denoise, weaker, 2.0)``.
            edit: draws on each stage's canvas in place of a plain walk, see ``editing``.
            tile: compute larger pictures in squares of so many pixels: the same pictures up to
                rounding, in less memory and more time.

        Returns:
            One tensor a stage, (N, 3, H, W) in [-1, 1], on the CPU.

        Raises:
            UsageError: for no captions, a size that is no stage's, lists of a wrong length,
                ``steer`` together with the guidance that it replaces, or negative captions without
                guidance.
            ConfigError: for an aspect ratio that the networks cannot take.
        """
        _check_captions(captions, batch_size)
        plans = self.plan(
            negative_captions=negative_captions,
            guidance_scale=guidance_scale,
            sampler=sampler,
            steps=steps,
            size=size,
            aspect_ratio=aspect_ratio,
            steer=steer,
            edit=edit,
            tile=tile,
        )
        if numbers is None:
            numbers = range(first_number, first_number + len(captions))
        _check_lengths(len(captions), seed, numbers)
        text = self.encode(captions)
        negative = self._negative(negative_captions, len(captions))
        batches = []
        for start in range(0, len(captions), batch_size):
            places = range(start, min(start + batch_size, len(captions)))
            told, away = _rows(text, places), _rows(negative, places)
            numbered = numbers[places.start : places.stop]
            seeds = seeds_of(seed, places)
            batches.append(
                self.draw(plans, told, away, seed=seeds, numbers=numbered, places=places)
            )
        return [torch.cat(parts) for parts in zip(*batches, strict=True)]

    def upscale(
        self,
        pictures: Sequence[Image.Image],
        captions: Sequence[Caption] | None = None,
        *,
        stages: Collection[int] | None = None,
        sampler: str | Sequence[str] | None = None,
        steps: int | Sequence[int] | None = None,
        guidance_scale: float | Sequence[float] | None = None,
        augmentation: float | None = None,
        seed: int = 0,
        first_number: int = 0,
        tile: int = TILE,
        told: Told = lambda done, of: None,
        edit: Edit = Canvas.paint,
    ) -> list[Image.Image]:
        """Enlarge pictures of any size and ratio by the super-resolution stages.

        Large ones go through tile by tile, without a seam; see :mod:`minimagen.upscaling`.

        Args:
            pictures: N of them, each side at least the first stage's.
            captions: what they show, one for each; None says nothing of any.
            stages: which stages, each as many times larger as its own images are than those of the
                stage before; None is all but the first.
            sampler: one value, or one for each of these stages; None is each stage's own.
            steps: likewise.
            guidance_scale: likewise.
            augmentation: time of the noise that is added to what is enlarged, in [0, 1]: 0 trusts
                every pixel of it; None is each stage's own.
            seed: with a picture's number it fixes all draws of a picture.
            first_number: number of the first picture.
            tile: side of a tile in pixels; changes nothing but memory and time.
            told: is told how many calls of a network are done for a picture, and of about how many.
            edit: draws on each stage's canvas in place of a plain walk.

        Raises:
            UsageError: for a stage that is not there, numbers that do not fit, a picture that is
                too small, or would become too large.
        """
        made = self if augmentation is None else self.with_sampling(augmentation=augmentation)
        chain = made.enlarging(stages, sampler, steps, guidance_scale, tile, edit)
        captions = [""] * len(pictures) if captions is None else captions
        _check_captions(captions, 1)
        if len(captions) != len(pictures):
            raise UsageError(
                f"{len(captions)} captions for {len(pictures)} pictures; give one for each"
            )
        smallest = self.stages[0].config.size
        for place, picture in enumerate(pictures):
            sides = picture.height, picture.width
            enlarged_sides(sides, chain, smallest, f"picture {first_number + place}")
        text = self.encode(captions)
        return [
            to_pictures(
                enlarge(
                    from_picture(picture),
                    _rows(text, range(place, place + 1)),
                    chain,
                    seed=seed,
                    number=first_number + place,
                    device=self.device,
                    precision=self.precision,
                    told=told,
                )
            )[0]
            for place, picture in enumerate(pictures)
        ]

    def enlarging(
        self,
        stages: Collection[int] | None = None,
        sampler: str | Sequence[str] | None = None,
        steps: int | Sequence[int] | None = None,
        guidance_scale: float | Sequence[float] | None = None,
        tile: int = TILE,
        edit: Edit = Canvas.paint,
    ) -> list[Enlarging]:
        """Settle how pictures are enlarged; the arguments are those of :meth:`upscale`.

        Raises:
            UsageError: for a stage that is not there, numbers that do not fit.
        """
        upper = [stage.index for stage in self.stages[1:]]
        chosen = upper if stages is None else sorted(set(stages))
        if not chosen or not set(chosen) <= set(upper):
            asked, allowed = (", ".join(map(str, some)) or "none" for some in (chosen, upper))
            raise UsageError(
                f"stages {asked}: the fitted ones that enlarge are {allowed}; choose of them"
            )
        if tile < 1:
            raise UsageError(f"tile {tile}: give the side of a tile in pixels, at least 1")
        used = [self.stages[index] for index in chosen]
        own = [stage.config.sampling for stage in used]
        scales = [how.guidance_scale for how in own]
        settled = zip(
            _per_stage(sampler, [str(how.sampler) for how in own], len(used), "sampler"),
            _per_stage(steps, [how.steps for how in own], len(used), "steps"),
            _per_stage(guidance_scale, scales, len(used), "guidance_scale"),
            strict=True,
        )
        drawings = [Drawing(*each, edit=edit) for each in settled]
        for stage, how in zip(used, drawings, strict=True):
            stage.times(how.steps)
            stage.sampler(how.sampler)
        return [Enlarging(*each, tile) for each in zip(used, drawings, strict=True)]

    def plan(
        self,
        *,
        negative_captions: Sequence[Caption] | Caption | None = None,
        guidance_scale: float | Sequence[float] | None = None,
        sampler: str | Sequence[str] | None = None,
        steps: int | Sequence[int] | None = None,
        size: int | None = None,
        aspect_ratio: float = 1.0,
        steer: Steer | None = None,
        edit: Edit = Canvas.paint,
        tile: int | None = None,
    ) -> list["StagePlan"]:
        """Settle how each stage is sampled; the arguments are those of :meth:`sample_stages`.

        Raises:
            UsageError: for a size that is no stage's, lists of a wrong length, too many steps,
                ``steer`` together with the guidance that it replaces, negative captions where
                guidance is off.
            ConfigError: for an aspect ratio that the networks cannot take.
        """
        if steer is not None and not (guidance_scale is None and negative_captions is None):
            raise UsageError(
                "steer: takes the place of guidance_scale and negative_captions; give it alone"
            )
        stages = self._up_to(size)
        own = [stage.sampling for stage in self.config.imagen.stages]
        samplers: list[str] = [how.sampler for how in own]
        scales = [how.guidance_scale for how in own]
        count = len(stages)
        settled = zip(
            _per_stage(sampler, samplers, count, "sampler"),
            _per_stage(steps, [how.steps for how in own], count, "steps"),
            _per_stage(guidance_scale, scales, count, "guidance_scale"),
            self._sides(aspect_ratio)[:count],
            strict=True,
        )
        drawings = [Drawing(*each, steer=steer, edit=edit, tile=tile) for each in settled]
        plans = [StagePlan(*plan) for plan in zip(stages, drawings, strict=True)]
        for stage, how in zip(stages, drawings, strict=True):
            stage.times(how.steps)  # more steps than a stage's timesteps are refused here
            stage.sampler(how.sampler)  # and unknown samplers here
            stage.tile(how)  # and squares that a network cannot be asked about
        if negative_captions is not None:
            _require_guidance(plans)
        return plans

    def draw(
        self,
        plans: Sequence["StagePlan"],
        text: TextEmbedding | None,
        negative: TextEmbedding | None = None,
        *,
        seed: Seeds,
        numbers: Sequence[int],
        places: range,
    ) -> list[Tensor]:
        """Send one batch through the stages.

        Args:
            plans: how each stage draws, from :meth:`plan`.
            text: of each image, from :meth:`encode`, (B, L, D); wherever it is.
            negative: what to steer each image away from, likewise.
            seed: with an image's number it fixes all its draws; one for all, or (B,).
            numbers: of the images, (B,).
            places: what an edit is told the images are, (B,).

        Returns:
            One tensor a stage, (B, 3, H, W) in [-1, 1], on the CPU.
        """
        text = None if text is None else text.to(self.device)
        negative = None if negative is None else negative.to(self.device)
        drawn: list[Tensor] = []
        for plan in plans:
            with visiting(plan.stage.network, self.device):
                lowres = plan.stage.lowres(drawn[-1], seed, numbers, plan.sides) if drawn else None
                cond = Conditioning(text, lowres)
                with autocast(self.device, self.precision):
                    images = plan.stage.sample(
                        cond, plan.how, seed=seed, numbers=numbers, negative=negative, places=places
                    )
            drawn.append(images.cpu())
        return drawn

    def encode(self, captions: Sequence[Caption]) -> TextEmbedding | None:
        """Embed captions; None for an unconditional cascade. The encoder is loaded at first use."""
        encoder = self._reader()
        if encoder is None:
            return None
        prompts = [literal(c) if isinstance(c, str) else c for c in captions]
        return encode_prompts(encoder, prompts).to(self.device)

    def pieces(self, caption: Caption) -> list[str]:
        """Say of each token which letters of the caption it stands for.

        Empty ones stand for none, such as the end of a caption; an unconditional cascade has none.
        """
        encoder = self._reader()
        text = clean(caption if isinstance(caption, str) else caption.text)
        return [] if encoder is None else [text[start:end] for start, end in encoder.spans(text)]

    def _reader(self) -> TextEncoder | None:
        if self.text_encoder is None:
            return None
        if self._encoder is None:
            self._encoder = load_encoder(self.text_encoder, self.device)
        if self._windows > 1:
            return WindowedEncoder(self._encoder, self._windows)
        return self._encoder

    def _negative(
        self, captions: Sequence[Caption] | Caption | None, count: int
    ) -> TextEmbedding | None:
        if captions is None:
            return None
        texts = [captions] * count if isinstance(captions, str | Prompt) else list(captions)
        if len(texts) != count:
            raise UsageError(
                f"{len(texts)} negative captions for {count} captions; give 1 or {count}"
            )
        return self.encode(texts)

    def _sides(self, aspect_ratio: float) -> tuple[Sides, ...]:
        if not LOWEST <= aspect_ratio <= HIGHEST:
            raise UsageError(
                f"--ASPECT_RATIO {aspect_ratio:g}: give width over height, from {LOWEST:g} "
                f"to {HIGHEST:g}"
            )
        return self.config.sides(aspect_ratio)

    def _up_to(self, size: int | None) -> list[Stage]:
        sizes = [stage.config.size for stage in self.stages]
        if size is None:
            return self.stages
        if size not in sizes:
            allowed = ", ".join(map(str, sizes))
            raise UsageError(
                f"--IMG_SIDE_LEN {size}: no fitted stage has this size; choose one of {allowed}"
            )
        return self.stages[: sizes.index(size) + 1]


@dataclass(frozen=True)
class StagePlan:
    """A stage and how it is going to draw, with nothing left open but an edit."""

    stage: Stage
    how: Drawing

    @property
    def sides(self) -> Sides:
        """Height and width of its images, in pixels."""
        return self.how.sides or self.stage.square

    @property
    def is_guided(self) -> bool:
        """Whether null text, or what stands in its place, is asked at all."""
        lowres_scale = self.stage.config.sampling.lowres_guidance_scale
        return self.how.guidance_scale != 1 or lowres_scale != 1


def make_stage(
    config: CascadeConfig, index: int, device: torch.device | str = "cpu", seed: int = 0
) -> Stage:
    """Make a stage with a fresh network whose weights follow from the seed and the stage."""
    encoder = config.imagen.text_encoder
    smaller = config.imagen.stages[index - 1].size if index else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hash_key(seed, f"stage_{index}", "weights"))
        network = UNet(
            config.unets[index],
            text_width=None if encoder is None else encoder_width(encoder),
            lowres=index > 0,
            self_conditioned=config.imagen.stages[index].self_conditioning > 0,
        )
    return Stage(index, config.imagen.stages[index], network.to(device), smaller)


def _rows(text: TextEmbedding | None, rows: range) -> TextEmbedding | None:
    return None if text is None else text[rows.start : rows.stop]


def to_pictures(images: Tensor) -> list[Image.Image]:
    """Turn images (B, 3, H, W) in [-1, 1] into PIL images."""
    return [Image.fromarray(array) for array in to_uint8(images).permute(0, 2, 3, 1).cpu().numpy()]


def from_picture(picture: Image.Image) -> Tensor:
    """Turn a PIL image into (1, 3, H, W) in [-1, 1]; upright, and white where nothing is.

    Raises:
        DataError: for numbers that are no picture.
    """
    try:
        pixels = np.array(truthful(picture))
    except RejectedItem as error:
        raise DataError(f"picture: {error}") from None
    return from_uint8(torch.from_numpy(pixels).permute(2, 0, 1)[None])


def _load_stage(config: CascadeConfig, index: int, path: Path, device: torch.device) -> Stage:
    stage = make_stage(config, index)
    load_weights(stage.network, path)
    stage.network.to(device).eval().requires_grad_(False)
    return stage


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise CheckpointError(
            f"{directory}: no such directory; -d names a training_<TIMESTAMP> directory, or one of "
            "python -m minimagen models"
        )
    if not (directory / "parameters").is_dir():
        raise CheckpointError(
            f"{directory}: no training directory, it has no parameters/; "
            "name one that train.py made"
        )


def _check_lengths(count: int, seed: Seeds, numbers: Sequence[int]) -> None:
    given = {"numbers": numbers} if isinstance(seed, int) else {"numbers": numbers, "seed": seed}
    for name, values in given.items():
        if len(values) != count:
            raise UsageError(f"{name}: {len(values)} of them for {count} captions; give one each")


def _check_captions(captions: Sequence[Caption], batch_size: int) -> None:
    if isinstance(captions, str | Prompt) or len(captions) == 0:
        raise UsageError(
            f"captions: {captions!r} is no list of texts; give one, as ['a red circle']"
        )
    if batch_size < 1:
        raise UsageError(f"batch_size {batch_size}: draw at least 1 image at a time")


def _per_stage(value: T | Sequence[T] | None, own: Sequence[T], count: int, name: str) -> list[T]:
    """Spread one value, or one for each stage, over the first stages; None leaves them their own.

    Args:
        value: one, one for each stage that is drawn, or one for each stage of the cascade.
        own: the value of each stage of the cascade.
        count: how many of them are drawn.
        name: of the value, in an error.
    """
    if value is None:
        return list(own[:count])
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * count
    if len(value) not in (1, count, len(own)):
        allowed = " or ".join(map(str, sorted({1, count, len(own)})))
        raise UsageError(
            f"{name}: {len(value)} values for {count} stage{'s' * (count > 1)}; give {allowed}"
        )
    return list(value)[:count] if len(value) > 1 else list(value) * count


def _require_guidance(plans: Sequence[StagePlan]) -> None:
    """Refuse a negative caption that would steer nothing."""
    if not any(plan.is_guided for plan in plans):
        raise UsageError(
            "--NEGATIVE_CAPTION: guidance is 1 in every stage, which is off, so nothing would be "
            "steered away; give a --GUIDANCE_SCALE above 1"
        )
