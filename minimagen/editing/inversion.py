"""The noise that a picture would have come from, and pictures drawn anew from it."""

from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.conditioning import TextEmbedding
from minimagen.editing.image_to_image import require_strength
from minimagen.editing.pictures import fitted, only, told
from minimagen.sampling import SAMPLERS
from minimagen.sampling.grids import truncated
from minimagen.sampling.walk import Bound, Level, along_x_0, estimate, levels

CLEAN_LOG_SNR = 4.0
"""Where an inversion begins. With less noise the estimate's error, divided by sigma, is larger than
the noise it is taken for, and what is found is no longer standard normal."""
REFINEMENTS = 2


def by_inversion(pictures: Tensor, own: TextEmbedding | None, strength: float = 1.0) -> Edit:
    """Draw pictures anew from their own noise, with other captions.

    What the two captions agree on stays; with a lower strength more stays of the rest too. With the
    same caption and no guidance the pictures come back.

    Args:
        pictures: one for all or one for each caption, any size, (N, 3, H, W) in [-1, 1].
        own: what the pictures show, one for all or one for each, (N, L, D); None is what they are
            drawn anew with.
        strength: the time to walk back to, in (0, 1].

    Raises:
        UsageError: for a strength outside (0, 1].
    """
    require_strength(strength)

    def edit(canvas: Canvas) -> Tensor:
        if not canvas.is_base:
            return canvas.paint()
        known = only(fitted(pictures, canvas.sides), canvas.places, canvas.noise)
        grid = _grid(canvas, strength)
        x = inverted(canvas, _told(canvas, own), known, grid)
        ahead = grid.new_tensor([*grid.tolist(), 0.0])
        return SAMPLERS["ddim"](canvas.bind(canvas.cond), x, ahead, canvas.schedule)

    return edit


def inverted(canvas: Canvas, denoise: Bound, images: Tensor, grid: Tensor) -> Tensor:
    """Walk from images to the noise they would have come from.

    Each step is the one that ``ddim`` would take back, found by iteration: the estimate is made
    where the step arrives, not where it begins.

    Args:
        canvas: gives the little noise to begin with.
        denoise: unguided, told what the images show.
        images: (B, C, H, W) in [-1, 1].
        grid: decreasing times; the walk goes from the last to the first.

    Returns:
        x at ``grid[0]``.

    Source: Song et al. 2020 (arXiv:2010.02502), sec. 4.3; Pan et al. 2023 (arXiv:2309.04907)
    for the iteration.
    """
    x = canvas.noised(images, float(grid[-1]))
    stops = levels(grid.flip(0), canvas.schedule)
    for now, then in pairwise(stops):
        x = _step(denoise, x, now, then)
    return x


def _step(denoise: Bound, x: Tensor, now: Level, then: Level) -> Tensor:
    found = along_x_0(x, estimate(denoise, x, now), now, then)
    for _ in range(REFINEMENTS - 1):
        found = along_x_0(x, estimate(denoise, found, then), now, then)
    return found


def _grid(canvas: Canvas, strength: float) -> Tensor:
    """Return the canvas's times from ``strength`` down to where an inversion begins."""
    clean = float(canvas.schedule.time(torch.tensor(CLEAN_LOG_SNR, dtype=torch.float64)))
    times = truncated(canvas.times, max(strength, clean))
    return times.new_tensor([*times[times > clean].tolist(), clean])


def _told(canvas: Canvas, own: TextEmbedding | None) -> Bound:
    """Return the unguided denoiser, told what the pictures show."""
    if own is None:
        return canvas.bind(canvas.cond, guided=False)
    text = told(own, canvas.places, canvas.noise)
    return canvas.bind(replace(canvas.cond, text=text), guided=False)
