"""The originals behind a :class:`~minimagen.data.items.Source`: bytes, whole pictures, captions.

A source hands out squares of the size that training asks for. Preparing needs what they were cut
from, and this is the one place that knows how to get it.
"""

import hashlib
from dataclasses import dataclass

from PIL import Image

from minimagen.data.collection import Collection
from minimagen.data.items import RejectedItem, Source
from minimagen.data.pictures import read_bytes, upright
from minimagen.errors import DataError


@dataclass(frozen=True)
class Originals:
    """The undamaged pictures of a source. It is pickled to reach worker processes.

    Args:
        source: whose.
        size: shorter side that will be wanted in the end, in pixels; None is the whole picture.
    """

    source: Source
    size: int | None

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self.source)

    @property
    def drawn(self) -> bool:
        """Whether there are no files: ``shapes`` are drawn at any size."""
        return not isinstance(self.source, Collection)

    def whole(self, index: int) -> tuple[Image.Image, str]:
        """Decode a picture at full size, RGB and upright, and hash its file.

        Raises:
            RejectedItem: with the reason.
        """
        data = self._bytes(index)
        return self._decoded(index, data, None), _sha256(data)

    def again(self, index: int, sha256: str) -> Image.Image:
        """Decode a picture for resizing, as training would: a JPEG at about twice the size.

        Args:
            index: which.
            sha256: of the file, when it was looked at.

        Raises:
            DataError: when the file is not what it was.
        """
        try:
            data = self._bytes(index)
            if _sha256(data) == sha256:
                return self._decoded(index, data, self.size)
        except RejectedItem:
            pass
        raise DataError(
            f"{self.source.name(index)}: has changed since it was looked at; "
            "bring it back, or remove what was begun and start again"
        )

    def captions(self, index: int) -> tuple[str, ...]:
        """Return the captions of an item; an empty one means null text."""
        return self.source.captions(index)

    def _bytes(self, index: int) -> bytes:
        return read_bytes(self.source.file(index)) if isinstance(self.source, Collection) else b""

    def _decoded(self, index: int, data: bytes, size: int | None) -> Image.Image:
        if self.drawn:
            assert self.size is not None, "what is drawn is drawn at a size"
            return Image.fromarray(self.source.picture(index, self.size))
        return upright(data, size)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
