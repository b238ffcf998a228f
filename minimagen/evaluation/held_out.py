"""How often a cascade is right about built-in captions that training never showed.

Each kind of caption is counted apart: one thing, some of a kind, two things, two related ones.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from minimagen.data.grammar import all_held_out_captions
from minimagen.data.items import Picture
from minimagen.data.world import RELATIONS, Variant
from minimagen.evaluation.caption_accuracy import matches
from minimagen.evaluation.scene_accuracy import judge, parsed, turned
from minimagen.evaluation.shares import share
from minimagen.imagen import Imagen
from minimagen.release.manifest import Measured

KINDS = ("one thing", "some of a kind", "two things", "two things, related")
BATCH = 32  # pictures at a time


def kind_of(caption: str) -> str:
    """Say which of ``KINDS`` a caption of the built-in scenes is."""
    things, link = parsed(caption)
    if len(things) == 1:
        return KINDS[0]
    return KINDS[1] if not link else KINDS[3] if link in RELATIONS else KINDS[2]


def asked(variant: Variant, count: int) -> list[str]:
    """Return at most so many held-out captions, the same ones each time."""
    return all_held_out_captions(variant, seed=0)[:count]


def accuracy(
    pictures: Sequence[Picture], captions: Sequence[str], variant: Variant, size: int
) -> list[Measured]:
    """Judge pictures of held-out captions, each kind of caption apart.

    Args:
        pictures: uint8 (S, S, 3) each.
        captions: one a picture.
        variant: of the built-in data; single things are judged by fewer rules.
        size: S, in pixels.
    """
    right = RULES[variant]
    others = turned(captions)
    found = []
    for kind in KINDS:
        places = [place for place, caption in enumerate(captions) if kind_of(caption) == kind]
        if not places:
            continue
        hits = sum(right(pictures[place], captions[place]) for place in places)
        guessed = sum(right(pictures[place], others[place]) for place in places)
        shown = share(hits, len(places))
        found.append(
            Measured(
                what=kind,
                share=shown.value,
                low=shown.low,
                high=shown.high,
                count=len(places),
                guessed=guessed / len(places),
                size=size,
            )
        )
    return found


def drawn(imagen: Imagen, captions: Sequence[str], seed: int = 0) -> Iterator[Picture]:
    """Draw captions with the base stage, some at a time, for :func:`accuracy`."""
    size = imagen.stages[0].config.size
    for start in range(0, len(captions), BATCH):
        some = captions[start : start + BATCH]
        for picture in imagen.generate(
            some, size=size, seed=seed, first_number=start, batch_size=BATCH
        ):
            yield np.asarray(picture)


def _scene_is_right(picture: Picture, caption: str) -> bool:
    return judge(picture, caption).relation


RULES: dict[Variant, Callable[[Picture, str], bool]] = {
    "single": matches,
    "scenes": _scene_is_right,
}
