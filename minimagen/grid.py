"""Pictures side by side with their captions below: sample grids, and ``grid.png``."""

import textwrap
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
LETTERS = 13  # size of the font, in pixels
LINE = 16  # pixels of one line of caption
GAP = 6


def captioned_grid(
    pictures: Iterable[Sequence[Image.Image]],
    captions: Sequence[str],
    *,
    cell: int = 192,
    columns: int = 4,
    headings: Sequence[str] = (),
) -> Image.Image:
    """Lay out pictures with a caption below each.

    Args:
        pictures: for each caption the pictures that belong to it, drawn side by side; taken one
            after the other, so that many need not be in memory.
        captions: one for each entry of ``pictures``.
        cell: longer side of one picture in the grid, in pixels.
        columns: entries in a row.
        headings: what the pictures of an entry are, written once above each column of them.
    """
    fitted = [[_fitted(picture, cell) for picture in entry] for entry in pictures]
    columns = min(columns, len(fitted))
    wide = max(map(len, fitted))
    high = max(picture.height for entry in fitted for picture in entry)
    width, height = wide * cell + GAP, high + 2 * LINE + GAP
    rows = -(-len(fitted) // columns)
    head = GAP + (LINE if headings else 0)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + head), "white")
    for column in range(columns):
        for j, heading in enumerate(headings):
            _write(sheet, heading, (GAP + column * width + j * cell, GAP // 2), cell)
    for i, (entry, caption) in enumerate(zip(fitted, captions, strict=True)):
        left, top = GAP + i % columns * width, head + i // columns * height
        for j, picture in enumerate(entry):
            corner = (cell - picture.width) // 2, (high - picture.height) // 2
            sheet.paste(picture, (left + j * cell + corner[0], top + corner[1]))
        _write(sheet, caption, (left, top + high + 1), wide * cell)
    return sheet


def _fitted(picture: Image.Image, cell: int) -> Image.Image:
    """Enlarge by whole pixels, so that a small picture shows as it is; reduce smoothly.

    The longer side fills the cell, and nothing is stretched.
    """
    longer = max(picture.size)
    how = Image.Resampling.NEAREST if longer <= cell else Image.Resampling.LANCZOS
    sides = [max(1, round(side * cell / longer)) for side in picture.size]
    return picture.resize((sides[0], sides[1]), how)


def _write(sheet: Image.Image, caption: str, corner: tuple[int, int], width: int) -> None:
    font = ImageFont.load_default(LETTERS)
    lines = _wrapped(caption.encode("utf-8", "replace").decode(), font, width)
    ImageDraw.Draw(sheet).multiline_text(corner, "\n".join(lines), "black", font, spacing=1)


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    """Break text into at most two lines as long as fit into a width in pixels."""
    lines: list[str] = []
    for letters in range(width // 4, 3, -1):
        lines = textwrap.wrap(text[:width], letters, max_lines=2, placeholder=" ...")
        if all(font.getlength(line) <= width for line in lines):
            break
    return lines
