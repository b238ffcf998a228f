"""Edits from the command line: exact where they must be, one line where they cannot be."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inference
from tests.tiny_runs import drawn_cascade

SIDE = 32


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_cascade(tmp_path_factory.mktemp("cascade") / "training_x", 16, SIDE)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring a photo, masks and what is none, where they are named without a directory."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(3)
    photo(noise, SIDE, SIDE).save("photo.png")
    photo(noise, 2 * SIDE, SIDE).save("wide.png")
    mask(SIDE).save("mask.png")
    mask(SIDE, left=True).save("left.png")
    mask(16).save("small.png")
    Image.new("L", (SIDE, SIDE)).save("black.png")
    Path("none.png").write_text("no picture")


def photo(noise: np.random.Generator, width: int, height: int) -> Image.Image:
    return Image.fromarray(noise.integers(0, 256, (height, width, 3), dtype=np.uint8))


def mask(side: int, left: bool = False) -> Image.Image:
    """Return a mask whose right half is white, or its left one."""
    grey = np.zeros((side, side), dtype=np.uint8)
    grey[:, slice(0, side // 2) if left else slice(side // 2, side)] = 255
    return Image.fromarray(grey)


@pytest.fixture
def draw(cascade: Path) -> Callable[..., list[np.ndarray]]:
    """Draw with some flags and return the images' bytes."""

    def run(*flags: str) -> list[np.ndarray]:
        out = inference.infer(inference.parse(["-d", str(cascade), "-c", "a red circle", *flags]))
        count = len((out / "captions.txt").read_text().splitlines())
        images = [out / "generated_images" / f"image_{place}.png" for place in range(count)]
        return [np.asarray(Image.open(path)) for path in images]

    return run


def test_inpainting_leaves_every_known_pixel_as_it_is(
    draw: Callable[..., list[np.ndarray]],
) -> None:
    first, second = draw("-i", "photo.png", "-m", "mask.png", "-ni", "2", "--resample", "2")
    known = np.asarray(Image.open("photo.png"))
    for image in (first, second):
        assert (image[:, :16] == known[:, :16]).all()
        assert (image[:, 16:] != known[:, 16:]).mean() > 0.9
    assert (first[:, 16:] != second[:, 16:]).any()


