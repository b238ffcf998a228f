"""What a data set is to the rest of the program: numbered pictures with captions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from minimagen.data.drawing import Picture

if TYPE_CHECKING:
    from minimagen.data.framing import Frame

__all__ = ["Picture", "RejectedItem", "Rejection", "Source"]


class RejectedItem(Exception):  # noqa: N818 - an item's fate, not the program's
    """A picture that cannot be used; the message is a reason that many items can share."""


@dataclass(frozen=True)
class Rejection:
    """An item that was left out, and why: a line of ``rejected.jsonl``."""

    file_name: str
    reason: str


class Source(Protocol):
    """Captioned pictures, numbered from 0. It is pickled to reach worker processes."""

    @property
    def fingerprint(self) -> str:
        """Sha256 in hex of what identifies the data set."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the log should say about this data set, a line each."""

    def __len__(self) -> int:
        """Return how many items there are."""

    def name(self, index: int) -> str:
        """Name an item, as in ``rejected.jsonl``."""

    def caption(self, index: int) -> str:
        """Return the caption; empty means null text."""

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
