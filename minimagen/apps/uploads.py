"""Pictures and masks that strangers send: decoded once, within bounds, and kept as plain PNG.

What a request holds afterwards is our own PNG of at most ``MAX_SIDE`` pixels a side: no metadata,
no second format, nothing left of the sender's bytes. Paths and URLs are text like any other: they
are never opened.
"""

import base64
import binascii
import io
from typing import IO, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from minimagen.data.items import RejectedItem
from minimagen.data.pictures import DAMAGE, FORMATS, picture_size, upright
from minimagen.tensors import from_uint8

MAX_BYTES = 10_000_000  # of one file as it is sent
MAX_PIXELS = 16_000_000
MAX_SIDE = 1024  # larger ones are reduced; cascades draw smaller pictures than that
LIMITS = f"at most {MAX_BYTES // 10**6} MB and {MAX_PIXELS // 10**6} million pixels"


class _Sent:
    """Bytes in the place of a file, so that a header can be read before anything is decoded."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def open(self, mode: str, /) -> IO[bytes]:
        return io.BytesIO(self._content)

    def read_bytes(self) -> bytes:
        return self._content


def read_picture(sent: Any) -> bytes:
    """Turn what was sent into an RGB picture, as PNG.

    Args:
        sent: a file's bytes, the same as base64 or as a data URL, or a PIL image.

    Raises:
        ValueError: saying what is wrong with it and what is allowed.
    """
    picture = sent.convert("RGB") if isinstance(sent, Image.Image) else _decoded(_bytes_of(sent))
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return png_of(picture)


def read_mask(sent: Any) -> bytes:
    """Turn what was sent into a mask, as PNG: white where to paint, black elsewhere.

    Args:
        sent: as for :func:`read_picture`; from mid-grey up is white.

    Raises:
        ValueError: saying what is wrong with it and what is allowed.
    """
    picture = sent if isinstance(sent, Image.Image) else _decoded(_bytes_of(sent))
    mask = picture.convert("L").point(lambda grey: 255 * (grey > 127))
    if max(mask.size) > MAX_SIDE:
        mask.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
        mask = mask.point(lambda grey: 255 * (grey > 0))  # what it touches
    return png_of(mask)


def transparent_parts(content: bytes) -> Image.Image | None:
    """Return where a picture is fully transparent, as a mask; None where nowhere.

    Raises:
        ValueError: when it is no picture, or too large.
    """
    _require_small(content)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if not image.has_transparency_data:
                return None
            alpha = image.convert("RGBA").getchannel("A")
    except DAMAGE:
        raise ValueError("damaged or truncated image file; send another") from None
    mask = alpha.point(lambda opacity: 255 * (opacity == 0))
    return mask if mask.getbbox() else None


def size_of(png: bytes) -> tuple[int, int]:
    """Return width and height of one of our own PNGs."""
    with Image.open(io.BytesIO(png)) as image:
        return image.size


def to_image(png: bytes) -> Tensor:
    """Read a picture that :func:`read_picture` made; (1, 3, H, W) in [-1, 1]."""
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB"))
    return from_uint8(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])


def to_mask(png: bytes) -> Tensor:
    """Read a mask that :func:`read_mask` made; (1, 1, H, W), bool, True where to paint."""
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("L")) > 127
    return torch.from_numpy(pixels.copy())[None, None]


def png_of(picture: Image.Image) -> bytes:
    """Encode a picture, without any metadata."""
    plain = Image.fromarray(np.asarray(picture))
    buffer = io.BytesIO()
    plain.save(buffer, "PNG")
    return buffer.getvalue()


def to_base64(content: bytes) -> str:
    """Encode bytes as text."""
    return base64.b64encode(content).decode("ascii")


def _bytes_of(sent: Any) -> bytes:
    if isinstance(sent, bytes):
        return sent
    if not isinstance(sent, str):
        raise ValueError("no picture; send a file's bytes, or the same as base64")
    text = sent.partition(",")[2] if sent.startswith("data:") else sent
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise ValueError(f"too large; send {LIMITS}")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            "no base64 of a picture; paths and URLs are not opened, send the file itself"
        ) from None


def _decoded(content: bytes) -> Image.Image:
    _require_small(content)
    try:
        return upright(content, None)
    except RejectedItem as error:
        raise ValueError(f"{error}; send another") from None


def _require_small(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise ValueError(f"too large; send {LIMITS}")
    try:
        width, height = picture_size(_Sent(content))
    except RejectedItem as error:
        raise ValueError(f"{error}; send another") from None
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels are too many; send {LIMITS}")
