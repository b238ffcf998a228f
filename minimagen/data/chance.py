"""What chance decides about a picture that is already fitted: where it is cut, whether it flips.

Keyed by sample number, so that neither workers nor resuming change it. It comes after the memory of
decoded pictures, which holds them as they were before.
"""

import re

import numpy as np

from minimagen import seeds
from minimagen.data.drawing import Picture
from minimagen.data.framing import Frame

# Words that a mirrored picture would make untrue; one too many costs a flip, one too few a lie.
SIDES = (
    "(?:left|right)(?:most|hand|handed|wards?)?",
    "(?:counter|anti)?clockwise",
    "links|rechts|(?:linke|rechte)[nrsm]?|(?:linker|rechter)hand",
    "gauche|droite?|izquierd[ao]s?|derech[ao]s?|sinistr[aoe]|destr[aoe]|esquerd[ao]s?|direit[ao]s?",
    "слева|справа|лев(?:ый|ая|ое|ой|ую)|прав(?:ый|ая|ое|ой|ую)",  # noqa: RUF001  # noqa: RUF001
)
NAMES_A_SIDE = re.compile(rf"\b(?:{'|'.join(SIDES)})\b|[左右]", re.IGNORECASE)


def names_a_side(caption: str) -> bool:
    """Whether a caption says left or right, in one of some languages."""
    return NAMES_A_SIDE.search(caption) is not None


def cut_by_chance(picture: Picture, frame: Frame, number: int, *key: seeds.Key) -> Picture:
    """Cut a picture that covers a frame down to it, anywhere.

    Args:
        picture: uint8 (h, w, 3), at least as large as the frame.
        frame: the sides to cut to.
        number: global sample number.
        key: of the run and the stage.
    """
    top = int(seeds.unit(*key, "cut_top", number) * (picture.shape[0] - frame.height + 1))
    left = int(seeds.unit(*key, "cut_left", number) * (picture.shape[1] - frame.width + 1))
    return picture[top : top + frame.height, left : left + frame.width]


def flipped_by_chance(picture: Picture, caption: str, number: int, *key: seeds.Key) -> Picture:
    """Mirror half of all samples, but none whose caption says left or right.

    Args:
        picture: uint8 (h, w, 3).
        caption: of the sample.
        number: global sample number.
        key: of the run and the stage.
    """
    if names_a_side(caption) or seeds.unit(*key, "flip", number) < 0.5:
        return picture
    return np.ascontiguousarray(picture[:, ::-1])
