"""Every kind of picture file a data set may hold: read rightly, or counted and listed."""

import io
import json
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import train
from minimagen.data.items import RejectedItem, Rejection, Source
from minimagen.data.pictures import picture_size, read_picture
from minimagen.data.sources import DataConfig, open_source
from minimagen.data.stream import batches, consecutive
from minimagen.errors import DataError
from tests.conftest import cascade_of
from tests.tiny_runs import tiny_run, write_parameters

SIDE = 32
RED, BLUE, WHITE, DARK, LIGHT = (220, 40, 40), (40, 80, 220), (255,) * 3, (51,) * 3, (204,) * 3
Colour = tuple[int, ...]


def halves(left: Colour, right: Colour, mode: str = "RGB") -> Image.Image:
    """Return a picture of two colours."""
    image = Image.new(mode, (SIDE, SIDE), left)
    image.paste(right, (SIDE // 2, 0, SIDE, SIDE))
    return image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def from_numbers(dark: float, light: float, dtype: str, kind: str) -> bytes:
    """Encode grey halves of 16-bit or float numbers, a fifth and four fifths of their range."""
    values = np.full((SIDE, SIDE), dark).astype(dtype)
    values[:, SIDE // 2 :] = light
    return encoded(Image.fromarray(values), kind)


def turned() -> bytes:
    """Encode blue below red, marked as lying on its side: upright, red is on the left."""
    exif = Image.Exif()
    exif[0x0112] = 8  # to be turned by 90 degrees anticlockwise
    return encoded(halves(RED, BLUE).rotate(-90), "PNG", exif=exif)


def palette() -> bytes:
    """Encode red, and a transparent colour that is black underneath."""
    image = Image.new("P", (SIDE, SIDE), 0)
    image.putpalette([*RED, 0, 0, 0])
    image.paste(1, (SIDE // 2, 0, SIDE, SIDE))
    return encoded(image, "PNG", transparency=1)


# What is in the file, and the colours of its two halves when it is read.
GOOD: dict[str, tuple[bytes, Colour, Colour]] = {
    "rgb.png": (encoded(halves(RED, BLUE), "PNG"), RED, BLUE),
    "photo.jpg": (encoded(halves(RED, BLUE), "JPEG", quality=95), RED, BLUE),
    "named_wrongly.jpg": (encoded(halves(RED, BLUE), "PNG"), RED, BLUE),
    "grey_16_bit.png": (from_numbers(13_107, 52_428, "uint16", "PNG"), DARK, LIGHT),
    "grey_16_bit.tif": (from_numbers(13_107, 52_428, "uint16", "TIFF"), DARK, LIGHT),
    "float.tif": (from_numbers(0.2, 0.8, "float32", "TIFF"), DARK, LIGHT),
    "cmyk.jpg": (encoded(halves(RED, BLUE).convert("CMYK"), "JPEG", quality=95), RED, BLUE),
    "cmyk.tif": (encoded(halves(RED, BLUE).convert("CMYK"), "TIFF"), RED, BLUE),
    "grey_alpha.png": (encoded(halves((51, 255), (0, 0), "LA"), "PNG"), DARK, WHITE),
    "palette_alpha.png": (palette(), RED, WHITE),
    "alpha.png": (encoded(halves((*RED, 255), (*BLUE, 0), "RGBA"), "PNG"), RED, WHITE),
    "one_bit.png": (encoded(halves((0,), (255,), "1"), "PNG"), (0, 0, 0), WHITE),
    "still.gif": (encoded(halves(RED, BLUE).quantize(4), "GIF"), RED, BLUE),
    "turned.png": (turned(), RED, BLUE),
}
LOSS = {"photo.jpg": 4, "cmyk.jpg": 4}  # what JPEG loses


def png_of(width: int, height: int) -> bytes:
    """Write the header of a picture whose pixels would fill the memory, and nothing more."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"0"))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def frames(kind: str) -> bytes:
    return encoded(halves(RED, BLUE), kind, save_all=True, append_images=[halves(BLUE, RED)])


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
UNKNOWN = "not an image of a known kind (JPEG, PNG, WEBP, GIF, BMP, TIFF)"
CUT = "damaged or truncated image file"
FRAMES = "more than one frame (animated, or several pages)"
LARGE = "more than 89 million pixels"
THIN = "shorter side under 4 pixels"

BAD: dict[str, tuple[bytes, str]] = {
    "nothing.png": (b"", "file is empty"),
    "text.png": (b"a red circle", UNKNOWN),
    "page.jpg": (b"<!doctype html><title>404</title>", UNKNOWN),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UNKNOWN),
    "drawing.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", UNKNOWN),
    "cut.jpg": (encoded(NOISE, "JPEG")[:-900], CUT),
    "cut.png": (encoded(NOISE, "PNG")[:-900], CUT),
    "flipped.png": (encoded(NOISE, "PNG")[:5000] + b"\0\1" + encoded(NOISE, "PNG")[5002:], CUT),
    "animated.gif": (frames("GIF"), FRAMES),
    "animated.webp": (frames("WEBP"), FRAMES),
    "dot.png": (encoded(Image.new("RGB", (1, 1)), "PNG"), THIN),
    "line.png": (encoded(Image.new("RGB", (10_000, 1)), "PNG"), THIN),
    "hundred_megapixels.png": (encoded(Image.new("1", (10_000, 10_000)), "PNG"), LARGE),
    "bomb.png": (png_of(20_000, 20_000), LARGE),
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with every kind, each with a caption; only read it."""
    root = tmp_path_factory.mktemp("zoo")
    for name, (content, *_) in (GOOD | BAD).items():
        (root / name).write_bytes(content)
    lines = [json.dumps({"file_name": name, "text": f"kind {name}"}) for name in GOOD | BAD]
    (root / "metadata.jsonl").write_text("\n".join(lines))
    return root


@pytest.mark.parametrize("name", GOOD)
def test_a_good_kind_gives_its_colours(zoo: Path, name: str) -> None:
    """Within 1 of 255, rounding, or what the format itself loses; edges of JPEG blocks left out."""
    _, left, right = GOOD[name]
    read = read_picture(zoo / name, SIDE).astype(int)
    loss = LOSS.get(name, 1)
    assert np.abs(read[:, : SIDE // 2 - 8] - left).max() <= loss
    assert np.abs(read[:, SIDE // 2 + 8 :] - right).max() <= loss


def test_a_data_set_of_every_kind_lists_each_bad_one_with_its_reason(zoo: Path) -> None:
    source, rejections = open_source(DataConfig(dataset=str(zoo), max_rejected=0.6), check_size=16)
    assert {source.name(i): source.captions(i)[0] for i in range(len(source))} == {
        name: f"kind {name}" for name in GOOD
    }
    assert {item.file_name: item.reason for item in rejections} == {
        name: reason for name, (_, reason) in BAD.items()
    }


def test_more_bad_ones_than_the_share_allows_end_the_run_before_anything_is_made(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = write_parameters(tmp_path / "parameters", cascade_of(16))
    code = train.main(["-p", str(parameters), "-ds", str(zoo), "-o", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert code == DataError.exit_code
    assert "50% of the items are unusable, more than 10%" in said
    assert f"{UNKNOWN} (4)" in said
    assert not (tmp_path / "out").exists()


def test_a_run_on_the_rest_ends_well_and_leaves_the_list(zoo: Path, tmp_path: Path) -> None:
    data = {"dataset": str(zoo), "max_rejected": 0.6}
    run = tiny_run(tmp_path, 16, data=data)
    lines = [json.loads(line) for line in (run / "rejected.jsonl").read_text().splitlines()]
    assert {line["file_name"]: line["reason"] for line in lines} == {
        name: reason for name, (_, reason) in BAD.items()
    }
    said = (run / "training_progress.txt").read_text()
    assert f"data: 13 to train on, 1 to validate with, {len(BAD)} rejected: " in said


# Files that disappear, and file systems that fail for a moment


def album(root: Path, count: int) -> Path:
    """Make a directory of captioned pictures, each of its own grey."""
    root.mkdir()
    for place in range(count):
        Image.new("RGB", (16, 16), (place,) * 3).save(root / f"{place}.png")
        (root / f"{place}.txt").write_text(f"number {place}")
    return root


def opened(root: Path) -> Source:
    return open_source(DataConfig(dataset=str(root)), check_size=16)[0]


def test_a_picture_deleted_while_training_is_replaced_by_another_and_reported_once(
    tmp_path: Path,
) -> None:
    source = opened(album(tmp_path / "album", 8))
    (tmp_path / "album/3.png").unlink()
    reported: list[Rejection] = []
    stream = batches(
        source,
        range(8),
        size=16,
        plan=consecutive(4),
        seed=0,
        stage=0,
        cache_gb=0,
        on_reject=reported.append,
    )
    seen: list[NDArray[np.float32]] = []
    for batch in islice(stream, 8):
        seen += list(batch.images.numpy())
        greys = ((batch.images[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
        assert batch.captions == tuple(f"number {grey}" for grey in greys)
    assert len(seen) == 32
    assert reported == [Rejection("3.png", "file is missing")]


def test_a_run_notes_the_picture_that_was_deleted_and_ends_well(tmp_path: Path) -> None:
    """It is deleted when the first step has been logged, by another thread."""
    root = album(tmp_path / "album", 12)
    metrics = tmp_path / "training_run/metrics.jsonl"

    def delete_later() -> None:
        while not metrics.is_file():
            time.sleep(0.001)
        for place in range(6):
            (root / f"{place}.png").unlink()

    threading.Thread(target=delete_later).start()
    data = {"dataset": str(root), "cache_gb": 0}
    run = tiny_run(tmp_path, 16, data=data, images=60, checkpoint_every=50)
    said = (run / "training_progress.txt").read_text()
    assert "the run is complete" in said
    noted = [line for line in said.splitlines() if "replaced" in line]
    assert noted
    assert all(line.endswith(".png: file is missing") for line in noted)
    assert len(set(noted)) == len(noted) <= 6


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
@pytest.mark.parametrize("look", [picture_size, lambda path: read_picture(path, 16)])
class TestAFileSystemThatFails:
    """A link to itself raises OSError when it is opened, as a failing disk does."""

    def test_for_a_moment_is_waited_for(
        self, tmp_path: Path, look: Callable[[Path], object]
    ) -> None:
        Image.new("RGB", (16, 16), RED).save(tmp_path / "good.png")
        (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
        mending = threading.Timer(0.2, (tmp_path / "good.png").replace, [tmp_path / "a.png"])
        mending.start()
        look(tmp_path / "a.png")

    def test_for_good_is_a_rejection_after_half_a_second(
        self, tmp_path: Path, look: Callable[[Path], object]
    ) -> None:
        (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
        started = time.monotonic()
        with pytest.raises(RejectedItem, match="file cannot be read"):
            look(tmp_path / "a.png")
        assert 0.5 <= time.monotonic() - started < 5
