"""``settings.json``: everything that images are drawn from, so that they can be drawn again.

It is complete with the pictures in ``inputs/`` beside it; the caption files, styles and lists that
it came from are not needed. What a flag leaves open is None until :func:`settled` fills it in.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from pydantic import Field, model_validator

from minimagen.checkpoint import sha256_of
from minimagen.config import config, parse, to_plain
from minimagen.drawing.edits import EditRecord
from minimagen.errors import DataError, UsageError
from minimagen.imagen import Imagen, StagePlan
from minimagen.runtime import Precision
from minimagen.text.prompts import Prompt, literal, read_prompt
from minimagen.weights import weights_path

FILE = "settings.json"
Count = Annotated[int, Field(ge=1)]
Number = Annotated[int, Field(ge=0)]


@config
class ImageRecord:
    """What one image is drawn from.

    Args:
        given: the caption as it was written.
        expanded: in its style, its choices made.
        weights: [start, end, weight] of characters of the caption that is drawn.
        number: of its draws; None is its place among the images.
        amount: how far it goes towards another caption or seed.
    """

    given: str
    expanded: str
    weights: tuple[tuple[int, int, float], ...] = ()
    number: Number | None = None
    amount: float | None = None


@config
class Settings:
    """How images are drawn; lists have a value for each stage.

    Args:
        training_directory: as it was given.
        weights: as ``weights_path`` takes them.
        weights_sha256: of the files' hashes, one after the other.
        sizes: of the stages, up to the one that images are kept of.
        aspect_ratio: width over height.
        pixels: of each stage's images, for people.
        seed: with an image's number it fixes all its draws.
        sampler: keys of ``SAMPLERS``.
        steps: of the samplers.
        guidance_scale: 1 is off.
        negative_caption: as it was written.
        images_per_caption: for people.
        batch_size: at most so many images at a time.
        device: as torch names it.
        precision: what networks compute in.
        threads: of torch on the CPU; another number may round otherwise.
        torch: its version, likewise.
        literal: nothing in a caption is markup.
        style: for people, as ``expand``.
        expand: all or one of a caption's choices.
        windows: pieces that a long caption is read in.
        tile: side of the squares that larger pictures are computed in; None is whole ones.
        one_at_a_time: each network is on the device only while it draws.
        compile: the networks' blocks are compiled first.
        edit: what is done with a picture, or with the noise.
        prompts: one an image.
        batches: [first, count] of the images that were drawn at one time.
    """

    training_directory: str
    weights: str = "ema"
    weights_sha256: str | None = None
    sizes: tuple[Count, ...] | None = None
    aspect_ratio: float = 1.0
    pixels: tuple[str, ...] = ()
    seed: Number = 0
    sampler: tuple[str, ...] | None = None
    steps: tuple[int, ...] | None = None
    guidance_scale: tuple[float, ...] | None = None
    negative_caption: str | None = None
    images_per_caption: Count = 1
    batch_size: Count | None = None
    device: str | None = None
    precision: Precision | None = None
    threads: int | None = None
    torch: str | None = None
    literal: bool = False
    style: str | None = None
    expand: str = "all"
    windows: Count = 1
    tile: Count | None = None
    one_at_a_time: bool = False
    compile: bool = False
    edit: EditRecord | None = None
    prompts: Annotated[tuple[ImageRecord, ...], Field(min_length=1)]
    batches: tuple[tuple[Number, Count], ...] | None = None

    @model_validator(mode="after")
    def _batches_cover_all(self) -> Self:
        """Check batches, which may overlap: halved once, they may be resumed where they fit."""
        if self.batches is not None:
            count, places = len(self.prompts), set[int]()
            for first, size in self.batches:
                places |= set(range(first, min(first + size, count + 1)))
            if places != set(range(count)):
                raise ValueError("give [first, count] of batches that hold each image and no other")
        return self

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self.prompts)

    @property
    def how(self) -> dict[str, Any]:
        """The arguments of :meth:`minimagen.imagen.Imagen.plan`."""
        return {
            "negative_captions": self.negative,
            "guidance_scale": self.guidance_scale,
            "sampler": self.sampler,
            "steps": self.steps,
            "size": None if self.sizes is None else self.sizes[-1],
            "aspect_ratio": self.aspect_ratio,
            "tile": self.tile,
        }

    @property
    def negative(self) -> Prompt | None:
        """What to steer away from."""
        return None if self.negative_caption is None else self.read(self.negative_caption)

    def prompt(self, place: int) -> Prompt:
        """Return what an image shows."""
        return self.read(self.prompts[place].expanded)

    def number(self, place: int) -> int:
        """Return the number that an image's draws are keyed by."""
        number = self.prompts[place].number
        return place if number is None else number

    def read(self, caption: str) -> Prompt:
        """Read a caption's weighted words, or take it as it is."""
        return literal(caption) if self.literal else read_prompt(caption)


def settled(
    settings: Settings, imagen: Imagen, directory: Path, plans: Sequence[StagePlan]
) -> Settings:
    """Return settings with nothing left open.

    Args:
        settings: what a command line or a file says.
        imagen: draws them.
        directory: where it was loaded from.
        plans: how its stages are going to draw.

    Raises:
        UsageError: when the weights are others than the settings say.
    """
    files = [weights_path(directory, plan.stage.index, settings.weights) for plan in plans]
    hashed = hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest()
    if settings.weights_sha256 not in (None, hashed):
        raise UsageError(
            f"{directory}: its {settings.weights} weights are no longer those that the images were "
            "drawn with, so they would be others; restore them, or draw anew without --REPEAT and "
            "--RESUME"
        )
    sides = [plan.sides for plan in plans]
    return replace(
        settings,
        weights_sha256=hashed,
        sizes=tuple(plan.stage.config.size for plan in plans),
        pixels=tuple(f"{width} x {height}" for height, width in sides),
        sampler=tuple(str(plan.how.sampler) for plan in plans),
        steps=tuple(len(plan.stage.times(plan.how.steps)) - 1 for plan in plans),
        guidance_scale=tuple(
            scale for plan in plans if (scale := plan.how.guidance_scale) is not None
        ),
        device=str(imagen.device),
        precision=imagen.precision,
        threads=torch.get_num_threads(),
        torch=str(torch.__version__),
    )


def read_settings(path: Path) -> Settings:
    """Read a ``settings.json``.

    Raises:
        DataError: when it cannot be read.
        ConfigError: when it is damaged, or holds something impossible.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise DataError(
            f"{path}: no UTF-8 text; give the settings.json of an earlier run"
        ) from None
    return parse(Settings, text, str(path))


def written(settings: Settings) -> str:
    """Return settings as ``settings.json`` holds them; a prompt says only what it has to say.

    What UTF-8 cannot hold becomes "?", as it does when a caption is read.
    """
    plain = to_plain(settings)
    for prompt in plain["prompts"]:
        for name in ("number", "amount"):
            if prompt[name] is None:
                del prompt[name]
    text = json.dumps(plain, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode() + "\n"


def difference(before: Settings, now: Settings) -> list[str]:
    """Say what may round otherwise than it did, in words."""
    names = {"device": "on", "precision": "precision", "threads": "threads", "torch": "torch"}
    old, new = to_plain(before), to_plain(now)
    return [
        f"{word} {old[name]} then, {new[name]} now"
        for name, word in names.items()
        if old[name] is not None and old[name] != new[name]
    ]
