"""A folder of everything that people and programs leave in folders, trained on and prepared.

Each file is made here. What is readable must come out in its colours; all else must be named in
``rejected.jsonl`` with its reason, and must end nothing.
"""

import io
import json
import os
import pickle
import socket
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from minimagen.__main__ import main
from minimagen.data.captions import clean_caption
from minimagen.data.pictures import read_picture
from minimagen.data.sources import DataConfig, open_source
from tests.reliability.test_pictures import (
    BAD,
    BLUE,
    CUT,
    FRAMES,
    GOOD,
    LARGE,
    LOSS,
    NOISE,
    RED,
    SIDE,
    UNKNOWN,
    WHITE,
    Colour,
    chunk,
    encoded,
    halves,
    png_of,
)
from tests.tiny_runs import tiny_run

pytestmark = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="needs pipes, links and any bytes in file names"
)
Fill = Callable[[Path], None]
PLAIN = encoded(halves(RED, BLUE), "PNG")
NO_CAPTION = "caption file is missing or cannot be read"
NOT_UTF_8 = "caption is not UTF-8"
DAMAGED = "damaged image file"
SPECIAL = "not a regular file"
T = Image.Transpose
UNDOING = {
    1: None,
    2: T.FLIP_LEFT_RIGHT,
    3: T.ROTATE_180,
    4: T.FLIP_TOP_BOTTOM,
    5: T.TRANSPOSE,
    6: T.ROTATE_90,
    7: T.TRANSVERSE,
    8: T.ROTATE_270,
}


class Case(NamedTuple):
    """One item: what makes its picture and its caption, and what must become of it."""

    picture: bytes | Fill
    caption: bytes | Fill | None = b"a picture"
    reason: str | None = None
    left: Colour = RED
    right: Colour = BLUE


# Pictures that can be read


def turned(orientation: int) -> bytes:
    """Encode red left of blue, stored as a camera held in this way would."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = UNDOING[orientation]
    image = halves(RED, BLUE)
    return encoded(image if how is None else image.transpose(how), "PNG", exif=exif)


def deep_png() -> bytes:
    """Encode 16 bits for each of red, green and blue."""
    pixels = (np.asarray(halves(RED, BLUE)).astype(">u2") * 257).tobytes()
    rows = [b"\0" + pixels[i : i + SIDE * 6] for i in range(0, len(pixels), SIDE * 6)]
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def half_clear(kind: str, **options: object) -> bytes:
    return encoded(halves((*RED, 255), (*BLUE, 0), "RGBA"), kind, **options)


READABLE: dict[str, Case] = {
    **{name: Case(data, left=left, right=right) for name, (data, left, right) in GOOD.items()},
    **{f"turned_{i}.png": Case(turned(i)) for i in UNDOING},
    "deep.png": Case(deep_png()),
    "lossless.webp": Case(encoded(halves(RED, BLUE), "WEBP", lossless=True)),
    "clear.webp": Case(half_clear("WEBP", lossless=True), right=WHITE),
    "clear.tif": Case(half_clear("TIFF"), right=WHITE),
    "plain.bmp": Case(encoded(halves(RED, BLUE), "BMP")),
    "lzw.tif": Case(encoded(halves(RED, BLUE), "TIFF", compression="tiff_lzw")),
    "progressive.jpg": Case(encoded(halves(RED, BLUE), "JPEG", quality=95, progressive=True)),
    "phone.jpg": Case(
        encoded(halves(RED, BLUE), "MPO", quality=95, save_all=True, append_images=[NOISE])
    ),
    "profile.png": Case(encoded(halves(RED, BLUE), "PNG", icc_profile=b"no profile at all")),
    "more_after_it.jpg": Case(encoded(halves(RED, BLUE), "JPEG", quality=95) + b"PK<?php " * 99),
}
LOSSES = LOSS | {"progressive.jpg": 4, "phone.jpg": 4, "more_after_it.jpg": 4}

# Pictures that cannot


def tar_of(name: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    return file.getvalue()


def page_bomb() -> bytes:
    """Write a PNG with a text of 100 MB in 100 kB."""
    text = chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(100_000_000)))
    end = PLAIN.rindex(b"IEND") - 4
    return PLAIN[:33] + text + PLAIN[33:end] + PLAIN[end:]


def jpeg_of(width: int, height: int) -> bytes:
    """Write a picture whose header says that it is that large."""
    data = bytearray(encoded(halves(RED, BLUE), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def gif_of(width: int, height: int) -> bytes:
    data = bytearray(encoded(halves(RED, BLUE), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp_of(width: int, height: int) -> bytes:
    data = bytearray(encoded(halves(RED, BLUE), "BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def several(kind: str) -> bytes:
    return encoded(halves(RED, BLUE), kind, save_all=True, append_images=[halves(BLUE, RED)])


def sparse(path: Path) -> None:
    """Make a file that says it is a PNG, and two thousand million bytes long."""
    path.write_bytes(PLAIN)
    os.truncate(path, 2_000_000_000)


def listening(path: Path) -> None:
    """Leave the file of a socket behind; its address must be short."""
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(path.name)
    os.chdir(here)


class Trap:
    """Leaves a file where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path("sprung").touch, ())


