"""The same captions drawn with the same seeds all along a run, one grid a stage."""

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from minimagen.conditioning import Conditioning
from minimagen.grid import captioned_grid
from minimagen.imagen import to_pictures
from minimagen.lowres import resize
from minimagen.stage import Drawing, Stage
from minimagen.tensors import from_uint8
from minimagen.training.validation import ValidationSet

WIDEST = 1600  # pixels of a grid, about
SMALLEST, LARGEST = 192, 512  # side of one picture in it, in pixels


@dataclass(frozen=True)
class Redrawn:
    """True pictures of one shape, and what a stage makes of their captions.

    Args:
        originals: the true ones, (B, 3, H, W) in [-1, 1].
        smaller: what it was given to enlarge; None for a base, which is given captions alone.
        drawn: what it drew, as large as the originals.
    """

    originals: Tensor
    smaller: Tensor | None
    drawn: Tensor


@torch.no_grad()
def redraw(
    stage: Stage, shown: ValidationSet, seed: int, numbers: range, steps: int | None = None
) -> Redrawn:
    """Let a stage draw the captions of true pictures, from their small versions above a base.

    Args:
        stage: with the averaged network.
        shown: pictures of one shape.
        seed: of the run.
        numbers: key the draws.
        steps: of the sampler; None is the stage's own.
    """
    originals = from_uint8(torch.stack(list(shown.images))).to(stage.device)
    sides = (originals.shape[2], originals.shape[3])
    text = None if shown.text is None else shown.text.to(stage.device)
    smaller = lowres = None
    if stage.smaller is not None:
        smaller = resize(originals, stage.smaller_sides(sides))
        lowres = stage.lowres(smaller, seed, numbers, sides)
    cond, how = Conditioning(text, lowres), Drawing(sides=sides, steps=steps)
    return Redrawn(originals, smaller, stage.sample(cond, how, seed=seed, numbers=numbers))


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
    found = redraw(stage, shown, seed, numbers)
    columns: dict[str, list[Image.Image]] = {}
    if found.smaller is not None:
        columns[f"given, {stage.smaller} px"] = to_pictures(found.smaller)
    columns[f"drawn, {stage.config.size} px"] = to_pictures(found.drawn)
    columns["true"] = to_pictures(found.originals)
    return [
        dict(zip(columns, pictures, strict=True))
        for pictures in zip(*columns.values(), strict=True)
    ]
