"""The MNIST family: pictures and labels in IDX files, packed with gzip or not.

Which of the family it is cannot be seen from the files; labels are called zero to nine unless
``class_names`` says otherwise. Format: http://yann.lecun.com/exdb/mnist (four bytes of magic, a
big-endian length for each dimension, bytes).
"""

import gzip
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minimagen.data import classes
from minimagen.data.arrays import ArrayFiles, Pixels, numbered
from minimagen.data.classes import captioned_like, captions_of_classes
from minimagen.data.columns import pack
from minimagen.data.digits import TEMPLATES, WORDS
from minimagen.data.listing import Listing, Request
from minimagen.errors import DataError

PICTURES = re.compile(r"(.*)images[-.]idx3-ubyte(\.gz)?")
MAX_BYTES = 2**32


def is_idx(request: Request) -> bool:
    """Recognise a directory with files such as ``train-images-idx3-ubyte.gz``."""
    return any(True for _ in _picture_files(request.path))


def list_idx(request: Request) -> Listing:
    """List the pictures of all IDX files of a directory.

    Raises:
        DataError: for a file that is not what its header says, or has no labels.
    """
    files = list(_picture_files(request.path))
    read = [_read(path, 3) for path in files]
    labels = [_read(_labels_of(path), 1) for path in files]
    for path, some, theirs in zip(files, read, labels, strict=True):
        if len(some) != len(theirs) or some.shape[1:] != read[0].shape[1:]:
            raise DataError(
                f"{path}: has pictures {some.shape}, {len(theirs)} labels; they do not belong "
                "together, bring the files of one data set"
            )
    templates = classes.TEMPLATES if request.class_names else TEMPLATES  # they may be no digits
    numbers = np.concatenate(labels).astype(np.int64)
    captions = captions_of_classes(request, numbers, WORDS, templates)
    names = pack(numbered(files, read))
    kind = (
        f"the MNIST family (IDX), {captioned_like(captions)}; if its classes are called otherwise, "
        "say so with data.class_names"
    )
    return Listing(str(request.path), kind, names, captions, ArrayFiles(np.concatenate(read)))


def _picture_files(root: Path) -> Iterator[Path]:
    """Find the files of pictures; one that is there packed and unpacked counts once."""
    seen = set()
    for path in sorted(root.iterdir()):
        found = PICTURES.fullmatch(path.name)
        if found and found[1] not in seen:
            seen.add(found[1])
            yield path


def _labels_of(pictures: Path) -> Path:
    name = pictures.name.replace("images", "labels").replace("idx3", "idx1")
    plain = name.removesuffix(".gz")
    for candidate in (name, plain, f"{plain}.gz"):
        if pictures.with_name(candidate).is_file():
            return pictures.with_name(candidate)
    raise DataError(f"{pictures}: its labels are missing; bring {name}")


def _read(path: Path, dimensions: int) -> Pixels:
    """Read an IDX file of bytes with so many dimensions."""
    try:
        content = _unpacked(path)
        magic, *shape = struct.unpack_from(f">I{dimensions}I", content)
        values: NDArray[np.uint8] = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
        if magic != 0x800 + dimensions:
            raise ValueError(f"it begins with {magic:#x}, not {0x800 + dimensions:#x}")
        return values.reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise DataError(f"{path}: not a sound IDX file ({error}); bring it anew") from None


def _unpacked(path: Path) -> bytes:
    """Read a file, unpacked; what unpacks to more than any of the family is refused."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"over {MAX_BYTES // 2**30} GiB")
    return content
