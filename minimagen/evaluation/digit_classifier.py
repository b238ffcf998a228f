"""Which digit does a picture show? A support vector machine that saw the 1,797 real ones.

Pictures are looked at as the digits were scanned, 8 x 8 pixels. It shares nothing with the
networks that draw, and nothing with those that measure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minimagen.data.digits import WORDS
from minimagen.data.extras import required
from minimagen.data.framing import Frame
from minimagen.errors import UsageError
from minimagen.lowres import resize
from minimagen.tensors import from_uint8

SIDE = 8  # of a scan in pixels
SEEN_AT = 64  # side of the pictures the classifier was fitted to, before they are made small again
NEEDED_BY = "judging digits"


@dataclass(frozen=True)
class DigitClassifier:
    """Names the digit that a picture shows.

    Args:
        machine: scikit-learn's classifier, fitted to :meth:`scans`.
    """

    machine: Any

    @classmethod
    def fitted(cls, rows: Sequence[int] | None = None) -> Self:
        """Fit it to the real digits, in about a quarter of a second.

        Args:
            rows: which of the 1,797; None takes all.

        Raises:
            DataError: when scikit-learn is not installed.
        """
        images, labels = real_digits()
        chosen = slice(None) if rows is None else torch.tensor(rows)
        machine = required("sklearn.svm", "eval", NEEDED_BY).SVC(C=10.0, gamma="scale")
        return cls(machine.fit(_scans(images[chosen]), labels[chosen].numpy()))

    def name(self, images: Tensor) -> Tensor:
        """Say which digits pictures show, (B,), int64.

        Args:
            images: in [-1, 1], white on black, (B, 3, H, W).
        """
        return torch.from_numpy(self.machine.predict(_scans(images))).long()

    def right(self, images: Tensor, captions: Sequence[str]) -> Tensor:
        """Say of each picture whether it shows the digit its caption names; 0 or 1, float64.

        Raises:
            UsageError: when a caption names none, or several.
        """
        asked = torch.tensor([named_digit(caption) for caption in captions])
        return (self.name(images) == asked).double()


def named_digit(caption: str) -> int:
    """Return the digit that a caption names, as in "a handwritten seven".

    Raises:
        UsageError: when it does not name exactly one.
    """
    named = [word for word in caption.lower().split() if word in WORDS]
    if len(named) != 1:
        raise UsageError(f"caption {caption!r} cannot be judged; name one of {', '.join(WORDS)}")
    return WORDS.index(named[0])


def real_digits(size: int = SEEN_AT) -> tuple[Tensor, Tensor]:
    """Return the 1,797 digits in [-1, 1] as the data set shows them, and which they are.

    Args:
        size: side in pixels.

    Returns:
        Images (N, 3, size, size) and labels (N,).

    Raises:
        DataError: when scikit-learn is not installed.
    """
    from PIL import Image

    loaded = required("sklearn.datasets", "eval", NEEDED_BY).load_digits()
    grey = (loaded.images * (255 / 16)).round().astype(np.uint8)
    frame = Frame.of(size)
    shown = np.stack([frame.fit(Image.fromarray(each).convert("RGB")) for each in grey])
    images = from_uint8(torch.from_numpy(shown).permute(0, 3, 1, 2))
    return images, torch.from_numpy(loaded.target.astype(np.int64))


def _scans(images: Tensor) -> NDArray[np.float64]:
    """Make pictures as small as the scans, grey; (N, 64)."""
    small: NDArray[np.float64] = resize(images, SIDE).mean(dim=1).flatten(1).double().numpy()
    return small
