import io
import random
import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from minimagen.data.items import RejectedItem
from minimagen.data.pictures import picture_size, read_picture

RAMP = np.linspace(0, 1, 32)[None, :].repeat(32, axis=0)  # black on the left, white on the right

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))


def grey(fraction: np.ndarray) -> np.ndarray:
    return np.rint(fraction * 255).astype(np.uint8)


def rgb() -> Image.Image:
    """Red grows to the right, green grows downwards."""
    return Image.fromarray(np.dstack([grey(RAMP), grey(RAMP.T), np.full((32, 32), 90, np.uint8)]))


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def rejection(path: Path) -> str:
    with pytest.raises(RejectedItem) as caught:
        read_picture(path, 16)
    return str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [
        ("png", {}, 0),
        ("bmp", {}, 0),
        ("tif", {}, 0),
        ("webp", {"lossless": True}, 0),
        ("jpg", {"quality": 95, "subsampling": 0}, 4),  # what JPEG loses
    ],
)
def test_each_format_gives_its_pixels(
    tmp_path: Path, suffix: str, options: dict[str, object], tolerance: int
) -> None:
    path = saved(rgb(), tmp_path / f"a.{suffix}", **options)
    assert picture_size(path) == (32, 32)
    read = read_picture(path, 32)
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - np.asarray(rgb())).max() <= tolerance


