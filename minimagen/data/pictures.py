"""From an image file to a square picture: opened safely, converted truthfully, never stretched.

Every way a file can be unusable ends in :class:`RejectedItem` with a reason that many files can
share. Nothing here knows of captions or folders.
"""

import io
import struct
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from minimagen.data.items import Picture, PictureFile, RejectedItem

T = TypeVar("T")
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # EPS and PDF would start Ghostscript
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
MAX_PIXELS = 89_000_000  # just under the size at which Pillow warns of a decompression bomb
TOO_LARGE = f"more than {MAX_PIXELS // 10**6} million pixels"
MIN_SIDE = 4
PAUSES_S = (0.1, 0.4)  # before a file that could not be read is tried again
MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)

# What Pillow's decoders raise on damaged bytes.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)


def picture_size(file: PictureFile) -> tuple[int, int]:
    """Read width and height from a file's header, and refuse what can be refused by it.

    Raises:
        RejectedItem: with the reason.
    """
    return patiently(lambda: _size(file))


def read_picture(file: PictureFile, size: int) -> Picture:
    """Read a file as a picture: shorter side resized, centre cropped; uint8 (size, size, 3).

    Raises:
        RejectedItem: with the reason.
    """
    with _open(io.BytesIO(patiently(file.read_bytes))) as image:
        _refuse_by_header(image)
        with _rejecting("damaged or truncated image file"):
            # JPEGs are decoded at about twice the size needed; the filter below does the rest.
            image.draft("RGB", (2 * size, 2 * size))
            image.load()  # verify() would miss truncation
            return np.asarray(square(_to_rgb(ImageOps.exif_transpose(image)), size))


def square(image: Image.Image, size: int) -> Image.Image:
    """Cut the middle square out and resize it with the antialiased bilinear filter."""
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BILINEAR, box=box)


def _size(file: PictureFile) -> tuple[int, int]:
    with file.open("rb") as stream, _open(stream) as image:
        _refuse_by_header(image)
        return image.size


def patiently(look: Callable[[], T], pauses: tuple[float, ...] = PAUSES_S) -> T:
    """Look at a file, once more if need be: file systems may fail for a moment."""
    try:
        return look()
    except MISSING:
        raise RejectedItem("file is missing") from None
    except OSError as error:
        if not pauses or isinstance(error, PermissionError):
            raise RejectedItem("file cannot be read") from None
    time.sleep(pauses[0])
    return patiently(look, pauses[1:])


def _open(file: IO[bytes]) -> Image.Image:
    with _rejecting("damaged image file"):
        try:
            return Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError:
            raise RejectedItem(TOO_LARGE) from None
        except UnidentifiedImageError:
            raise RejectedItem(_why_unidentified(file)) from None


def _why_unidentified(file: IO[bytes]) -> str:
    length = file.seek(0, io.SEEK_END)
    return (
        "file is empty" if length == 0 else f"not an image of a known kind ({', '.join(FORMATS)})"
    )


def _refuse_by_header(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise RejectedItem(TOO_LARGE)
    if min(image.size) < MIN_SIDE:
        raise RejectedItem(f"shorter side under {MIN_SIDE} pixels")
    with _rejecting("damaged image file"):
        frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # phones add previews to a JPEG that way
        raise RejectedItem("more than one frame (animated, or several pages)")


@contextmanager
def _rejecting(reason: str) -> Iterator[None]:
    """Turn a decoder's complaints into a rejection; its warnings do not concern the user."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DAMAGE as error:
        if getattr(error, "errno", None) is not None:  # the system's complaint, not the decoder's
            raise
        raise RejectedItem(reason) from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        return _from_numbers(np.asarray(image)).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Lay a picture on white; merely dropping alpha would uncover what it hides."""
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _from_numbers(values: NDArray[Any]) -> Image.Image:
    """Turn 16-bit, 32-bit or float grey into bytes; Pillow itself would clamp it to black or white.

    The scale follows from the kind and the range, never from the picture's own extremes: that would
    stretch its contrast.
    """
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65535:
        raise RejectedItem("pixel values outside 0 to 65535")
    if values.dtype.kind == "f" and values.max() <= 1:
        scale = 255.0
    elif values.dtype.itemsize == 2 or values.max() > 255:
        scale = 1 / 257
    else:
        scale = 1.0
    return Image.fromarray((values * scale + 0.5).astype(np.uint8))
