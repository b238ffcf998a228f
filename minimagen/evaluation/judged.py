"""Pictures looked at once: their features, their scores, and what classes are seen in them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen.drawing.batches import batches_of
from minimagen.evaluation.features import ClassifyingNetwork, FeatureNetwork, features_of
from minimagen.evaluation.judges import CaptionJudge
from minimagen.evaluation.pictures import BATCH, Pictures, images_of

Bars = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows how far something is: from what it is and of how many, to who is told how many more."""


@dataclass(frozen=True)
class Judged:
    """What was seen of N pictures, row by row.

    Args:
        features: (N, D), float32.
        scores: by their captions, (N,), float64; None where nobody judges.
        probabilities: of a classifying network's classes, (N, classes); None of another.
    """

    features: Tensor
    scores: Tensor | None
    probabilities: Tensor | None = None


def look_at(
    pictures: Pictures,
    network: FeatureNetwork,
    judge: CaptionJudge | None,
    bars: Bars,
    title: str = "looking",
) -> Judged:
    """Look at all pictures, a batch at a time.

    Args:
        pictures: N of them.
        network: whose features are taken.
        judge: of picture and caption, if there is one.
        bars: shows how far it is.
        title: of the bar.
    """
    captions = pictures.captions
    features, scores, probabilities = [], [], []
    with bars(title, len(pictures)) as told:
        for batch in batches_of(len(pictures), BATCH):
            places = batch.places
            images = images_of(pictures, places)
            features.append(features_of(network, [images]))
            if judge is not None:
                scores.append(judge.score(images, [captions[place] for place in places]).double())
            if isinstance(network, ClassifyingNetwork):
                probabilities.append(network.probabilities(images))
            told(len(places))
    return Judged(
        torch.cat(features),
        torch.cat(scores) if scores else None,
        torch.cat(probabilities) if probabilities else None,
    )
