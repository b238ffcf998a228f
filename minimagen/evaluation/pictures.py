"""Pictures to be judged, wherever they are, read as they are asked for: memory stays flat."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from minimagen.data.items import RejectedItem, Source
from minimagen.data.pictures import SUFFIXES, read_picture
from minimagen.drawing.batches import batches_of
from minimagen.errors import DataError
from minimagen.imagen import to_pictures
from minimagen.tensors import from_uint8

BATCH = 50  # pictures read at a time
CAPTIONS = "captions.txt"  # line i is the caption of image_<i>
IMAGES = "generated_images"


class Pictures(Protocol):
    """Numbered pictures of one size, with their captions."""

    @property
    def captions(self) -> Sequence[str]:
        """One a picture; the empty one says nothing."""

    def __len__(self) -> int:
        """Return how many there are."""

    def picture(self, place: int) -> Image.Image:
        """Return a picture, RGB."""


@dataclass(frozen=True)
class FromFiles:
    """Pictures in files.

    Args:
        files: PNG or JPEG.
        captions: one a file.
        size: side in pixels; others are resized, and their middle squares taken.
    """

    files: Sequence[Path]
    captions: Sequence[str]
    size: int

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.files)

    def picture(self, place: int) -> Image.Image:
        """Read a picture.

        Raises:
            DataError: when that cannot be.
        """
        try:
            return Image.fromarray(read_picture(self.files[place], self.size))
        except RejectedItem as error:
            raise DataError(f"{self.files[place]}: {error}; give PNG or JPEG files") from None


@dataclass(frozen=True)
class FromSource:
    """Pictures of a data set, nothing left to chance.

    Args:
        source: the data set.
        indices: which of its items; all of them must be readable.
        size: side in pixels.
    """

    source: Source
    indices: Sequence[int]
    size: int

    @property
    def captions(self) -> Sequence[str]:
        """The first caption of each item."""
        return [self.source.captions(index)[0] for index in self.indices]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.indices)

    def picture(self, place: int) -> Image.Image:
        """Read a picture."""
        return Image.fromarray(self.source.picture(self.indices[place], self.size))


def first_readable(source: Source, indices: Sequence[int], size: int, count: int) -> FromSource:
    """Return the first so many pictures of a data set that can be read.

    Args:
        source: the data set.
        indices: its items, in the order they are tried in.
        size: side in pixels.
        count: how many, at most.
    """
    kept: list[int] = []
    for index in indices:
        if len(kept) == count:
            break
        try:
            source.picture(index, size)
        except RejectedItem:
            continue
        kept.append(index)
    return FromSource(source, kept, size)


def images_of(pictures: Pictures, places: Sequence[int]) -> Tensor:
    """Return some pictures as a network takes them, (B, 3, S, S) in [-1, 1]."""
    arrays = np.stack([np.asarray(pictures.picture(place)) for place in places])
    return from_uint8(torch.from_numpy(arrays).permute(0, 3, 1, 2))


def batches(pictures: Pictures, size: int = BATCH) -> Iterator[Tensor]:
    """Return all pictures in order, (B, 3, S, S) in [-1, 1], at most so many at a time."""
    for batch in batches_of(len(pictures), size):
        yield images_of(pictures, batch.places)


def saved(folder: Path, captions: Sequence[str], drawn: Iterator[Tensor], size: int) -> FromFiles:
    """Write pictures as they are drawn, and return them.

    Args:
        folder: gets ``image_<i>.png`` and ``captions.txt``.
        captions: one a picture.
        drawn: batches of them in order, (B, 3, size, size) in [-1, 1].
        size: their side in pixels.
    """
    folder.mkdir(parents=True)
    lines = [" ".join(caption.split()) for caption in captions]
    (folder / CAPTIONS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    files: list[Path] = []
    for images in drawn:
        for picture in to_pictures(images):
            files.append(folder / f"image_{len(files)}.png")
            picture.save(files[-1])
    return FromFiles(files, captions, size)


def found_in(folder: Path, size: int | None = None) -> FromFiles:
    """Find pictures that were drawn earlier, or by somebody else.

    Args:
        folder: a ``generated_images_<TIMESTAMP>``, or any folder of pictures; with a
            ``captions.txt`` of as many lines in it they have captions.
        size: side in pixels; None is that of the first one.

    Raises:
        DataError: for no pictures, or captions that are not as many.
    """
    if not folder.is_dir():
        raise DataError(f"--PICTURES {folder}: no such folder; name one with pictures in it")
    inside = folder / IMAGES if (folder / IMAGES).is_dir() else folder
    files = sorted(
        (file for file in inside.iterdir() if file.suffix.lower() in SUFFIXES), key=_by_number
    )
    if len(files) < 2:
        raise DataError(f"--PICTURES {folder}: {len(files)} pictures in it; give two or more")
    captions = _captions(folder, len(files))
    if size is None:
        try:
            with Image.open(files[0]) as first:
                size = min(first.size)
        except OSError:
            raise DataError(f"{files[0]}: no picture; give PNG or JPEG files") from None
    return FromFiles(files, captions, size)


def _captions(folder: Path, count: int) -> list[str]:
    file = folder / CAPTIONS
    if not file.is_file():
        return [""] * count
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(lines) != count:
        raise DataError(f"{file}: {len(lines)} captions for {count} pictures; give one a line")
    return [line.strip() for line in lines]


def _by_number(file: Path) -> tuple[int, str]:
    """Sort ``image_10`` behind ``image_9``, and what has no number by name."""
    digits = file.stem.rpartition("_")[2]
    return (int(digits) if digits.isdecimal() else -1, file.name)
