"""What guidance buys: the same captions and seeds at several scales.

Few pictures a scale have to do, so fidelity is the kernel distance, whose estimate is unbiased.
Where nobody judges captions only fidelity is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from minimagen.evaluation.bootstrap import Interval, interval
from minimagen.evaluation.drawn import drawings
from minimagen.evaluation.features import FeatureNetwork, features_of
from minimagen.evaluation.judged import Bars
from minimagen.evaluation.judges import CaptionJudge
from minimagen.evaluation.kernel import polynomial, resampled_mmd
from minimagen.evaluation.measures import KID_SCALE, of_scores
from minimagen.imagen import Imagen

SCALES = 1.0, 1.5, 2.0, 3.0, 5.0, 8.0
PICTURES = 32  # at each scale
DRAWS = 100  # of the bootstrap


@dataclass(frozen=True)
class Swept:
    """One scale.

    Args:
        scale: of guidance.
        fidelity: kernel distance x 1000; lower is better.
        alignment: mean score by captions; None where nobody judges.
    """

    scale: float
    fidelity: Interval
    alignment: Interval | None


def sweep(
    imagen: Imagen,
    captions: Sequence[str],
    real: Tensor,
    network: FeatureNetwork,
    judge: CaptionJudge | None,
    bars: Bars,
    *,
    scales: Sequence[float] = SCALES,
    seed: int = 0,
    **how: Any,
) -> list[Swept]:
    """Draw captions at several scales of guidance in all stages, and measure.

    Args:
        imagen: the cascade.
        captions: one a picture.
        real: features of real pictures, (N, D).
        network: whose features these are.
        judge: of picture and caption, if there is one.
        bars: shows how far it is.
        scales: of guidance; 1 is off.
        seed: of all draws.
        how: size, sampler, steps, as :meth:`Imagen.plan` takes them.
    """
    found = []
    with bars("guidance", len(scales) * len(captions)) as told:
        for scale in scales:
            batches = drawings(
                imagen, captions, seed=seed, told=told, **{**how, "guidance_scale": scale}
            )
            images = torch.cat(list(batches))
            measure = resampled_mmd(features_of(network, [images]), real, polynomial)
            again = partial(interval, measure, draws=DRAWS, seed=seed)
            distance = again(torch.arange(len(images)), torch.arange(len(real)))
            fidelity = Interval(
                *(KID_SCALE * each for each in (distance.value, distance.low, distance.high))
            )
            alignment = None
            if judge is not None:
                scores = judge.score(images, captions).double()
                alignment = of_scores(judge.name, judge.title, scores).found
            found.append(Swept(scale, fidelity, alignment))
    return found
