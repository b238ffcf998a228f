"""What a data set is to the rest of the program: numbered pictures with captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, Protocol

from minimagen.data.drawing import Picture

if TYPE_CHECKING:
    from minimagen.data.framing import Frame

__all__ = ["Picture", "PictureFile", "RejectedItem", "Rejection", "Source"]


class RejectedItem(Exception):  # noqa: N818 - an item's fate, not the program's
    """A picture that cannot be used; the message is a reason that many items can share."""


@dataclass(frozen=True)
class Rejection:
    """An item that was left out, and why: a line of ``rejected.jsonl``."""

    file_name: str
    reason: str


class PictureFile(Protocol):
    """The bytes of an image file, wherever they are kept; a :class:`~pathlib.Path` is one."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Open it for reading, in any order."""

    def read_bytes(self) -> bytes:
        """Read all of it."""


class Source(Protocol):
    """Captioned pictures, numbered from 0. It is pickled to reach worker processes."""

    @property
    def fingerprint(self) -> str:
        """Sha256 in hex of what identifies the data set."""

    @property
    def notes(self) -> Sequence[str]:
        """What the log should say about this data set, a line each."""

    def __len__(self) -> int:
        """Return how many items there are."""

    def name(self, index: int) -> str:
        """Name an item, as in ``rejected.jsonl``."""

    def captions(self, index: int) -> tuple[str, ...]:
        """Return the captions, at least one; an empty one means null text.

        Training draws one of several each time, see :func:`minimagen.data.captions.drawn`.
        """

    def size(self, index: int) -> tuple[int, int]:
        """Return width and height of the whole picture, as shown, in pixels.

        Raises:
            RejectedItem: when there is no such picture after all.
        """

    def picture(self, index: int, shape: "int | Frame") -> Picture:
        """Return the picture fitted into a frame; a number is a centre square of that side.

        Returns:
            uint8 (H, W, 3), as :meth:`~minimagen.data.framing.Frame.fit` says.

        Raises:
            RejectedItem: when there is no such picture after all.
        """
