"""How true the pictures of the upper stages are, beside bicubic and Lanczos enlargement.

True pictures that training did not see are made small as training makes them small, and enlarged
again by the stage alone: what the stages before it draw plays no part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from minimagen.conditioning import Conditioning
from minimagen.data.items import Source
from minimagen.drawing.batches import batches_of
from minimagen.evaluation.bootstrap import Interval, Paired, interval, mean, paired
from minimagen.evaluation.enlargement import consistency, enlarged_by, psnr, ssim
from minimagen.evaluation.judged import Bars
from minimagen.evaluation.pictures import FromSource, first_readable, images_of
from minimagen.imagen import Imagen
from minimagen.lowres import resize
from minimagen.runtime import autocast
from minimagen.stage import Drawing, Stage

PICTURES = 8  # for each stage
FEW = 1  # at a time: SSIM takes a gigabyte for a picture of 512 px
WAYS = "the stage", "bicubic", "lanczos"


@dataclass(frozen=True)
class Enlarged:
    """One way of enlarging the pictures of one stage; dB but for SSIM.

    Args:
        stage: its place in the cascade.
        size: of the enlarged pictures, in pixels.
        way: one of :data:`WAYS`.
        psnr: to the true pictures.
        ssim: likewise.
        consistency: made small again, to what they were made from.
        beyond_bicubic: how many dB of PSNR more than bicubic enlargement has; None of that one.
    """

    stage: int
    size: int
    way: str
    psnr: Interval
    ssim: Interval
    consistency: Interval
    beyond_bicubic: Paired | None


def enlargements(
    imagen: Imagen, source: Source, indices: Sequence[int], size: int, bars: Bars, seed: int = 0
) -> list[Enlarged]:
    """Measure every stage above the first, up to a size.

    Args:
        imagen: the cascade.
        source: the data set.
        indices: true pictures of it; the first of them are enlarged.
        size: of the last stage that is measured.
        bars: shows how far it is.
        seed: of the noise of the stages.
    """
    found = []
    for stage in imagen.stages[1:]:
        if stage.config.size <= size:
            true = first_readable(source, indices, stage.config.size, PICTURES)
            found += _of_stage(imagen, stage, true, bars, seed)
    return found


def _of_stage(
    imagen: Imagen, stage: Stage, true: FromSource, bars: Bars, seed: int
) -> list[Enlarged]:
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        way: partial(enlarged_by, way, size=true.size)  # type: ignore[arg-type]
        for way in WAYS[1:]
    }
    measured: dict[str, list[Tensor]] = {way: [] for way in WAYS}
    with bars(f"enlarging to {true.size} px", len(true)) as told:
        for batch in batches_of(len(true), FEW):
            places = batch.places
            originals = images_of(true, places)
            small = resize(originals, stage.smaller or true.size)
            captions = [true.captions[place] for place in places]
            by_stage = partial(
                _by_stage, imagen, stage, captions=captions, seed=seed, places=places
            )
            for way, enlarge in ({WAYS[0]: by_stage} | ways).items():
                images = enlarge(small)
                measured[way].append(_measured(images, originals, small))
            told(len(places))
    return _compared(stage, true.size, {way: torch.cat(of) for way, of in measured.items()})


@torch.no_grad()
def _by_stage(
    imagen: Imagen,
    stage: Stage,
    small: Tensor,
    *,
    captions: list[str],
    seed: int,
    places: range,
) -> Tensor:
    text, lowres = imagen.encode(captions), stage.lowres(small, seed, places)
    with autocast(imagen.device, imagen.precision):
        return stage.sample(Conditioning(text, lowres), Drawing(), seed=seed, numbers=places).cpu()


def _measured(images: Tensor, originals: Tensor, small: Tensor) -> Tensor:
    """Return PSNR, SSIM and consistency of each picture, (B, 3)."""
    found = psnr(images, originals), ssim(images, originals), consistency(images, small)
    return torch.stack([each.double() for each in found], dim=1)


def _compared(stage: Stage, size: int, measured: dict[str, Tensor]) -> list[Enlarged]:
    bicubic = measured["bicubic"][:, 0]
    return [
        Enlarged(
            stage.index,
            size,
            way,
            psnr=interval(mean, of[:, 0]),
            ssim=interval(mean, of[:, 1]),
            consistency=interval(mean, of[:, 2]),
            beyond_bicubic=None if way == "bicubic" else paired(of[:, 0], bicubic),
        )
        for way, of in measured.items()
    ]
