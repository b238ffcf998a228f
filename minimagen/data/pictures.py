"""From an image file to a picture: opened safely, converted truthfully, turned upright.

Every way a file can be unusable ends in :class:`RejectedItem` with a reason that many files can
share. Nothing here knows of captions or folders; how a whole picture is cut to the sides that are
wanted is in :mod:`minimagen.data.framing`.
"""

import io
import stat
import struct
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from minimagen.data.framing import Frame
from minimagen.data.items import Picture, PictureFile, RejectedItem

T = TypeVar("T")
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # EPS and PDF would start Ghostscript
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
MAX_PIXELS = 89_000_000  # just under the size at which Pillow warns of a decompression bomb
MAX_BYTES = 1_000_000_000  # of a file: more than any picture of so many pixels needs
TOO_LARGE = f"more than {MAX_PIXELS // 10**6} million pixels"
MIN_SIDE = 4
ORIENTATION = 0x0112  # EXIF: how the camera was held
LYING = range(5, 9)  # its values that swap width and height
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
    """Read width and height, as shown, from a file's header, and refuse what can be refused by it.

    Raises:
        RejectedItem: with the reason.
    """
    return patiently(lambda: _size(file))


def read_picture(file: PictureFile, shape: int | Frame) -> Picture:
    """Read a file as a picture that is fitted into a frame; see :func:`decode`."""
    return decode(read_bytes(file), shape)


def decode(content: bytes, shape: int | Frame) -> Picture:
    """Decode a file's content as a picture that is fitted into a frame.

    Args:
        content: of an image file.
        shape: a frame, or the side of a centre square: shorter side resized, centre cropped.

    Returns:
        uint8 (height, width, 3), as :meth:`~minimagen.data.framing.Frame.fit` says.

    Raises:
        RejectedItem: with the reason.
    """
    frame = Frame.of(shape)
    image = upright(content, frame.decoded_side)
    with _rejecting("damaged or truncated image file"):
        return frame.fit(image)


def read_bytes(file: PictureFile) -> bytes:
    """Read a file whole.

    Raises:
        RejectedItem: with the reason.
    """
    return patiently(lambda: _require_file(file).read_bytes())


def upright(data: bytes, size: int | None) -> Image.Image:
    """Decode a file's bytes fully: RGB, upright, nothing cut off.

    Args:
        data: the file.
        size: shorter side that the picture will be reduced to, in pixels; None is the whole
            picture. JPEGs are decoded at about twice the size needed, and the filter does the rest.

    Raises:
        RejectedItem: with the reason.
    """
    with _open(io.BytesIO(data)) as image:
        _refuse_by_header(image)
        with _rejecting("damaged or truncated image file"):
            if size is not None:
                image.draft("RGB", (2 * size, 2 * size))
            image.load()  # verify() would miss truncation
            return truthful(image)


def truthful(image: Image.Image) -> Image.Image:
    """Turn an opened picture upright and into RGB, so that it shows what it showed.

    Raises:
        RejectedItem: for numbers whose range nobody can tell.
    """
    return _to_rgb(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF mark says; one without a mark is not copied."""
    turned = image.getexif().get(ORIENTATION, 1) != 1
    return ImageOps.exif_transpose(image) if turned else image


def _size(file: PictureFile) -> tuple[int, int]:
    with _require_file(file).open("rb") as stream, _open(stream) as image:
        _refuse_by_header(image)
        return (image.height, image.width) if _lies(image) else image.size


def _lies(image: Image.Image) -> bool:
    """Whether a picture is shown turned by a quarter, as far as its header tells."""
    if "exif" not in image.info:
        return False  # a PNG would be decoded to look further; a TIFF has turned its size already
    with _rejecting("damaged image file"):
        return image.getexif().get(ORIENTATION, 1) in LYING


def _require_file(file: PictureFile) -> PictureFile:
    """Refuse a path whose reading may never end; a directory is told by reading it."""
    if isinstance(file, Path):
        found = file.stat()
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise RejectedItem("not a regular file")
        if found.st_size > MAX_BYTES:
            raise RejectedItem(f"more than {MAX_BYTES // 10**6} million bytes")
    return file


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
    return image if image.mode == "RGB" else image.convert("RGB")


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
