"""``contact_sheet.png``: some of what was kept, and duplicates beside what stays in their place."""

from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont

from minimagen import seeds
from minimagen.grid import captioned_grid
from minimagen.preparation.judging import Judgement

CELL, COLUMNS = 128, 8
KEPT, PAIRS = 24, 12
TITLE = 24  # pixels

Picture = Callable[[int], Image.Image]


def contact_sheet(
    judgement: Judgement, picture: Picture, names: Callable[[int], str]
) -> Image.Image:
    """Draw the sheet; the same items on the same judgement.

    Args:
        judgement: what became of each item; something was kept.
        picture: gives the picture of an item.
        names: gives its name.
    """
    kept, twins = _some(judgement.kept, KEPT), _some(sorted(judgement.twins), PAIRS)
    captions = [judgement.captions[index][0] for index in kept]
    parts = [
        _titled(
            f"kept: {len(kept)} of {len(judgement.kept):,}",
            captioned_grid(
                [[picture(index)] for index in kept], captions, cell=CELL, columns=COLUMNS
            ),
        )
    ]
    if twins:
        pairs = [[picture(judgement.twins[index]), picture(index)] for index in twins]
        said = [f"{judgement.reasons[index].split()[0]}: {names(index)}" for index in twins]
        parts.append(
            _titled(
                f"left out as duplicates: {len(twins)} of {len(judgement.twins):,}; "
                "what stays is on the left",
                captioned_grid(pairs, said, cell=CELL, columns=COLUMNS // 2),
            )
        )
    return _stacked(parts)


def _some(items: Sequence[int], count: int) -> list[int]:
    """Choose some of the items, keyed by their number alone, in order."""
    ranked = sorted(items, key=lambda index: seeds.hash_key(0, "contact sheet", index))
    return sorted(ranked[:count])


def _titled(title: str, sheet: Image.Image) -> Image.Image:
    font = ImageFont.load_default(14)
    width = max(sheet.width, int(font.getlength(title)) + 12)
    titled = Image.new("RGB", (width, sheet.height + TITLE), "white")
    titled.paste(sheet, (0, TITLE))
    ImageDraw.Draw(titled).text((6, 5), title, "black", font)
    return titled


def _stacked(parts: Sequence[Image.Image]) -> Image.Image:
    size = max(part.width for part in parts), sum(part.height for part in parts)
    sheet, top = Image.new("RGB", size, "white"), 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet
