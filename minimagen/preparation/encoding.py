"""From an original to the bytes of a sample: resized once, the way training would, and encoded."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from minimagen.preparation.originals import Originals
from minimagen.preparation.settings import Preparation

KINDS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


@dataclass(frozen=True)
class Order:
    """One sample to be made.

    Args:
        number: among the samples, from 0.
        index: of the item in the source.
        file: sha256 of its file.
        captions: one or more.
    """

    number: int
    index: int
    file: str
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """A picture as it is written, with what belongs to it.

    Args:
        number: among the samples, from 0.
        suffix: of the picture's file, without the dot.
        picture: the file.
        captions: one or more.
        origin: name of the item in the source.
        size: width and height, in pixels.
    """

    number: int
    suffix: str
    picture: bytes
    captions: tuple[str, ...]
    origin: str
    size: tuple[int, int]

    @property
    def key(self) -> str:
        """The name that its files share."""
        return f"{self.number:08d}"

    def files(self) -> dict[str, bytes]:
        """Return its three files by name, as WebDataset has them, in order."""
        files = {
            f"{self.key}.{self.suffix}": self.picture,
            f"{self.key}.json": as_json(self.about()),
            f"{self.key}.txt": self.captions[0].encode(),
        }
        return dict(sorted(files.items()))

    def about(self) -> dict[str, Any]:
        """Say in plain values what the sample is; several captions are a list."""
        text = self.captions[0] if len(self.captions) == 1 else list(self.captions)
        return {
            "text": text,
            "origin": self.origin,
            "width": self.size[0],
            "height": self.size[1],
        }


@dataclass(frozen=True)
class Make:
    """Makes samples; it is what workers are sent."""

    originals: Originals
    settings: Preparation

    def __call__(self, orders: Sequence[Order]) -> list[Sample]:
        """Read, resize and encode some pictures."""
        return [self._sample(order) for order in orders]

    def _sample(self, order: Order) -> Sample:
        image = resized(self.originals.again(order.index, order.file), self.settings.size)
        suffix = self.settings.format
        data = encoded(image, KINDS[suffix], self.settings.quality)
        origin = self.originals.source.name(order.index)
        return Sample(order.number, suffix, data, order.captions, origin, image.size)


def resized(image: Image.Image, size: int | None) -> Image.Image:
    """Reduce the shorter side to ``size``, so that its middle is what training would make of it.

    The middle square of the result is what :meth:`minimagen.data.framing.Frame.fit` makes of the
    whole, but for roundings by 1 of 255: same filter, same scale, and a grid of pixels that lies
    evenly about the centre. For that the longer side loses less than two pixels of the result. A
    smaller picture stays as it is.
    """
    shorter = min(image.size)
    if size is None or shorter <= size:
        return image
    scale = shorter / size
    width, height = (size + 2 * (int(side / scale - size) // 2) for side in image.size)
    left, top = (
        max(0, s - n * scale) / 2 for s, n in zip(image.size, (width, height), strict=True)
    )
    box = (left, top, image.width - left, image.height - top)
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box)


def encoded(image: Image.Image, kind: str, quality: int) -> bytes:
    """Write a picture as a file that holds nothing but its pixels.

    Args:
        image: RGB.
        kind: JPEG, PNG or WEBP.
        quality: 1 to 100, for the lossy ones; 100 makes WebP lossless.
    """
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": quality, "subsampling": 0},
        "PNG": {"compress_level": 6},
        "WEBP": {"quality": quality, "lossless": quality == 100},
    }
    file = io.BytesIO()
    # From the bare pixels, since Pillow would carry profiles and comments over.
    Image.fromarray(np.asarray(image)).save(file, kind, **options[kind])
    return file.getvalue()


def as_json(value: Any) -> bytes:
    """Write a value as one line of ASCII: file names may be no UTF-8."""
    return json.dumps(value).encode() + b"\n"
