"""What is noted of each picture when it is looked at: a record of fixed size.

A picture is decoded once, fully and at full size. What judging needs later is all in its record.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from minimagen.data.items import RejectedItem
from minimagen.preparation.hashing import perceptual_hash, thumbnail
from minimagen.preparation.originals import Originals

Looks = NDArray[np.void]  # (N,) of RECORD
RECORD = np.dtype(
    [
        ("reason", "S96"),  # why it cannot be used; empty when it can
        ("width", "<u4"),  # upright, in pixels
        ("height", "<u4"),
        ("file", "S64"),  # sha256 of the file
        ("pixels", "S64"),  # sha256 of the size and the RGB values
        ("hash", "<u8"),
        ("thumbnail", "u1", (8, 8, 3)),
    ]
)


@dataclass(frozen=True)
class Look:
    """Looks at items; it is what workers are sent."""

    originals: Originals

    def __call__(self, indices: Sequence[int]) -> bytes:
        """Look at some items and return their records, packed as :func:`unpack` reads them."""
        records = np.zeros(len(indices), RECORD)
        for record, index in zip(records, indices, strict=True):
            self._note(record, index)
        return pack(records)

    def _note(self, record: Any, index: int) -> None:
        try:
            image, record["file"] = self.originals.whole(index)
        except RejectedItem as rejected:
            record["reason"] = str(rejected).encode()
            return
        record["width"], record["height"] = image.size
        record["pixels"] = _sha256(image)
        record["hash"] = perceptual_hash(image)
        record["thumbnail"] = thumbnail(image)


def pack(records: Looks) -> bytes:
    """Write records as the bytes of a ``.npy`` file."""
    file = io.BytesIO()
    np.save(file, records, allow_pickle=False)
    return file.getvalue()


def unpack(data: bytes) -> Looks:
    """Read what :func:`pack` wrote."""
    records: Looks = np.load(io.BytesIO(data), allow_pickle=False)
    return records


def _sha256(image: Image.Image) -> str:
    digest = hashlib.sha256(f"{image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()
