"""What of a picture is shown: never stretched, at exactly the sides that were asked for."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from minimagen.config import parse
from minimagen.data.framing import Frame, FramingConfig
from minimagen.data.items import RejectedItem
from minimagen.data.pictures import picture_size, read_picture
from minimagen.errors import ConfigError

WIDE, TALL, SQUARE = (300, 120), (90, 240), (200, 200)  # width and height
SIDES = [(32, 32), (24, 36), (48, 16)]  # height and width


def with_disc(size: tuple[int, int]) -> Image.Image:
    """A black disc in the middle of a grey picture, a quarter as wide as its shorter side."""
    image = Image.new("RGB", size, "grey")
    radius, x, y = min(size) / 8, size[0] / 2, size[1] / 2
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), "black")
    return image


def frame(height: int, width: int, **config: object) -> Frame:
    return Frame(height, width, FramingConfig(**config))  # type: ignore[arg-type]


@pytest.mark.parametrize("crop", ["centre", "random", "pad"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("size", [WIDE, TALL, SQUARE])
def test_a_disc_stays_round(crop: str, sides: tuple[int, int], size: tuple[int, int]) -> None:
    """Its widest row and column differ by at most two pixels, one for each end's rounding."""
    dark = frame(*sides, crop=crop).fit(with_disc(size))[:, :, 0] < 100
    assert abs(int(dark.any(axis=0).sum()) - int(dark.any(axis=1).sum())) <= 2
    assert dark.any()


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("size", [WIDE, TALL, SQUARE])
def test_a_centre_crop_keeps_the_middle_and_as_much_as_fits(
    sides: tuple[int, int], size: tuple[int, int]
) -> None:
    """The disc is in the middle; of a radius of 2 to 6 px, an edge of half a pixel is 30 %."""
    picture = frame(*sides).fit(with_disc(size))
    assert picture.shape == (*sides, 3)
    dark = picture[:, :, 0] < 64
    scale = max(sides[1] / size[0], sides[0] / size[1])
    assert dark.sum() == pytest.approx(np.pi * (min(size) / 8 * scale) ** 2, rel=0.3)
    rows, columns = np.nonzero(dark)
    assert abs(rows.mean() - (sides[0] - 1) / 2) < 0.5
    assert abs(columns.mean() - (sides[1] - 1) / 2) < 0.5


@pytest.mark.parametrize("size", [WIDE, TALL, SQUARE, (301, 120)])
def test_a_number_is_the_centre_square_resized_in_one_go(size: tuple[int, int]) -> None:
    """What every run before aspect ratios was trained on, byte for byte."""
    image, side = with_disc(size), min(size)
    left, top = (size[0] - side) / 2, (size[1] - side) / 2
    box = (left, top, left + side, top + side)
    wanted = image.resize((48, 48), Image.Resampling.BILINEAR, box=box)
    assert np.array_equal(Frame.of(48).fit(image), np.asarray(wanted))


class TestPadding:
    def test_it_shows_all_where_a_cut_would_lose_too_much(self) -> None:
        """A 5:2 picture in a square: 60 % would be lost, so it lies 32 x 13 on white."""
        picture = frame(32, 32, crop="pad", max_lost=0.5).fit(Image.new("RGB", WIDE, "red"))
        red = (picture == [255, 0, 0]).all(axis=2)
        assert (red.any(axis=1).sum(), red.any(axis=0).sum()) == (13, 32)
        assert (picture[~red] == 255).all()

    def test_it_cuts_where_little_is_lost(self) -> None:
        picture = frame(32, 32, crop="pad", max_lost=0.6).fit(Image.new("RGB", WIDE, "red"))
        assert (picture == [255, 0, 0]).all()

    def test_the_share_that_may_be_lost_is_met_exactly(self) -> None:
        """4:3 in a square loses a quarter."""
        image = Image.new("RGB", (400, 300), "red")
        allowed = [
            bool((frame(32, 32, crop="pad", max_lost=share).fit(image) == [255, 0, 0]).all())
            for share in (0.24, 0.25)
        ]
        assert allowed == [False, True]


class TestEnlarging:
    def test_more_than_is_allowed_is_refused_with_the_reason(self) -> None:
        small = Image.new("RGB", (20, 10))
        assert frame(20, 20, max_enlargement=2.0).fit(small).shape == (20, 20, 3)
        with pytest.raises(RejectedItem, match=r"would be enlarged more than 1\.9 times"):
            frame(20, 20, max_enlargement=1.9).fit(small)

    def test_a_padded_picture_is_enlarged_less(self) -> None:
        """Twice to cover the square, once to lie in it."""
        small = Image.new("RGB", (20, 10))
        assert frame(20, 20, crop="pad", max_enlargement=1.0).fit(small).shape == (20, 20, 3)

    @pytest.mark.parametrize("sides", [(32, 128), (128, 32), (40, 40)])
    @pytest.mark.parametrize("size", [(2000, 500), (500, 2000), (900, 900)])
    def test_a_decoder_in_a_hurry_never_makes_it_necessary(
        self, sides: tuple[int, int], size: tuple[int, int], tmp_path: Path
    ) -> None:
        """JPEGs are decoded smaller; a file that is large enough is still never enlarged."""
        with_disc(size).save(tmp_path / "a.jpg")
        read = read_picture(tmp_path / "a.jpg", frame(*sides, max_enlargement=1.0))
        assert read.shape == (*sides, 3)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_the_size_of_a_turned_picture_is_that_of_what_is_shown(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(path, exif=exif)
    assert picture_size(path) == (20, 40)
    assert read_picture(path, frame(16, 8, max_enlargement=0.5 + 0.5)).shape == (16, 8, 3)


@pytest.mark.parametrize(
    "text",
    [
        '{"crop": "middle"}',
        '{"aspect_ratios": []}',
        '{"aspect_ratios": [5]}',
        '{"aspect_ratios": [1.5, 1.5]}',
        '{"max_enlargement": 0.5}',
        '{"augmentation": {"blurr": 1}}',
    ],
)
def test_impossible_framing_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(FramingConfig, text, "data")
