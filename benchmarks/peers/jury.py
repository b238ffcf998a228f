"""Judges what was drawn for captions of single shapes: how much is right, how true it looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.fixed_features import fixed_features
from benchmarks.sampling_sweep import true_pictures
from minimagen.evaluation.bootstrap import Interval
from minimagen.evaluation.caption_accuracy import matches
from minimagen.evaluation.frechet import frechet_distance
from minimagen.evaluation.shares import share
from minimagen.evaluation.statistics import Statistics
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
        truth: true pictures of the first ones.
    """

    captions: Sequence[str]
    truth: Statistics

    @classmethod
    def gather(cls, captions: Sequence[str]) -> "Jury":
        """Draw the true pictures."""
        truth = draw_true(captions[:FIRST], TRUE_EACH, seed=0)
        return cls(captions, Statistics.of(fixed_features(truth)))

    def judge(self, pictures: Pictures) -> dict[str, Any]:
        """Return how many are right, with the interval of the share, and the distance."""
        right = sum(map(matches, pictures, self.captions))
        return {
            "right": right,
            "drawn": len(pictures),
            "interval": _ends(share(right, len(pictures))),
            "distance": self.distance(pictures),
        }

    def distance(self, pictures: Pictures) -> float:
        """Return the Frechet distance of the first pictures to true ones."""
        own = Statistics.of(fixed_features(pictures[:FIRST]))
        return round(frechet_distance(own, self.truth), 4)

    def of_true_pictures(self) -> float:
        """Return the distance of as many other true pictures."""
        return self.distance(draw_true(self.captions[:FIRST], 1, seed=1))


def draw_true(captions: Sequence[str], each: int, seed: int) -> Pictures:
    """Draw true pictures of captions, some for each."""
    images = true_pictures(captions, SIDE, each, seed)
    return np.asarray(to_uint8(images).permute(0, 2, 3, 1).numpy())


def _ends(interval: Interval) -> tuple[float, float]:
    return round(interval.low, 4), round(interval.high, 4)