def test_a_larger_picture_is_cut_and_resized_with_its_mask(
    draw: Callable[..., list[np.ndarray]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The middle of the wide one is 16 px in from both sides; its mask is cut alike."""
    wide = Image.open("wide.png")
    mask(2 * SIDE).crop((0, 0, 2 * SIDE, SIDE)).save("wide_mask.png")
    (image,) = draw("-i", "wide.png", "-m", "wide_mask.png")
    said = "--IMAGE: 64 x 32 pixels; its middle, 32 x 32, is resized to 32 x 32"
    assert said in capsys.readouterr().out
    middle = np.asarray(wide)[:, 16:48]
    assert (image[:, :16] == middle[:, :16]).all()
    assert (image[:, 16:] != middle[:, 16:]).any()


def test_outpainting_keeps_the_picture_where_it_was_put(
    draw: Callable[..., list[np.ndarray]],
) -> None:
    """Below a margin of half the frame, a picture of twice the ratio fits without a cut."""
    wide = Image.open("wide.png").resize((SIDE, SIDE // 2), Image.Resampling.NEAREST)
    wide.save("half.png")
    (image,) = draw("-i", "half.png", "--margin", "0.5,0,0,0")
    assert (image[16:] == np.asarray(wide)).all()
    assert (image[:16] != np.asarray(wide)).any()


def test_less_strength_leaves_more_of_the_picture(draw: Callable[..., list[np.ndarray]]) -> None:
    known = np.asarray(Image.open("photo.png").resize((16, 16), Image.Resampling.BOX), float)
    apart = []
    for strength in ("0.05", "0.5", "1"):
        (image,) = draw("-i", "photo.png", "--strength", strength, "-s", "16", "-ns", "20")
        apart.append(np.square(image - known).mean())
    assert apart[0] < apart[1] < apart[2]


def test_several_amounts_go_from_the_image_itself_to_the_other(
    draw: Callable[..., list[np.ndarray]],
) -> None:
    (plain,), (other,) = draw(), draw("-c", "a blue square")
    walk = draw("--towards-caption", "a blue square", "--amount", "0,0.5,1")
    assert np.abs(walk[0].astype(int) - plain).max() <= 1
    assert np.abs(walk[2].astype(int) - other).max() <= 1
    assert (walk[1] != walk[0]).any()


def test_towards_another_seed_is_the_base_of_that_seed(
    draw: Callable[..., list[np.ndarray]],
) -> None:
    (other,) = draw("-sd", "8", "-s", "16")
    none, whole = draw("--towards-seed", "8", "--amount", "0,1", "-s", "16")
    assert np.abs(whole.astype(int) - other).max() <= 1
    assert (none != whole).any()


def test_a_region_that_is_everywhere_speaks_alone(draw: Callable[..., list[np.ndarray]]) -> None:
    Image.new("L", (8, 8), "white").save("all.png")
    (image,) = draw("--region", "all.png=a blue square")
    (other,) = draw("-c", "a blue square")
    assert np.abs(image.astype(int) - other).max() <= 1


def test_an_inversion_is_another_picture_than_without(
    draw: Callable[..., list[np.ndarray]],
) -> None:
    (image,) = draw("-i", "photo.png", "--source-caption", "noise", "--strength", "0.5")
    assert (image != draw()[0]).any()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("-i photo.png -m small.png", "--MASK small.png: is 16 x 16 pixels and --IMAGE photo.png"),
        ("-i photo.png -m black.png", "--MASK black.png: nothing in it is white; paint white"),
        ("-i none.png", "--IMAGE none.png: not an image of a known kind (JPEG, PNG"),
        ("-i photo.png -m none.png", "--MASK none.png: not an image of a known kind"),
        ("-i missing.png", "--IMAGE missing.png: file is missing; give a PNG or JPEG file"),
        ("--region none.png=dot", "--REGION none.png: not an image of a known kind"),
        ("--region left.png", "--REGION left.png: give a mask and a caption, as left.png="),
        ("-i photo.png --strength 2", "--STRENGTH 2: give a number above 0 to 1"),
        ("-i photo.png --strength 0", "--STRENGTH 0: give a number above 0 to 1"),
        ("-ns 0", "--STEPS 0: give a whole number from 1"),
        ("--strength 0.5", "--STRENGTH: means nothing without --IMAGE"),
        ("-m mask.png", "--MASK: means nothing without --IMAGE"),
        ("-i photo.png --resample 3", "--RESAMPLE: means nothing without --MASK or --MARGIN"),
        ("--amount 0.5", "--AMOUNT: means nothing without --TOWARDS_CAPTION or --TOWARDS_SEED"),
        ("-i photo.png -m mask.png --strength 1", "--MASK and --STRENGTH: are two edits"),
        ("-i photo.png -m mask.png --margin 0.2", "--MASK and --MARGIN: are two edits"),
        ("-i photo.png --towards-seed 3", "--TOWARDS_SEED and --IMAGE: are two edits"),
        ("--towards-seed 3 --towards-caption x", "--TOWARDS_CAPTION and --TOWARDS_SEED: are two"),
        ("-i photo.png --margin 0.5", "--MARGIN 0.5: give a share of the frame as 0.25, or top,"),
        ("-i photo.png --margin 0", "--MARGIN 0: give a share of the frame"),
        ("-i photo.png --margin 0,1", "--MARGIN 0,1: give a share of the frame"),
        ("--towards-seed 3 --amount 2", "--AMOUNT 2: give a number from 0 to 1"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_names_the_flag(
    flags: str, message: str, cascade: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = inference.main(["-d", str(cascade), "-c", "a dot", *flags.split(" ")])
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 2
    assert line.startswith(f"inference.py: {message}")
    assert not list(Path().glob("generated_images_*"))
