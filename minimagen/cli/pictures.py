"""Pictures that a command line names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.errors import DataError

if TYPE_CHECKING:
    from PIL import Image


def read_picture(flag: str, path: Path) -> "Image.Image":
    """Read a picture whole; RGB, upright, nothing cut off.

    Raises:
        DataError: naming the flag and the file, when that is missing or no picture.
    """
    from minimagen.data.pictures import read_bytes, upright

    with _named(flag, path):
        return upright(read_bytes(path), None)


def size_of(flag: str, path: Path) -> tuple[int, int]:
    """Read width and height, as shown, from a picture's header.

    Raises:
        DataError: as :func:`read_picture`.
    """
    from minimagen.data.pictures import picture_size

    with _named(flag, path):
        return picture_size(path)


def pictures_in(flag: str, paths: Sequence[Path]) -> list[Path]:
    """List pictures: those named, and of folders all that are in them, by name.

    Raises:
        DataError: for a folder without a picture.
    """
    from minimagen.data.pictures import SUFFIXES

    found = []
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not inside:
            raise DataError(f"{flag} {path}: no picture in this folder; name another, or a file")
        found += inside
    return found


@contextmanager
def _named(flag: str, path: Path) -> Iterator[None]:
    """Say whose fault it is that a file cannot be used."""
    from minimagen.data.items import RejectedItem

    try:
        yield
    except RejectedItem as error:
        raise DataError(f"{flag} {path}: {error}; give a PNG or JPEG file") from None
