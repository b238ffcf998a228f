"""Does a picture show the one thing its caption names? Four rules for single shapes, no network.

1. The ground is grey: a pixel belongs to the thing where max(R, G, B) - min(R, G, B) > 60 for most
   of the 3 x 3 pixels around it.
2. The thing covers between 1 % and 50 % of the picture.
3. Its shape is the template that overlaps it best when stretched to its bounding box: a circle, a
   square or a triangle with its point up. Intersection over union must reach 0.75; two things, a
   torn one, or noise all over fill no template.
4. Its colour is the nearest one of the palette for most of its pixels: at least 3 of 4 must agree.

A caption is matched when colour and shape are both right; size and place are not judged. The rules
share no code with the drawing.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from minimagen.data.items import Picture
from minimagen.data.world import COLOURS, Pair
from minimagen.errors import UsageError

Mask = NDArray[np.bool_]  # (H, W)

CHROMA = 60
AREA = (0.01, 0.5)
OVERLAP = 0.75
AGREEMENT = 0.75

# x and y run from -1 to 1 across the bounding box, y downwards.
TEMPLATES: dict[str, Callable[[NDArray[np.float64], NDArray[np.float64]], Mask]] = {
    "circle": lambda x, y: x**2 + y**2 <= 1,
    "square": lambda x, y: (abs(x) <= 1) & (abs(y) <= 1),
    "triangle": lambda x, y: abs(x) <= (1 + y) / 2 + 1 / len(y),  # drawn, its tip is a pixel wide
}


def caption_accuracy(pictures: Iterable[Picture], captions: Sequence[str]) -> float:
    """Return the share of pictures that match their captions.

    Args:
        pictures: uint8 (S, S, 3) each; the rules are meant for 64 px and work above.
        captions: one a picture.
    """
    found = [matches(picture, text) for picture, text in zip(pictures, captions, strict=True)]
    return sum(found) / len(found)


def matches(picture: Picture, caption: str) -> bool:
    """Whether colour and shape are those of the caption."""
    return judge(picture) == named_pair(caption)


def judge(picture: Picture) -> Pair | None:
    """Return colour and shape of the one thing in a picture, or None if it is not clearly one."""
    mask = _thing(picture)
    if not AREA[0] <= mask.mean() <= AREA[1]:
        return None
    shape, colour = _shape(mask), _colour(picture[mask])
    return (colour, shape) if colour and shape else None


def named_pair(caption: str) -> Pair:
    """Return the colour and the shape that a caption names.

    Raises:
        UsageError: when it does not name exactly one of each.
    """
    words = caption.split()
    colours = [word for word in words if word in COLOURS]
    shapes = [word for word in words if word in TEMPLATES]
    if len(colours) != 1 or len(shapes) != 1:
        raise UsageError(
            f"caption {caption!r} cannot be judged; name one of {', '.join(COLOURS)} "
            f"and one of {', '.join(TEMPLATES)}"
        )
    return colours[0], shapes[0]


def _thing(picture: Picture) -> Mask:
    chroma = picture.max(axis=2).astype(int) - picture.min(axis=2)
    padded = np.pad(chroma > CHROMA, 1).astype(int)
    height, width = chroma.shape
    votes = sum(padded[i : i + height, j : j + width] for i in range(3) for j in range(3))
    return np.asarray(votes >= 5)


def _shape(mask: Mask) -> str | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    y, x = (((2 * np.arange(side) + 1) / side - 1) for side in box.shape)
    overlaps = {
        shape: _intersection_over_union(box, inside(x[None, :], y[:, None]))
        for shape, inside in TEMPLATES.items()
    }
    best = max(overlaps, key=lambda shape: overlaps[shape])
    return best if overlaps[best] >= OVERLAP else None


def _intersection_over_union(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


def _colour(pixels: NDArray[np.uint8]) -> str | None:
    palette = np.array(list(COLOURS.values()))
    distances = ((pixels[:, None].astype(int) - palette) ** 2).sum(axis=2)  # (pixels, colours)
    votes = np.bincount(distances.argmin(axis=1), minlength=len(palette))
    return list(COLOURS)[int(votes.argmax())] if votes.max() >= AGREEMENT * votes.sum() else None
