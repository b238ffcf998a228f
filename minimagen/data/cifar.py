"""CIFAR-10 and CIFAR-100 in their binary versions; never their pickles.

A record is a label (CIFAR-100: the coarse one, then the fine one) and 3072 bytes: the red, the
green and the blue plane of 32 x 32 pixels.  Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from minimagen.data.arrays import ArrayFiles, Pixels, numbered
from minimagen.data.classes import TEMPLATES, captioned_like, captions_of_classes
from minimagen.data.columns import pack
from minimagen.data.listing import Listing, Request
from minimagen.errors import DataError

SIDE = 32


class Version(NamedTuple):
    """One of the two data sets.

    Args:
        name: of it.
        files: that it may have; those that are there are read.
        labels: bytes before each picture; the last is the class.
        class_names: the file that names the classes, a line each.
    """

    name: str
    files: tuple[str, ...]
    labels: int
    class_names: str


VERSIONS = (
    Version(
        "CIFAR-10",
        (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"),
        1,
        "batches.meta.txt",
    ),
    Version("CIFAR-100", ("train.bin", "test.bin"), 2, "fine_label_names.txt"),
)


def is_cifar(request: Request) -> bool:
    """Recognise a directory with CIFAR's files."""
    return any(_files(request.path, version) for version in VERSIONS)


def list_cifar(request: Request) -> Listing:
    """List the pictures of all files that are there.

    Raises:
        DataError: for a file that is no whole number of records, or classes without names.
    """
    root = request.path
    version = next(version for version in VERSIONS if _files(root, version))
    files = _files(root, version)
    records = [_read(path, version) for path in files]
    together = np.concatenate(records)
    planes = together[:, version.labels :].reshape(-1, 3, SIDE, SIDE)  # (N, 3, 32, 32)
    labels = together[:, version.labels - 1].astype(np.int64)
    class_names = _lines(root / version.class_names)
    captions = captions_of_classes(request, labels, class_names, TEMPLATES)
    kind = f"{version.name}, {captioned_like(captions)}"
    names = pack(numbered(files, records))
    pixels = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    return Listing(str(root), kind, names, captions, ArrayFiles(pixels))


def _files(root: Path, version: Version) -> list[Path]:
    return [root / name for name in version.files if (root / name).is_file()]


def _read(path: Path, version: Version) -> Pixels:
    """Read the records of a file, (N, labels + 3072)."""
    width = version.labels + 3 * SIDE * SIDE
    content = np.fromfile(path, np.uint8)
    if len(content) % width or not len(content):
        raise DataError(
            f"{path}: {len(content)} bytes, no whole number of {version.name}'s records of {width} "
            "bytes; bring it anew"
        )
    return content.reshape(-1, width)


def _lines(path: Path) -> list[str]:
    """Read the names of classes; without that file they must be given."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line.strip().replace("_", " ") for line in lines if line.strip()]
