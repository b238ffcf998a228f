"""The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships."""

import numpy as np

from minimagen.data.arrays import ArrayFiles
from minimagen.data.classes import captioned_like, captions_of_classes
from minimagen.data.columns import pack
from minimagen.data.extras import required
from minimagen.data.listing import Listing, Request

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEMPLATES = ("a handwritten {}",)
HIGHEST = 16  # of scikit-learn's grey values


def is_digits(request: Request) -> bool:
    """Recognise the name ``digits``."""
    return request.dataset == "digits"


def list_digits(request: Request) -> Listing:
    """List the digits, white on black."""
    loaded = required("sklearn.datasets", "eval", "digits").load_digits()
    pixels = (loaded.images * (255 / HIGHEST)).round().astype(np.uint8)
    captions = captions_of_classes(request, loaded.target.astype(np.int64), WORDS, TEMPLATES)
    names = pack(f"digits/{number}" for number in range(len(pixels)))
    kind = f"scikit-learn's handwritten digits, {captioned_like(captions)}"
    return Listing("digits", kind, names, captions, ArrayFiles(pixels))
