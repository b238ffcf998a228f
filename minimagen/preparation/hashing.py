"""What a picture looks like, in 64 bits and in 64 colours.

Two pictures are near duplicates when few bits of their hashes differ and no colour of their
thumbnails is far off. The hash alone would take a red and a blue circle for one picture.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Thumbnail = NDArray[np.uint8]  # (8, 8, 3)
SIDE, LOW = 32, 8  # of the reduced picture, and of the block of low frequencies
COLOUR_LIMIT = 16  # of 255: how far a colour of two thumbnails may be apart


def perceptual_hash(image: Image.Image) -> int:
    """Hash a picture's low frequencies: which of the cosine coefficients lie above their median.

    Resizing, recompression and small changes of contrast move few of the 64 bits.
    Source: C. Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions",
    sec. 3.2.1.
    """
    small = _reduced(image.convert("L"), SIDE, Image.Resampling.BILINEAR).astype(np.float64)
    low = (COSINES @ small @ COSINES.T).round(3).ravel()
    bits = low > np.median(low[1:])  # the first is the mean grey
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def thumbnail(image: Image.Image) -> Thumbnail:
    """Average an RGB picture over 8 x 8 tiles; uint8 (8, 8, 3)."""
    return _reduced(image, LOW, Image.Resampling.BOX)


def _reduced(image: Image.Image, side: int, how: Image.Resampling) -> NDArray[np.uint8]:
    return np.asarray(image.resize((side, side), how))


def _cosines() -> NDArray[np.float64]:
    """Return the first rows of the orthonormal discrete cosine transform; (8, 32)."""
    frequency, place = np.arange(LOW)[:, None], np.arange(SIDE)[None, :]
    angle = np.pi * frequency * (2 * place + 1) / (2 * SIDE)
    rows: NDArray[np.float64] = np.sqrt(2 / SIDE) * np.cos(angle)
    rows[0] /= np.sqrt(2)
    return rows


COSINES = _cosines()
