"""Asking a denoiser for a large picture piece by piece, without a seam.

A convolutional network looks only so far. Where every piece is asked for with as much around it, no
pixel of the answer can tell, and the pieces make exactly the picture that would have been answered
at once: at every step of a walk, so tiles need no blending. Noise is drawn for the whole picture.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.conditioning import Conditioning, LowRes
from minimagen.diffusion.denoiser import Denoiser

Box = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class Tile:
    """A piece of a picture.

    Args:
        inner: what is wanted, in the picture.
        outer: what is asked for: the same with all around it that counts, inside the picture.
        cut: what is wanted, in what is asked for.
    """

    inner: Box
    outer: Box
    cut: Box


def tiles(sides: Sides, tile: int, halo: int) -> Iterator[Tile]:
    """Divide a picture into tiles, row by row.

    Args:
        sides: height and width, in pixels.
        tile: side of what is wanted at once; the last ones may be smaller.
        halo: pixels asked for around it, where the picture has them.
    """
    rows, columns = (
        [_span(start, tile, halo, side) for start in range(0, side, tile)] for side in sides
    )
    for top, above, first in rows:
        for left, beside, second in columns:
            yield Tile((top, left), (above, beside), (first, second))


def tiled(
    denoise: Denoiser, tile: int, halo: int, told: Callable[[], None] = lambda: None
) -> Denoiser:
    """Ask a denoiser tile by tile; it goes inside of guidance and thresholding.

    Args:
        denoise: looks at most ``halo`` pixels beyond a tile.
        tile: side of a tile in pixels, a multiple of what the network needs, like ``halo``.
        halo: pixels around it.
        told: called after each tile.
    """

    def piecewise(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        x_0 = torch.empty_like(x_t, dtype=torch.promote_types(x_t.dtype, torch.float32))
        for piece in tiles((x_t.shape[2], x_t.shape[3]), tile, halo):
            answer = denoise(_cut(x_t, piece.outer), t, _around(cond, piece.outer))
            x_0[(..., *piece.inner)] = _cut(answer, piece.cut)
            told()
        return x_0

    return piecewise


def _span(start: int, tile: int, halo: int, side: int) -> tuple[slice, slice, slice]:
    """Return along one side what is wanted, what is asked for, and the first in the second."""
    stop = min(start + tile, side)
    first, last = max(0, start - halo), min(side, stop + halo)
    return slice(start, stop), slice(first, last), slice(start - first, stop - first)


def _cut(images: Tensor, box: Box) -> Tensor:
    return images[(..., *box)]


def _around(cond: Conditioning, box: Box) -> Conditioning:
    """Cut everything that has pixels."""
    lowres = cond.lowres and LowRes(_cut(cond.lowres.image, box), cond.lowres.log_snr)
    previous = None if cond.previous is None else _cut(cond.previous, box)
    return replace(cond, lowres=lowres, previous=previous)
