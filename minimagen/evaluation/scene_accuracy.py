"""Does a picture show the scene that its caption names? For one thing, some of a kind, or two.

A thing is a connected patch of colour; its colour is the palette's nearest for most of its pixels,
its shape the one whose own drawing overlaps it best when both are stretched to one square. Two
things stand as the caption says when their centres do. Needs SciPy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from minimagen.data.drawing import draw
from minimagen.data.extras import required
from minimagen.data.grammar import COUNTS, LINKS, SHAPE_NAMES
from minimagen.data.items import Picture
from minimagen.data.world import COLOURS, GROUND, RELATIONS, SHAPES, Pair, Scene, Thing, relation_of
from minimagen.errors import UsageError
from minimagen.seeds import permutation

Mask = NDArray[np.bool_]
CHROMA, SMALLEST, STRETCHED = 60, 0.008, 32
NUMBERS = {word: number for number, word in COUNTS.items()}


@dataclass(frozen=True)
class Verdict:
    """What of a caption a picture shows.

    Args:
        colours: exactly its colours, each once.
        things: exactly its colours and shapes together.
        relation: its things, and where it says; as ``things`` when it says nothing of that.
    """

    colours: bool
    things: bool
    relation: bool


def scene_accuracy(pictures: Iterable[Picture], captions: Sequence[str]) -> float:
    """Return the share of pictures that show their captions' things, and where these say.

    Args:
        pictures: uint8 (S, S, 3) each, S at least 64.
        captions: of the built-in scenes, one a picture.

    Raises:
        UsageError: when a caption names no thing.
        DataError: when SciPy is not installed.
    """
    found = [judge(*pair).relation for pair in zip(pictures, captions, strict=True)]
    return sum(found) / len(found)


def judge(picture: Picture, caption: str) -> Verdict:
    """Compare a picture (S, S, 3) with a caption of the built-in scenes.

    Raises:
        UsageError: when it names no thing.
        DataError: when SciPy is not installed.
    """
    wanted, link = parsed(caption)
    if not wanted:
        raise UsageError(
            f"caption {caption!r} cannot be judged; name things of the built-in scenes, as "
            "'a red circle left of a blue star'"
        )
    seen = things_in(picture)
    pairs = [(thing.colour, thing.shape) for thing in seen]
    colours = sorted(colour for colour, _ in pairs) == sorted(colour for colour, _ in wanted)
    things = sorted(pairs) == sorted(wanted)
    placed = things and (link not in RELATIONS or _stand(seen, wanted, link))
    return Verdict(colours, things, placed)


def parsed(caption: str) -> tuple[list[Pair], str]:
    """Return the things that a caption names, in order, and the link between two.

    "three red circles" are three things without a link.
    """
    words = ["", *caption.split()]
    things = [
        pair
        for number, colour, shape in zip(words, words[1:], words[2:], strict=False)
        if colour in COLOURS and shape in SHAPE_NAMES
        for pair in [(colour, SHAPE_NAMES[shape])] * NUMBERS.get(number, 1)
    ]
    links = [link for link in LINKS if f" {link} " in caption]
    return things, links[0] if links else ""


def turned(captions: Sequence[str]) -> list[str]:
    """Give every picture somebody else's caption; what is right by these was guessed."""
    order = permutation(len(captions), "turned captions").tolist()
    next_one = dict(zip(order, order[1:] + order[:1], strict=True))
    return [captions[next_one[place]] for place in range(len(captions))]


def things_in(picture: Picture) -> list[Thing]:
    """Find the things in a picture; specks are passed over."""
    ndimage = required("scipy.ndimage", "eval", "judging scenes")
    mask = picture.max(axis=2).astype(int) - picture.min(axis=2) > CHROMA
    labels, count = ndimage.label(ndimage.median_filter(mask, size=3))
    patches = [labels == number for number in range(1, count + 1)]
    return [_thing(picture, patch) for patch in patches if patch.mean() >= SMALLEST]


def _thing(picture: Picture, patch: Mask) -> Thing:
    box = _cropped(patch)
    overlaps = {shape: _overlap(_stretched(box), _template(shape)) for shape in SHAPES["scenes"]}
    rows, columns = np.nonzero(patch)
    side = len(patch)
    return Thing(
        max(overlaps, key=lambda shape: overlaps[shape]),
        _colour(picture[patch]),
        float(columns.mean() + 0.5) / side,
        float(rows.mean() + 0.5) / side,
        max(box.shape) / 2 / side,
    )


def _stand(seen: list[Thing], wanted: list[Pair], link: str) -> bool:
    by_pair = {(thing.colour, thing.shape): thing for thing in seen}
    first, second = (by_pair[pair] for pair in wanted)
    return relation_of(first, second) == link


def _colour(pixels: NDArray[np.uint8]) -> str:
    palette = np.array(list(COLOURS.values()))
    distances = ((pixels[:, None].astype(int) - palette) ** 2).sum(axis=2)
    return list(COLOURS)[int(np.bincount(distances.argmin(axis=1)).argmax())]


@lru_cache
def _template(shape: str) -> Mask:
    drawn = draw(Scene((Thing(shape, "red", 0.5, 0.5, 0.45),), "", GROUND), 128)
    return _stretched(_cropped(drawn.max(axis=2).astype(int) - drawn.min(axis=2) > CHROMA))


def _cropped(mask: Mask) -> Mask:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _stretched(mask: Mask) -> Mask:
    image: Any = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(image.resize((STRETCHED, STRETCHED), Image.Resampling.BILINEAR)) > 127


def _overlap(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())
