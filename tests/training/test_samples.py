"""A sample grid shows what a stage was given, what it drew, and what is true."""

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from minimagen.cascade import CascadeConfig
from minimagen.conditioning import TextEmbedding
from minimagen.grid import GAP, LINE
from minimagen.imagen import make_stage
from minimagen.stage import Stage
from minimagen.training.samples import SMALLEST, sample_grid
from minimagen.training.validation import ValidationSet
from tests.conftest import cascade_of

Make = Callable[..., Stage]
TOP = GAP + LINE


def shown(size: int) -> ValidationSet:
    """Return two pictures: black on the left, and all green."""
    images = torch.zeros(2, 3, size, size, dtype=torch.uint8)
    images[0, :, :, size // 2 :] = 255
    images[1, 1] = 255
    text = TextEmbedding(torch.zeros(2, 4, 64), torch.ones(2, 4, dtype=torch.bool))
    return ValidationSet(images, text, ("half and half", "green"))


def cell(sheet: Image.Image, entry: int, column: int, columns: int) -> Image.Image:
    """Cut out one picture of a sheet whose entries are in one row."""
    left = GAP + entry * (columns * SMALLEST + GAP) + column * SMALLEST
    return sheet.crop((left, TOP, left + SMALLEST, TOP + SMALLEST))


def test_super_resolution_lies_between_its_input_and_the_true_picture(
    make_second_stage: Make,
) -> None:
    """A black and white picture of 16 px stays so under whole-pixel enlarging; 32 px is true."""
    sheet = sample_grid(make_second_stage(), shown(32), seed=0)
    assert sheet.size == (2 * (3 * SMALLEST + GAP) + GAP, TOP + SMALLEST + 2 * LINE + GAP)
    for entry, colours in ((0, {(0, 0, 0), (255, 255, 255)}), (1, {(0, 255, 0)})):
        true = cell(sheet, entry, 2, 3)
        assert {colour for _, colour in true.getcolors()} == colours
        drawn = cell(sheet, entry, 1, 3)
        assert drawn.tobytes() != true.tobytes()
    given = cell(sheet, 1, 0, 3)
    assert {colour for _, colour in given.getcolors()} == {(0, 255, 0)}


def test_a_base_shows_what_it_drew_and_the_true_picture(
    write_parameters: Callable[..., Path],
) -> None:
    stage = make_stage(CascadeConfig.read(write_parameters(cascade_of(16))), 0)
    sheet = sample_grid(stage, shown(16), seed=0)
    assert sheet.size[0] == 2 * (2 * SMALLEST + GAP) + GAP
    assert {colour for _, colour in cell(sheet, 1, 1, 2).getcolors()} == {(0, 255, 0)}
