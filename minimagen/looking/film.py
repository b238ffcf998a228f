"""A drawing as a moving picture: the noisy picture, and what is seen behind the noise."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image

from minimagen.errors import UsageError
from minimagen.grid import captioned_grid
from minimagen.imagen import to_pictures
from minimagen.looking.moments import Moment

KINDS = {".png": "PNG", ".gif": "GIF"}
STEP_MS, LAST_MS = 250, 2000  # how long a step is seen, and the last one of all
CELL = 256


def frames(moments: Sequence[Moment], number: int = 0, cell: int = CELL) -> list[Image.Image]:
    """Show every moment: x_t on the left, the estimate of x_0 on the right.

    Args:
        moments: in their order.
        number: which picture of the batch.
        cell: side of each, in pixels.
    """
    found = []
    for stage, group in groupby(moments, key=lambda moment: moment.stage):
        steps = list(group)
        for step, moment in enumerate(steps, 1):
            one = slice(number, number + 1)
            pair = to_pictures(moment.x_t[one]) + to_pictures(moment.x_0[one])
            where = f"stage {stage}, call {step} of {len(steps)}, log-SNR {moment.log_snr:.1f}"
            headings = ("noisy", "what is seen in it")
            found.append(captioned_grid([pair], [where], cell=cell, columns=1, headings=headings))
    return found


def write_film(path: str | Path, pictures: Sequence[Image.Image]) -> None:
    """Write a moving picture that starts again at its end: ``.png`` is an APNG, ``.gif`` a GIF.

    Raises:
        UsageError: for another ending, or nothing to show.
    """
    kind = KINDS.get(Path(path).suffix.lower())
    if kind is None:
        raise UsageError(f"{path}: cannot tell what to write; end its name in {' or '.join(KINDS)}")
    if not pictures:
        raise UsageError(f"{path}: nothing was drawn, so there is nothing to show")
    durations = [STEP_MS] * (len(pictures) - 1) + [LAST_MS]
    first, *others = map(_with_palette, pictures) if kind == "GIF" else pictures
    first.save(path, kind, save_all=True, append_images=others, duration=durations, loop=0)


def _with_palette(picture: Image.Image) -> Image.Image:
    """Reduce to the 256 colours that a GIF has; dithering would crawl from frame to frame."""
    return picture.quantize(256, dither=Image.Dither.NONE)