LOOP = "file cannot be read"
UNREADABLE: dict[str, Case] = {
    **{name: Case(data, reason=reason) for name, (data, reason) in BAD.items()},
    "zeros.png": Case(bytes(100_000), reason=UNKNOWN),
    "noise.jpg": Case(np.random.default_rng(1).bytes(10_000), reason=UNKNOWN),
    "pickle.png": Case(pickle.dumps(Trap()), reason=UNKNOWN),
    "tar.png": Case(tar_of("../../evil.png"), reason=UNKNOWN),
    "document.png": Case(b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj", reason=UNKNOWN),
    "icon.png": Case(encoded(halves(RED, BLUE), "ICO"), reason=UNKNOWN),
    "portable.jpg": Case(encoded(halves(RED, BLUE), "PPM"), reason=UNKNOWN),
    "vectors.avif": Case(b"\0\0\0\x1cftypavif", reason=UNKNOWN),
    "pages.tif": Case(several("TIFF"), reason=FRAMES),
    "animated.png": Case(several("PNG"), reason=FRAMES),
    "only_a_header.png": Case(PLAIN[:33], reason=UNKNOWN),
    "half_a_header.png": Case(PLAIN[:20], reason=DAMAGED),
    "one_byte.jpg": Case(b"\xff", reason=UNKNOWN),
    "cut_early.tif": Case(encoded(NOISE, "TIFF")[:4000], reason=CUT),
    "text_bomb.png": Case(page_bomb(), reason=DAMAGED),
    "bomb.jpg": Case(jpeg_of(65_500, 65_500), reason=LARGE),
    "bomb.gif": Case(gif_of(65_535, 65_535), reason=LARGE),
    "bomb.bmp": Case(bmp_of(2**30, 2**30), reason=LARGE),
    "wide_bomb.png": Case(png_of(2**31 - 1, 4), reason=LARGE),
    "no_pixels.png": Case(png_of(0, 0), reason=UNKNOWN),
    "sparse.png": Case(sparse, reason="more than 1000 million bytes"),
    "pipe.jpg": Case(os.mkfifo, reason=SPECIAL),
    "socket.png": Case(listening, reason=SPECIAL),
    "itself.png": Case(lambda path: path.symlink_to(path.name), reason=LOOP),
    "nowhere.png": Case(lambda path: path.symlink_to("not_here"), reason="file is missing"),
    "device.png": Case(lambda path: path.symlink_to("/dev/zero"), reason=SPECIAL),
}

# Names, all of readable pictures

NAMES = [
    "new\nline.png",
    "tab\tand \x1b[31mred.png",
    "\N{SNOWMAN}\N{GRINNING FACE}.png",
    "\u202egnp.\u05d0\u05d1.png",  # written from right to left
    "e\u0301 \u00e9.png",  # one letter in two ways
    "x" * 251 + ".png",
    " space before.png",
    "%2e%2e%2f.png",
    "'\"`$(touch sprung);.png",
    "-rf.png",
    "LOUD.PNG",
    "many.dots.in.it.png",
    "CON.png",
    os.fsdecode(b"\xff\xfe not utf-8.png"),
    "folder.jpg/inside.png",
]

# Captions, all of a readable picture

LONG = b"word " * 200_000  # 1 MB
CAPTIONS: dict[str, Case] = {
    "caption_missing.png": Case(PLAIN, None, NO_CAPTION),
    "caption_folder.png": Case(PLAIN, lambda path: path.mkdir(), NO_CAPTION),
    "caption_pipe.png": Case(PLAIN, os.mkfifo, NO_CAPTION),
    "caption_itself.png": Case(PLAIN, lambda path: path.symlink_to(path.name), NO_CAPTION),
    "caption_latin.png": Case(PLAIN, b"caf\xe9", NOT_UTF_8),
    "caption_utf_16.png": Case(PLAIN, "a cat".encode("utf-16"), NOT_UTF_8),
    "caption_surrogate.png": Case(PLAIN, b"a \xed\xa0\x80 cat", NOT_UTF_8),
    "caption_empty.png": Case(PLAIN, b""),
    "caption_blank.png": Case(PLAIN, b" \n\t \r\n"),
    "caption_bom.png": Case(PLAIN, b"\xef\xbb\xbfa cat"),
    "caption_nul.png": Case(PLAIN, b"a\0cat"),
    "caption_lines.png": Case(PLAIN, b"a cat\r\non a mat\n"),
    "caption_long.png": Case(PLAIN, LONG),
    "caption_one_word.png": Case(PLAIN, b"w" * 100_000),
    "caption_tokens.png": Case(PLAIN, b"</s> <pad> <extra_id_3> <unk>"),
    "caption_right_to_left.png": Case(PLAIN, "\u05d0\u05d1 \N{GRINNING FACE}".encode()),
    "caption_escapes.png": Case(PLAIN, b"\x1b[2J \x07 {}%s%n ../../x <b>"),
    "caption_pickle.png": Case(PLAIN, pickle.dumps("a cat", 0)),
}
CASES = READABLE | UNREADABLE | {name: Case(PLAIN) for name in NAMES} | CAPTIONS
REJECTED = {name: case.reason for name, case in CASES.items() if case.reason is not None}
GOOD_NAMES = CASES.keys() - REJECTED.keys()


def fill(path: Path, content: bytes | Fill) -> None:
    path.parent.mkdir(exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder; only read it."""
    root = tmp_path_factory.mktemp("hostile")
    for name, case in CASES.items():
        fill(root / name, case.picture)
        if case.caption is not None:
            fill((root / name).with_suffix(".txt"), case.caption)
    (root / ".hidden.png").write_bytes(b"of no interest")
    (root / "Thumbs.db").write_bytes(b"of no interest")
    (root / "trap.pkl").write_bytes(pickle.dumps(Trap()))
    (root / "around").symlink_to(root, target_is_directory=True)
    return root


def listed(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return {line["file_name"]: line["reason"] for line in map(json.loads, lines)}


def off_by(name: str, read: np.ndarray) -> int:
    """Return the largest error of a picture's halves, edges of JPEG blocks left out."""
    case, half = CASES[name], SIDE // 2
    left, right = read[:, : half - 8].astype(int), read[:, half + 8 :].astype(int)
    return max(np.abs(left - case.left).max(), np.abs(right - case.right).max())


def test_the_folder_holds_what_it_should() -> None:
    assert len(CASES) >= 100
    assert len(REJECTED) >= 45
    assert len(set(REJECTED.values())) >= 12


@pytest.mark.parametrize("name", sorted(READABLE | {name: Case(PLAIN) for name in NAMES}))
def test_what_is_readable_comes_out_in_its_colours(hostile: Path, name: str) -> None:
    """Within 1 of 255, rounding, or what JPEG loses on flat colours at quality 95."""
    assert off_by(name, read_picture(hostile / name, SIDE)) <= LOSSES.get(name, 1)


def test_every_other_file_is_named_with_its_reason(hostile: Path) -> None:
    source, rejections = open_source(
        DataConfig(dataset=str(hostile), max_rejected=0.9), check_size=16
    )
    assert {item.file_name: item.reason for item in rejections} == REJECTED
    captions = {source.name(i): source.captions(i)[0] for i in range(len(source))}
    assert captions.keys() == GOOD_NAMES
    assert captions["caption_bom.png"] == captions["caption_nul.png"] == "a cat"
    assert captions["caption_blank.png"] == captions["caption_empty.png"] == ""
    assert captions["caption_long.png"] == clean_caption(LONG.decode())


def test_it_trains_to_the_end(
    hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where a trap would spring
    data = {"dataset": str(hostile), "max_rejected": 0.9}
    run = tiny_run(tmp_path, 16, data=data, images=96, batch_size=8, checkpoint_every=50)
    assert listed(run / "rejected.jsonl") == REJECTED
    assert "the run is complete" in (run / "training_progress.txt").read_text()
    assert not (tmp_path / "sprung").exists()


def test_it_can_be_prepared(hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PNG loses nothing, so the bounds are those of reading."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    flags = ["--duplicates", "none", "--format", "png", "--size", str(SIDE), "-n", "2"]
    assert main(["prepare", str(hostile), str(out), *flags]) == 0
    assert listed(out / "rejected.jsonl") == REJECTED
    seen = set()
    with tarfile.open(out / "shards-00000.tar") as tar:
        for member in (name for name in tar.getnames() if name.endswith(".png")):
            about = json.load(tar.extractfile(member.replace(".png", ".json")))  # type: ignore[arg-type]
            image = Image.open(io.BytesIO(tar.extractfile(member).read()))  # type: ignore[union-attr]
            seen.add(about["origin"])
            assert off_by(about["origin"], np.asarray(image)) <= LOSSES.get(about["origin"], 1)
    assert seen == GOOD_NAMES
    assert not (tmp_path / "sprung").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named_too(tmp_path: Path) -> None:
    for name in ("open.png", "closed.png"):
        fill(tmp_path / name, PLAIN)
        fill((tmp_path / name).with_suffix(".txt"), b"a picture")
    (tmp_path / "closed.png").chmod(0)
    _, rejections = open_source(DataConfig(dataset=str(tmp_path), max_rejected=0.9), check_size=16)
    assert [(item.file_name, item.reason) for item in rejections] == [
        ("closed.png", "file cannot be read")
    ]
