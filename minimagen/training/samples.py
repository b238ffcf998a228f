"""The same captions drawn with the same seeds all along a run, one grid a stage."""

import torch
from PIL import Image

from minimagen.conditioning import Conditioning, LowRes
from minimagen.grid import captioned_grid
from minimagen.imagen import to_pictures
from minimagen.lowres import resize
from minimagen.stage import Drawing, Stage
from minimagen.tensors import from_uint8
from minimagen.training.validation import ValidationSet

WIDEST = 1600  # pixels of a grid, about
SMALLEST, LARGEST = 192, 512  # side of one picture in it, in pixels


@torch.no_grad()
def sample_grid(stage: Stage, shown: ValidationSet, seed: int) -> Image.Image:
    """Draw a stage's grid: for each caption what it was given, what it drew, and the true picture.

    A base is given nothing but the caption.

    Args:
        stage: with the averaged network.
        shown: the captions, and the pictures that super-resolution starts from.
        seed: of the run.
    """
    entries = [
        entry
        for numbers, part in shown.parts(len(shown))
        for entry in _entries(stage, part, seed, numbers)
    ]
    headings = tuple(entries[0])
    cell = min(max(stage.config.size, SMALLEST), LARGEST)  # whole: nothing is reduced up to 512 px
    return captioned_grid(
        [tuple(entry.values()) for entry in entries],
        shown.captions,
        cell=cell,
        columns=max(1, WIDEST // (cell * len(headings))),
        headings=headings,
    )


def _entries(
    stage: Stage, shown: ValidationSet, seed: int, numbers: range
) -> list[dict[str, Image.Image]]:
    """Draw pictures of one shape; returns for each what the grid shows of it, by heading."""
    originals = from_uint8(torch.stack(list(shown.images))).to(stage.device)
    sides = (originals.shape[2], originals.shape[3])
    text = None if shown.text is None else shown.text.to(stage.device)
    lowres: LowRes | None = None
    columns: dict[str, list[Image.Image]] = {}
    if stage.smaller is not None:
        smaller = resize(originals, stage.smaller_sides(sides))
        lowres = stage.lowres(smaller, seed, numbers, sides)
        columns[f"given, {stage.smaller} px"] = to_pictures(smaller)
    cond, how = Conditioning(text, lowres), Drawing(sides=sides)
    drawn = stage.sample(cond, how, seed=seed, numbers=numbers)
    columns[f"drawn, {stage.config.size} px"] = to_pictures(drawn)
    columns["true"] = to_pictures(originals)
    return [
        dict(zip(columns, pictures, strict=True))
        for pictures in zip(*columns.values(), strict=True)
    ]
