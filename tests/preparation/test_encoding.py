import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minimagen.data.framing import Frame
from minimagen.data.pictures import read_picture, upright
from minimagen.preparation.encoding import Sample, encoded, resized
from tests.preparation.albums import scene

SIZES = [(48, 40), (97, 64), (64, 97), (131, 130), (200, 33), (33, 32), (63, 63)]


@pytest.mark.parametrize("size", [8, 16, 30, 31, 32])
@pytest.mark.parametrize("sides", SIZES)
def test_the_middle_is_what_training_makes_of_the_whole(sides: tuple[int, int], size: int) -> None:
    """Filter, scale and centre are the same; Pillow keeps boxes in float32, so a few round by 1."""
    image = scene(3, *sides)
    small = resized(image, size)
    off = np.abs(Frame.of(size).fit(small).astype(int) - Frame.of(size).fit(image))
    assert min(small.size) == size
    assert off.max() <= 1
    assert (off > 0).mean() < 0.03


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_prepared_file_is_read_as_the_original_is(tmp_path: Path, kind: str) -> None:
    """A large JPEG too, of which training decodes a reduced version."""
    original = tmp_path / f"original.{kind.lower()}"
    scene(5, 601, 419).save(original)
    small = resized(upright(original.read_bytes(), 32), 32)
    (tmp_path / "small.png").write_bytes(encoded(small, "PNG", 95))
    assert np.array_equal(read_picture(tmp_path / "small.png", 32), read_picture(original, 32))


@pytest.mark.parametrize("sides", SIZES)
def test_next_to_nothing_is_cut_and_nothing_is_stretched(sides: tuple[int, int]) -> None:
    """Less than two pixels of the longer side go, of the result."""
    small = resized(scene(0, *sides), 32)
    wanted = max(sides) * 32 / min(sides)
    assert wanted - 2 < max(small.size) <= wanted


def test_a_smaller_picture_and_one_without_a_size_stay_as_they_are() -> None:
    image = scene(0, 20, 30)
    assert resized(image, 20) is image
    assert resized(image, 64) is image
    assert resized(image, None) is image


@pytest.mark.parametrize(
    ("kind", "quality", "off"), [("PNG", 1, 0), ("WEBP", 100, 0), ("JPEG", 95, 6)]
)
def test_what_is_written_is_what_was_there(kind: str, quality: int, off: int) -> None:
    """Lossless kinds exactly; JPEG at quality 95 within 6 of 255 on average over smooth waves."""
    image = scene(1)
    back = Image.open(io.BytesIO(encoded(image, kind, quality)))
    assert back.format == kind
    assert np.abs(np.asarray(back, int) - np.asarray(image)).mean() <= off


def test_nothing_but_pixels_is_written() -> None:
    image = scene(1)
    image.info |= {"icc_profile": b"profile", "comment": b"who I am", "dpi": (300, 300)}
    assert encoded(image, "PNG", 95) == encoded(scene(1), "PNG", 95)
    assert encoded(image, "JPEG", 95) == encoded(scene(1), "JPEG", 95)


def test_a_sample_has_webdataset_s_three_files() -> None:
    sample = Sample(7, "jpg", b"picture", ("a cat", "ein Kater \u00fc"), "a\udcff.jpg", (4, 3))
    files = sample.files()
    assert list(files) == ["00000007.jpg", "00000007.json", "00000007.txt"]
    assert files["00000007.txt"] == b"a cat"
    assert json.loads(files["00000007.json"]) == {
        "text": ["a cat", "ein Kater \u00fc"],
        "origin": "a\udcff.jpg",
        "width": 4,
        "height": 3,
    }
