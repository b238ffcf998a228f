"""Is a masked half filled as well as a picture is drawn?  python -m benchmarks.inpainting -d DIR.

Half of a picture that training never saw is painted anew, told its caption: left, right, top and
bottom in turn. A filled picture is accepted when its colour and shape are those of the caption; the
model's own pictures of the same captions, drawn with the same seeds, are the measure. The one thing
in a picture may lie in the half that is known, in the one that is painted, or be cut.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.record import print_table, save
from minimagen import Imagen
from minimagen.data.shapes import Scene, draw, scene
from minimagen.editing.inpainting import inpainting
from minimagen.evaluation.caption_accuracy import matches
from minimagen.imagen import to_pictures
from minimagen.tensors import from_uint8, to_uint8

SEED = 1_000_003  # of scenes, far from those of parameter files
HALVES = ("left", "right", "top", "bottom")
RESAMPLED = (1, 2)
Accepted = list[bool]


def mask_of(half: str, side: int) -> Tensor:
    """Return the mask of a half, (1, 1, S, S), True where to paint."""
    mask = torch.zeros(1, 1, side, side, dtype=torch.bool)
    low, high = slice(0, side // 2), slice(side // 2, side)
    part = low if half in ("left", "top") else high
    if half in ("left", "right"):
        mask[..., part] = True
    else:
        mask[..., part, :] = True
    return mask


def lies(one: Scene, half: str) -> str:
    """Say where a scene's thing lies to the half that is painted."""
    (thing,) = one.things
    at = thing.x if half in ("left", "right") else thing.y
    if abs(at - 0.5) < thing.radius:
        return "cut"
    return "painted" if (at < 0.5) == (half in ("left", "top")) else "known"


def accepted(images: Tensor, captions: Sequence[str]) -> Accepted:
    """Judge images (N, 3, S, S) in [-1, 1]."""
    pictures = map(np.asarray, to_pictures(images))
    return [matches(picture, text) for picture, text in zip(pictures, captions, strict=True)]


def filled(imagen: Imagen, scenes: Sequence[Scene], size: int, resample: int) -> Accepted:
    """Paint a half of each scene and judge the pictures; what was known must be what it was."""
    found = [False] * len(scenes)
    for number, half in enumerate(HALVES):
        places = range(number, len(scenes), len(HALVES))
        truth = pictures_of([scenes[place] for place in places], size)
        mask, captions = mask_of(half, size), [scenes[place].caption for place in places]
        edit = inpainting(truth, mask, resample=resample)
        images = imagen.sample(captions, size=size, seed=number, batch_size=32, edit=edit)
        kept = ~mask.expand_as(images)
        assert torch.equal(to_uint8(images)[kept], to_uint8(truth)[kept])
        for place, good in zip(places, accepted(images, captions), strict=True):
            found[place] = good
    return found


def own(imagen: Imagen, scenes: Sequence[Scene], size: int) -> Accepted:
    """Draw the same captions with the same seeds and judge the pictures."""
    found = [False] * len(scenes)
    for number in range(len(HALVES)):
        places = range(number, len(scenes), len(HALVES))
        captions = [scenes[place].caption for place in places]
        images = imagen.sample(captions, size=size, seed=number, batch_size=32)
        for place, good in zip(places, accepted(images, captions), strict=True):
            found[place] = good
    return found


def pictures_of(scenes: Sequence[Scene], size: int) -> Tensor:
    """Draw scenes; (N, 3, S, S) in [-1, 1]."""
    return from_uint8(torch.from_numpy(np.stack([draw(s, size) for s in scenes])).movedim(-1, 1))


def share(good: Sequence[bool]) -> float:
    """Return the share of what was accepted."""
    return round(sum(good) / len(good), 4) if good else math.nan


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="made by main.py")
    parser.add_argument("-n", "--count", type=int, default=256, help="scenes; default: 256")
    parser.add_argument("-s", "--size", type=int, default=64, help="pixels; default: 64")
    options = parser.parse_args()
    imagen = Imagen.load(options.directory)
    scenes = [scene(SEED, index, "single") for index in range(options.count)]
    where = [lies(one, HALVES[i % len(HALVES)]) for i, one in enumerate(scenes)]
    runs = {"drawn": own(imagen, scenes, options.size)}
    for resample in RESAMPLED:
        runs[f"filled, resample {resample}"] = filled(imagen, scenes, options.size, resample)
    kinds = ("known", "cut", "painted")
    table = {
        name: {"all": share(good)}
        | {
            kind: share([g for g, k in zip(good, where, strict=True) if k == kind])
            for kind in kinds
        }
        for name, good in runs.items()
    }
    columns = ("pictures", "all", *(f"{kind} ({where.count(kind)})" for kind in kinds))
    print_table(columns, [(name, *row.values()) for name, row in table.items()])
    results = {
        "captions": len(scenes),
        "size": options.size,
        "things": {kind: where.count(kind) for kind in kinds},
        "accepted": table,
    }
    command = f"python -m benchmarks.inpainting -d training_<TIMESTAMP> -n {len(scenes)}"
    save("inpainting", command, results)


if __name__ == "__main__":
    main()
