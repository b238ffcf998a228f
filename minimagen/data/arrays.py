"""Pictures that are kept as numbers: they are handed on as the files they would make."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from minimagen.data.listing import InMemory

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class ArrayFiles:
    """The column of files of pictures in an array.

    Args:
        pixels: grey (N, H, W) or coloured (N, H, W, 3), uint8.
    """

    pixels: Pixels

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.pixels)

    def __getitem__(self, index: int) -> InMemory:
        """Return one as an uncompressed PNG."""
        file = io.BytesIO()
        Image.fromarray(self.pixels[index]).save(file, "PNG", compress_level=0)
        return InMemory(file.getvalue())

    def byte_count(self, index: int) -> int:
        """Return how many numbers a picture has."""
        return int(self.pixels[index].size)


def numbered(files: Sequence[Path], pixels: Sequence[Pixels]) -> Iterator[str]:
    """Name the pictures of files that each hold many.

    Args:
        files: the files.
        pixels: what each of them holds.
    """
    for path, some in zip(files, pixels, strict=True):
        yield from (f"{path.name}/{number}" for number in range(len(some)))
