"""From a whole picture to the part of it that is shown, at the sides that a stage needs.

A picture is never stretched. What is cut away, or filled up, is decided here; what chance adds to
it is in :mod:`minimagen.data.chance`, which ratio it belongs to in :mod:`minimagen.data.buckets`.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Literal, Self

import numpy as np
from PIL import Image
from pydantic import Field, model_validator

from minimagen.aspect import HIGHEST, LOWEST
from minimagen.config import config
from minimagen.data.augmentation import PictureAugmentation
from minimagen.data.drawing import Picture
from minimagen.data.items import RejectedItem

Crop = Literal["centre", "random", "pad"]
Ratio = Annotated[float, Field(ge=LOWEST, le=HIGHEST)]
BILINEAR = Image.Resampling.BILINEAR
ROUNDING = 1e-9  # of ratios of whole numbers


@config
class FramingConfig:
    """How pictures become the sides that training needs.

    Args:
        crop: ``centre`` cuts around the middle; ``random`` anywhere, anew for each sample; ``pad``
            around the middle, but keeps the whole picture where that would lose too much of it.
        max_lost: share of a picture's area that ``pad`` lets the cut take away.
        max_enlargement: pictures that had to be enlarged more than so many times are left out and
            listed; None enlarges every picture as far as need be.
        flip: mirror half of the samples, but none whose caption says left or right.
        aspect_ratios: width over height; a picture is cut to the nearest of them.
        augmentation: changes that chance makes to training pictures; None makes none.
    """

    crop: Crop = "centre"
    max_lost: Annotated[float, Field(ge=0, le=1)] = 0.3
    max_enlargement: Annotated[float, Field(ge=1)] | None = None
    flip: bool = False
    aspect_ratios: Annotated[tuple[Ratio, ...], Field(min_length=1, max_length=16)] = (1.0,)
    augmentation: PictureAugmentation | None = None

    @model_validator(mode="after")
    def _ratios_differ(self) -> Self:
        if len(set(self.aspect_ratios)) < len(self.aspect_ratios):
            raise ValueError(f"aspect_ratios {list(self.aspect_ratios)}: give each of them once")
        return self

    def framing(self) -> "FramingConfig":
        """Return this alone, without what a configuration made from it adds."""
        return FramingConfig(
            **{each.name: getattr(self, each.name) for each in fields(FramingConfig)}
        )


@dataclass(frozen=True)
class Frame:
    """What every picture of a bucket is fitted into.

    Args:
        height: of the result in pixels.
        width: likewise.
        config: how it is fitted.
    """

    height: int
    width: int
    config: FramingConfig = field(default_factory=FramingConfig)

    @classmethod
    def of(cls, shape: "int | Frame") -> "Frame":
        """Read a number as the centre square of that side."""
        return cls(shape, shape) if isinstance(shape, int) else shape

    def without_chance(self) -> "Frame":
        """Return the frame that shows a picture the same way each time."""
        if self.config.crop != "random":
            return self
        return replace(self, config=replace(self.config, crop="centre"))

    @property
    def decoded_side(self) -> int:
        """Shorter side that a decoder is asked for; it gives twice that where the file has it."""
        return max(min(self.height, self.width), (max(self.height, self.width) + 1) // 2)

    def fit(self, image: Image.Image) -> Picture:
        """Fit a whole RGB picture; uint8 (height, width, 3), or larger where chance is to cut.

        Raises:
            RejectedItem: when it had to be enlarged more than is allowed.
        """
        self.require_large_enough(image.width, image.height)
        if self._pads(image.width, image.height):
            return np.asarray(self._padded(image))
        if self.config.crop == "random":
            return np.asarray(self._covering(image))
        box = self._box(image.width, image.height)
        return np.asarray(image.resize((self.width, self.height), BILINEAR, box=box))

    def require_large_enough(self, width: int, height: int) -> None:
        """Check that a picture of these sides, in pixels, is not enlarged more than is allowed.

        Raises:
            RejectedItem: when it would be.
        """
        allowed = self.config.max_enlargement
        scales = self.width / width, self.height / height
        scale = min(scales) if self._pads(width, height) else max(scales)
        if allowed is not None and scale > allowed + ROUNDING:
            raise RejectedItem(f"would be enlarged more than {allowed:g} times")

    def _box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the largest part of a picture, around its middle, that has the frame's ratio."""
        kept_width = min(width, height * self.width / self.height)
        kept_height = min(height, width * self.height / self.width)
        left, top = (width - kept_width) / 2, (height - kept_height) / 2
        return left, top, left + kept_width, top + kept_height

    def _pads(self, width: int, height: int) -> bool:
        """Whether cutting a picture of these sides would lose too much of it."""
        left, top, right, bottom = self._box(width, height)
        lost = 1 - (right - left) * (bottom - top) / (width * height)
        return self.config.crop == "pad" and lost > self.config.max_lost + ROUNDING

    def _covering(self, image: Image.Image) -> Image.Image:
        """Resize the whole picture so that it just covers the frame."""
        scale = max(self.width / image.width, self.height / image.height)
        width = max(self.width, round(image.width * scale))
        height = max(self.height, round(image.height * scale))
        return image.resize((width, height), BILINEAR)

    def _padded(self, image: Image.Image) -> Image.Image:
        """Lay the whole picture on white, as transparent pictures lie."""
        within = min(self.width / image.width, self.height / image.height)
        width = min(self.width, max(1, round(image.width * within)))
        height = min(self.height, max(1, round(image.height * within)))
        canvas = Image.new("RGB", (self.width, self.height), "white")
        corner = ((self.width - width) // 2, (self.height - height) // 2)
        canvas.paste(image.resize((width, height), BILINEAR), corner)
        return canvas
