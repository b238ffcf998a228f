"""The same captions drawn with the same seeds all along a run, one grid a stage."""

import torch
from PIL import Image

from minimagen.conditioning import Conditioning, LowRes
from minimagen.grid import captioned_grid
from minimagen.imagen import to_pictures
from minimagen.lowres import resize
from minimagen.stage import Stage
from minimagen.tensors import from_uint8
from minimagen.training.validation import ValidationSet


@torch.no_grad()
def sample_grid(stage: Stage, shown: ValidationSet, seed: int) -> Image.Image:
    """Draw a stage's grid. A super-resolution stage enlarges the pictures, shown beside its input.

    Args:
        stage: with the averaged network.
        shown: the captions, and the pictures that super-resolution starts from.
        seed: of the run.
    """
    rows = [
        row
        for numbers, part in shown.parts(len(shown))
        for row in _rows(stage, part, seed, numbers)
    ]
    return captioned_grid(rows, shown.captions)


def _rows(
    stage: Stage, shown: ValidationSet, seed: int, numbers: range
) -> list[tuple[Image.Image, ...]]:
    """Draw pictures of one shape; returns for each what the grid shows of it."""
    originals = from_uint8(torch.stack(list(shown.images))).to(stage.device)
    sides = (originals.shape[2], originals.shape[3])
    text = None if shown.text is None else shown.text.to(stage.device)
    lowres: LowRes | None = None
    columns = []
    if stage.smaller is not None:
        smaller = resize(originals, stage.smaller_sides(sides))
        lowres = stage.lowres(smaller, seed, numbers, sides)
        columns.append(to_pictures(smaller))
    cond = Conditioning(text, lowres)
    columns.append(to_pictures(stage.sample(cond, seed=seed, numbers=numbers, sides=sides)))
    return list(zip(*columns, strict=True))
