"""The error of a stage by noise level, on pictures it was trained on and on others.

Where both curves lie together nothing was learnt by heart; where the one of new pictures lies
higher, it was.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen.conditioning import Conditioning
from minimagen.evaluation.pictures import Pictures, images_of
from minimagen.imagen import Imagen
from minimagen.looking.noise_levels import evenly_spread, seen_at
from minimagen.lowres import resize
from minimagen.stage import Stage

LEVELS = 12


@dataclass(frozen=True)
class ErrorCurve:
    """Errors of the estimate of x_0, by noise level and picture.

    Args:
        log_snrs: the levels, from noisy to clean, (L,).
        errors: mean squared errors, (L, N).
    """

    log_snrs: tuple[float, ...]
    errors: Tensor

    @property
    def means(self) -> list[float]:
        """Means over pictures, (L,)."""
        return [float(mean) for mean in self.errors.mean(dim=1)]

    @property
    def standard_errors(self) -> list[float]:
        """Of the means, (L,)."""
        count = self.errors.shape[1]
        return [float(off) for off in self.errors.std(dim=1, correction=0) / count**0.5]


def error_curve(imagen: Imagen, stage: Stage, pictures: Pictures, seed: int = 0) -> ErrorCurve:
    """Measure the error of a stage on some pictures, each with one noise, the same at all levels.

    Args:
        imagen: reads the captions.
        stage: one of its stages.
        pictures: true ones, of the stage's size.
        seed: the noise follows from it.
    """
    places = range(len(pictures))
    images = images_of(pictures, places)
    lowres = None
    if stage.smaller is not None:
        lowres = stage.lowres(resize(images, stage.smaller), seed, places)
    cond = Conditioning(imagen.encode(pictures.captions), lowres)
    found = [seen_at(stage, images, cond, t, places, seed) for t in evenly_spread(stage, LEVELS)]
    levels, errors = [level for level, *_ in found], [error for _, error, _ in found]
    return ErrorCurve(tuple(levels), torch.stack(errors).double().cpu())
