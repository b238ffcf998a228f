"""A sheet of pictures: each where it belongs, as it is, with its caption below."""

import pytest
from PIL import Image, ImageChops

from minimagen.grid import GAP, LINE, captioned_grid

COLOURS = ["red", "green", "blue", "yellow", "purple", "orange"]


def plain(colour: str, side: int = 8) -> Image.Image:
    """Return a picture of one colour."""
    return Image.new("RGB", (side, side), colour)


def rgb(colour: str) -> tuple[int, ...]:
    """Return a colour's bytes."""
    return plain(colour).getpixel((0, 0))  # type: ignore[return-value]


def test_pictures_fill_rows_from_the_left() -> None:
    sheet = captioned_grid([[plain(c)] for c in COLOURS], COLOURS, cell=40, columns=4)
    width, height = 40 + GAP, 40 + 2 * LINE + GAP
    assert sheet.size == (4 * width + GAP, 2 * height + GAP)
    for i, colour in enumerate(COLOURS):
        left, top = GAP + i % 4 * width, GAP + i // 4 * height
        corners = [(left, top), (left + 39, top + 39)]
        assert [sheet.getpixel(corner) for corner in corners] == [rgb(colour)] * 2


def test_pictures_of_one_caption_lie_side_by_side() -> None:
    sheet = captioned_grid([[plain("red"), plain("blue")]], ["both"], cell=40)
    assert sheet.getpixel((GAP + 39, GAP)) == rgb("red")
    assert sheet.getpixel((GAP + 40, GAP)) == rgb("blue")


def test_small_pictures_are_enlarged_by_whole_pixels() -> None:
    """A chequerboard of 2 x 2 keeps its two colours."""
    board = Image.new("RGB", (2, 2), "black")
    board.putpixel((1, 0), (255, 255, 255))
    sheet = captioned_grid([[board]], [""], cell=40)
    shown = sheet.crop((GAP, GAP, GAP + 40, GAP + 40))
    assert {colour for _, colour in shown.getcolors()} == {(0, 0, 0), (255, 255, 255)}


@pytest.mark.parametrize(
    "caption",
    [
        "a red circle",
        "a very long caption " * 40,
        "W" * 500,
        "",
        "zwei Quadrate, übereinander",
        "\u8d64\u3044\u5186 \U0001f534",
        "line\nbreaks\tand \x00 controls",
        "\ud800 a lone surrogate",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467 a family of emoji",
        "\u05e2\u05d9\u05d2\u05d5\u05dc \u0623\u062d\u0645\u0631 \u202efrom the right",
    ],
)
def test_any_caption_is_written_below_its_own_picture_only(caption: str) -> None:
    """The next column and the next row stay as they are without it."""
    pictures = [[plain("red")]] * 4
    written = captioned_grid(pictures, [caption, "", "", ""], cell=120, columns=2)
    silent = captioned_grid(pictures, [""] * 4, cell=120, columns=2)
    box = ImageChops.difference(written, silent).getbbox()
    if caption == "":
        assert box is None
        return
    assert box is not None
    left, top, right, bottom = box
    assert left >= GAP - 1
    assert top >= GAP + 120
    assert right <= GAP + 120 + GAP
    assert bottom <= GAP + 120 + 2 * LINE + GAP


def test_a_caption_for_each_entry_is_the_callers_duty() -> None:
    with pytest.raises(ValueError, match="shorter"):
        captioned_grid([[plain("red")], [plain("blue")]], ["one"])


def test_headings_stand_above_each_column_once_and_move_the_pictures_down() -> None:
    pictures = [[plain("red"), plain("blue")]] * 2
    sheet = captioned_grid(pictures, ["", ""], cell=80, columns=1, headings=["given", "drawn"])
    below = sheet.crop((0, GAP + LINE, *sheet.size))
    bare = captioned_grid(pictures, ["", ""], cell=80, columns=1)
    assert below.tobytes() == bare.crop((0, GAP, *bare.size)).tobytes()
    for left in (GAP, GAP + 80):
        written = sheet.crop((left, 0, left + 80, GAP + LINE))
        assert written.getbbox() is not None
        assert written.getextrema()[0][0] < 128
