"""Pictures and masks that an edit begins with: kept beside the images, named by their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from PIL import Image
from pydantic import StringConstraints

from minimagen.data.items import RejectedItem
from minimagen.data.pictures import read_bytes
from minimagen.drawing.pictures import opened
from minimagen.errors import DataError

FOLDER = "inputs"
Name = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}\.[a-z]{1,5}$")]  # no path


@dataclass(frozen=True)
class Inputs:
    """The files of an edit.

    Args:
        contents: each file, by its name.
    """

    contents: Mapping[str, bytes]

    @classmethod
    def read(cls, directory: Path, names: list[str]) -> "Inputs":
        """Read what an earlier run kept.

        Args:
            directory: of that run.
            names: of the files wanted.

        Raises:
            DataError: when one is missing, or is not what it was.
        """
        contents = {}
        for name in names:
            path = directory / FOLDER / name
            contents[name] = content_of(path, str(path))
            if name_of(contents[name], path) != name:
                raise DataError(f"{path}: is not what it was, its SHA-256 differs; restore it")
        return cls(contents)

    def picture(self, name: str) -> Image.Image:
        """Return a picture, RGB, upright."""
        return opened(self.contents[name], name)


def name_of(content: bytes, path: Path) -> str:
    """Return the name that a file is kept under: its SHA-256, and its suffix in small letters."""
    suffix = path.suffix.lower()
    letters = suffix[1:]
    known = letters.isascii() and letters.isalpha() and len(letters) <= 5
    return hashlib.sha256(content).hexdigest() + (suffix if known else ".image")


def content_of(path: Path, called: str) -> bytes:
    """Read a file of a picture.

    Args:
        path: where it is.
        called: what it is called in an error.

    Raises:
        DataError: when it cannot be read.
    """
    try:
        return read_bytes(path)
    except RejectedItem as error:
        raise DataError(f"{called}: {error}; give a PNG or JPEG file") from None
