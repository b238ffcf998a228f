"""Judges what was drawn for captions of single shapes: how much is right, how true it looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.frechet import fixed_features, frechet_distance
from benchmarks.sampling_sweep import true_pictures
from minimagen.evaluation.caption_accuracy import matches
from minimagen.tensors import to_uint8

SIDE = 64
FIRST = 18  # pictures whose distance is measured, the same number of everybody's
TRUE_EACH = 16  # true pictures a caption

Pictures = NDArray[np.uint8]  # (N, S, S, 3)


@dataclass(frozen=True)
class Jury:
    """Judges pictures.

    Args:
        captions: that are asked for, in their order.
        truth: features of true pictures of the first ones, (M, D).
    """

    captions: Sequence[str]
    truth: NDArray[np.float64]

    @classmethod
    def gather(cls, captions: Sequence[str]) -> "Jury":
        """Draw the true pictures."""
        truth = draw_true(captions[:FIRST], TRUE_EACH, seed=0)
        return cls(captions, fixed_features(truth))

    def judge(self, pictures: Pictures) -> dict[str, Any]:
        """Return how many are right, with the interval of the share, and the distance."""
        right = sum(map(matches, pictures, self.captions))
        return {
            "right": right,
            "drawn": len(pictures),
            "interval": wilson(right, len(pictures)),
            "distance": self.distance(pictures),
        }

    def distance(self, pictures: Pictures) -> float:
        """Return the Frechet distance of the first pictures to true ones."""
        return round(frechet_distance(fixed_features(pictures[:FIRST]), self.truth), 4)

    def of_true_pictures(self) -> float:
        """Return the distance of as many other true pictures."""
        return self.distance(draw_true(self.captions[:FIRST], 1, seed=1))


def draw_true(captions: Sequence[str], each: int, seed: int) -> Pictures:
    """Draw true pictures of captions, some for each."""
    images = true_pictures(captions, SIDE, each, seed)
    return np.asarray(to_uint8(images).permute(0, 2, 3, 1).numpy())


def wilson(right: int, drawn: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval of a share of which so many were right, 95 % by default.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    share, scale = right / drawn, 1 + z**2 / drawn
    middle = (share + z**2 / (2 * drawn)) / scale
    reach = z / scale * (share * (1 - share) / drawn + z**2 / (4 * drawn**2)) ** 0.5
    return round(max(0.0, middle - reach), 4), round(min(1.0, middle + reach), 4)