def test_a_kind_is_told_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    saved(rgb(), tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert np.array_equal(read_picture(tmp_path / "a.jpg", 32), np.asarray(rgb()))


def float_tiff(scale: float) -> Image.Image:
    return Image.fromarray((RAMP * scale).astype(np.float32))


@pytest.mark.parametrize(
    ("make", "suffix"),
    [
        (lambda: Image.fromarray(grey(RAMP)), "png"),
        (lambda: Image.fromarray(grey(RAMP)).convert("P"), "gif"),
        (lambda: Image.fromarray(np.rint(RAMP * 65535).astype(np.uint16)), "png"),
        (lambda: Image.fromarray(np.rint(RAMP * 65535).astype(np.uint16)), "tif"),
        (lambda: Image.fromarray(np.rint(RAMP * 65535).astype(np.int32)), "tif"),
        (lambda: float_tiff(1), "tif"),
        (lambda: float_tiff(255), "tif"),
        (lambda: float_tiff(65535), "tif"),
        (
            lambda: Image.merge("LA", [Image.fromarray(grey(RAMP)), Image.new("L", (32, 32), 255)]),
            "png",
        ),
        (lambda: Image.fromarray(grey(RAMP)).convert("RGB").convert("CMYK"), "tif"),
    ],
)
def test_every_kind_of_grey_ramp_reads_as_the_same_ramp(
    tmp_path: Path, make: Callable[[], Image.Image], suffix: str
) -> None:
    """Within one step of 255: rounding, done twice by some kinds."""
    read = read_picture(saved(make(), tmp_path / f"a.{suffix}"), 32)
    assert np.abs(read.astype(int) - grey(RAMP)[:, :, None]).max() <= 1


def test_black_and_white_reads_as_black_and_white(tmp_path: Path) -> None:
    image = Image.fromarray(RAMP > 0.5)
    assert image.mode == "1"
    read = read_picture(saved(image, tmp_path / "a.png"), 32)
    assert np.array_equal(read, np.where(RAMP > 0.5, 255, 0)[:, :, None].repeat(3, 2))


def transparent(mode: str) -> Image.Image:
    """Opaque blue on the left; on the right fully transparent, hiding red."""
    image = Image.new("RGBA", (32, 32), (0, 0, 255, 255))
    image.paste((255, 0, 0, 0), (16, 0, 32, 32))
    if mode == "P":
        palette = Image.new("P", (32, 32), 0)
        palette.putpalette([0, 0, 255, 255, 0, 0])
        palette.paste(1, (16, 0, 32, 32))
        palette.info["transparency"] = 1
        return palette
    if mode == "RGB":
        image = image.convert("RGB")
        image.info["transparency"] = (255, 0, 0)
    return image


@pytest.mark.parametrize("mode", ["RGBA", "P", "RGB"])
def test_alpha_is_laid_on_white_and_hidden_colours_stay_hidden(tmp_path: Path, mode: str) -> None:
    image = transparent(mode)
    path = (
        saved(image, tmp_path / "a.png", transparency=image.info["transparency"])
        if mode != "RGBA"
        else saved(image, tmp_path / "a.png")
    )
    read = read_picture(path, 32)
    assert (read[:, :16] == (0, 0, 255)).all()
    assert (read[:, 16:] == 255).all()


def test_half_transparent_black_on_white_is_grey(tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert (read_picture(saved(image, tmp_path / "a.png"), 8) == 127).all()


def test_exif_turns_the_picture_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    read = read_picture(saved(rgb(), tmp_path / "a.png", exif=exif), 32)
    assert np.array_equal(read, np.rot90(np.asarray(rgb()), -1))


@pytest.mark.parametrize("size", [(96, 32), (32, 96)])
def test_the_middle_square_is_cut_and_nothing_is_stretched(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    image = Image.new("RGB", size, "white")
    image.paste(rgb(), ((size[0] - 32) // 2, (size[1] - 32) // 2))
    assert np.array_equal(read_picture(saved(image, tmp_path / "a.png"), 32), np.asarray(rgb()))


def test_reducing_is_torchs_antialiased_bilinear_filter(tmp_path: Path) -> None:
    """Pillow rounds between its two passes: within one step of 255."""
    pixels = np.random.default_rng(0).integers(0, 256, (120, 120, 3)).astype(np.uint8)
    read = read_picture(saved(Image.fromarray(pixels), tmp_path / "a.png"), 32)
    floats = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    wanted = F.interpolate(floats, size=(32, 32), mode="bilinear", antialias=True)[0]
    assert np.abs(read - wanted.permute(1, 2, 0).numpy()).max() <= 1.1


def test_a_large_jpeg_decoded_at_part_of_its_size_looks_the_same(tmp_path: Path) -> None:
    """Within 3 of 255 on smooth content: the decoder's own reduction, then the filter."""
    big = rgb().resize((1024, 1024), Image.Resampling.BICUBIC)
    read = read_picture(saved(big, tmp_path / "a.jpg", quality=95), 32)
    wanted = np.asarray(big.resize((32, 32), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(read - wanted).max() <= 3


def png_of_size(width: int, height: int) -> bytes:
    """Write the header of a huge picture and nothing more."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0"))


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (image or rgb()).save(file, kind, **options)
    return file.getvalue()


def animated(kind: str) -> bytes:
    frames = [rgb(), rgb().rotate(90), rgb().rotate(180)]
    return encoded(kind, frames[0], save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file is empty"),
        (b"hello", "not an image of a known kind"),
        (b"<html><body>404</body></html>", "not an image of a known kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image of a known kind"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image of a known kind"),
        (encoded("JPEG", NOISE)[:-500], "truncated"),
        (encoded("PNG", NOISE)[:-500], "truncated"),
        (encoded("PNG", NOISE)[:900] + bytes(9) + encoded("PNG", NOISE)[909:], "damaged"),
        (png_of_size(10_000, 10_000), "more than 89 million pixels"),
        (png_of_size(20_000, 20_000), "more than 89 million pixels"),
        (encoded("PNG", Image.new("RGB", (1, 1))), "shorter side under 4"),
        (encoded("PNG", Image.new("RGB", (10_000, 1))), "shorter side under 4"),
        (animated("GIF"), "more than one frame"),
        (animated("WEBP"), "more than one frame"),
        (animated("PNG"), "more than one frame"),
        (encoded("TIFF", float_tiff(-1)), "pixel values outside"),
        (encoded("TIFF", float_tiff(float("nan"))), "pixel values outside"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bytes",
)
def test_what_cannot_be_used_is_rejected_with_its_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reason in rejection(path)


def test_a_missing_file_is_rejected(tmp_path: Path) -> None:
    assert rejection(tmp_path / "none.png") == "file is missing"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_no_damage_whatever_escapes_as_another_error(tmp_path: Path, kind: str) -> None:
    """120 seeded corruptions a format; each gives a picture or a rejection."""
    draws = random.Random(kind)
    path = tmp_path / "a.png"
    for _ in range(120):
        content = bytearray(encoded(kind))
        for _ in range(draws.choice([1, 3, 20])):
            content[draws.randrange(draws.choice([64, len(content)]))] = draws.randrange(256)
        path.write_bytes(content[: draws.choice([len(content), draws.randrange(len(content))])])
        with suppress(RejectedItem):
            assert read_picture(path, 8).shape == (8, 8, 3)
