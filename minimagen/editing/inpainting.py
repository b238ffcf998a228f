"""Parts of a picture painted anew, the rest left as it is to the last bit."""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.editing.pictures import fitted, only, touched
from minimagen.errors import UsageError
from minimagen.sampling.walk import Bound


def inpainting(pictures: Tensor, mask: Tensor, *, resample: int = 1) -> Edit:
    """Paint what a mask covers, at every stage.

    The known pixels are written into each estimate of x_0, and into the image at the end. At a
    smaller stage a pixel is known if nothing masked has a part in it.

    Args:
        pictures: one for all or one for each caption, (N, 3, H, W) in [-1, 1]. To the last bit the
            same are the pixels of the stage that has their size.
        mask: True where to paint, (N, 1, H, W), bool; one for all or one for each caption.
        resample: how often each step is taken; more fit the painted part better to the rest, and
            cost so many times more.  Lugmayr et al. 2022 (arXiv:2201.09865), algorithm 1.

    Raises:
        UsageError: for a mask of another size, or one that covers nothing.
    """
    _require_mask(pictures, mask, resample)

    def edit(canvas: Canvas) -> Tensor:
        known = only(fitted(pictures, canvas.sides), canvas.places, canvas.noise)
        unknown = only(touched(mask, canvas.sides), canvas.places, canvas.noise)
        denoise = partial(_written, canvas.bind(canvas.cond), known, unknown)
        if resample == 1 or not canvas.is_base:
            painted = canvas.paint(denoise=denoise)
        else:
            painted = _resampled(canvas, denoise, resample)
        return torch.where(unknown, painted, known)

    return edit


def _written(denoise: Bound, known: Tensor, unknown: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    return torch.where(unknown, denoise(x_t, t), known)


def _resampled(canvas: Canvas, denoise: Bound, count: int) -> Tensor:
    """Take each step so many times, going back with fresh noise in between."""
    x: Tensor | None = None
    for place, step in enumerate(pairwise(canvas.times.tolist())):
        for again in range(count):
            y = canvas.paint(x, canvas.times.new_tensor(step), denoise)
            if again + 1 < count:
                now, then = step
                x = canvas.renoised(y, then, now, canvas.draw(f"resample_{place}_{again}", None))
        x = y
    return y


def _require_mask(pictures: Tensor, mask: Tensor, resample: int) -> None:
    if mask.shape[-2:] != pictures.shape[-2:]:
        (height, width), (own_height, own_width) = mask.shape[-2:], pictures.shape[-2:]
        raise UsageError(
            f"mask: is {width} x {height} pixels and its picture {own_width} x {own_height}; "
            "make them the same size"
        )
    if not mask.any():
        raise UsageError("mask: covers nothing; paint what is to be drawn anew white")
    if resample < 1:
        raise UsageError(f"resample {resample}: take each step at least once")
