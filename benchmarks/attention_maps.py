"""Do maps show what a word is about?  python -m benchmarks.attention_maps -d DIR.

DIR is a base that was trained on scenes. True scenes of two things of different colours, none of
which training saw, are noised and shown to the network with their captions: so it is known where
each thing is. The map of a colour word is right when it is larger, on average, within the word's
own thing than within the other one; by chance it is half the time.

Two kinds of maps: how much each position reads the word's token (``attention_maps``, over all
layers and heads, and each layer alone), and how much each pixel's estimate changes when the word is
taken out of the caption (``word_maps``). Both are means over the noise levels listed; word maps are
given for each level, too.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from benchmarks.record import MEASURED, print_table, save
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.data.drawing import draw
from minimagen.data.shapes import scene
from minimagen.data.world import Scene, Thing
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen
from minimagen.looking.attention import attention_maps, readings_at
from minimagen.looking.moments import Moment, noised
from minimagen.looking.overlays import overlay
from minimagen.looking.subjects import LOG_SNRS
from minimagen.looking.words import word_maps, words_of
from minimagen.stage import Stage
from minimagen.tensors import from_uint8

SEED = 1  # training has 0
SCENES = 100
SHOWN = 6


@dataclass(frozen=True)
class Case:
    """A scene of two things.

    Args:
        scene: the scene.
        words: the colour of each thing.
        cover: how much of each pixel is each thing's, (2, S, S).
    """

    scene: Scene
    words: tuple[str, str]
    cover: Tensor


def cases(number: int, size: int) -> list[Case]:
    """Return the first scenes of two things of different colours."""
    pairs = (made for i in count() if _is_pair(made := scene(SEED, i, "scenes")))
    return [_case(made, size) for made in islice(pairs, number)]


def _is_pair(made: Scene) -> bool:
    return len({thing.colour for thing in made.things}) == len(made.things) == 2


def _case(made: Scene, size: int) -> Case:
    first, second = made.things
    cover = torch.stack([_cover(made, thing, size) for thing in (first, second)])
    return Case(made, (first.colour, second.colour), cover)


def _cover(made: Scene, thing: Thing, size: int) -> Tensor:
    """Return where a thing is, by drawing the scene with and without it; (S, S), 0 or 1."""
    bare, shown = (
        draw(Scene(things, "", made.ground), size).astype(int) for things in ((), (thing,))
    )
    return torch.from_numpy((np.abs(shown - bare).max(axis=2) > 30).astype(np.float32))


def looked_at(imagen: Imagen, found: Sequence[Case], captions: Sequence[str]) -> list[Moment]:
    """Noise the true pictures up to each level and tell the base the captions."""
    stage = imagen.stages[0]
    size = stage.config.size
    pixels = torch.stack([torch.from_numpy(draw(case.scene, size)) for case in found])
    images = from_uint8(pixels.permute(0, 3, 1, 2))
    times = stage.config.schedule.time(torch.tensor(LOG_SNRS, dtype=torch.float64))
    cond = Conditioning(imagen.encode(captions))
    return noised(stage, images, cond, times.tolist(), SEED)


def is_right(maps: Tensor, found: Sequence[Case]) -> Tensor:
    """Say of both colour words whether their map is larger within their own thing; (N, 2), bool.

    Args:
        maps: of the two words, (N, 2, H, W).
        found: N scenes.
    """
    cover = torch.stack([case.cover for case in found])
    larger = F.interpolate(maps, cover.shape[2:], mode="bilinear")
    within = torch.einsum("nwhx,nthx->nwt", larger, cover)
    mean = within / cover.sum(dim=(2, 3))[:, None]  # (N, word, thing)
    right = [mean[:, 0, 0] > mean[:, 0, 1], mean[:, 1, 1] > mean[:, 1, 0]]
    return torch.stack(right, dim=1)


def places_of(imagen: Imagen, case: Case) -> tuple[int, int]:
    """Return the places of the two colour words among the tokens, the null token counted."""
    pieces = imagen.pieces(case.scene.caption)
    first, second = (1 + pieces.index(word) for word in case.words)
    return first, second


def summary(right: Tensor) -> dict[str, float]:
    """Return the share of words that are right, and of pictures in which both are."""
    return {
        "words": round(right.float().mean().item(), 3),
        "both words": round(right.all(dim=1).float().mean().item(), 3),
    }


def measure(imagen: Imagen, found: Sequence[Case]) -> dict[str, Tensor]:
    """Return what is right, by kind of map."""
    stage, captions = imagen.stages[0], [case.scene.caption for case in found]
    moments = looked_at(imagen, found, captions)
    places = [places_of(imagen, case) for case in found]
    attention = {
        "attention to the token": finest(attention_maps(stage, moments)),
        **{f"attention in {name}": maps for name, maps in by_layer(stage, moments).items()},
    }
    result = {
        name: is_right(
            torch.stack([own[list(two)] for own, two in zip(maps, places, strict=True)]), found
        )
        for name, maps in attention.items()
    }
    shorter = without_colours(imagen, found)
    levels = [word_maps(stage, [moment], shorter) for moment in moments]
    result["word, all levels"] = is_right(torch.stack(levels).mean(dim=0), found)
    for moment, maps in zip(moments, levels, strict=True):
        result[f"word, log-SNR {moment.log_snr:.0f}"] = is_right(maps, found)
    return result


def without_colours(imagen: Imagen, found: Sequence[Case]) -> list[TextEmbedding]:
    """Return the captions without the first colour, and without the second."""
    shorter = [words_of(case.scene.caption) for case in found]
    pairs = [[rest[word] for word in case.words] for rest, case in zip(shorter, found, strict=True)]
    texts = [imagen.encode(column) for column in zip(*pairs, strict=True)]
    return [text for text in texts if text is not None]


def by_layer(stage: Stage, moments: Sequence[Moment]) -> dict[str, Tensor]:
    """Return maps (N, L, H, W) of each layer alone."""
    found: dict[str, list[Tensor]] = {}
    for moment in moments:
        for one in readings_at(stage, moment):
            found.setdefault(one.layer, []).append(one.weights.mean(dim=1).movedim(-1, 1))
    return {layer: torch.stack(maps).mean(dim=0) for layer, maps in found.items()}


def finest(maps: dict[int, Tensor]) -> Tensor:
    """Take the maps of the finest level that reads."""
    return maps[min(maps)]


def draw_sheet(imagen: Imagen, found: Sequence[Case]) -> None:
    """Show some scenes with both kinds of maps of their two colour words."""
    stage, captions = imagen.stages[0], [case.scene.caption for case in found]
    moments = looked_at(imagen, found, captions)
    reading = finest(attention_maps(stage, moments))
    deciding = word_maps(stage, moments, without_colours(imagen, found))
    entries = []
    for case, read, decided in zip(found, reading, deciding, strict=True):
        picture = Image.fromarray(draw(case.scene, stage.config.size))
        maps = [*decided, *(read[place] for place in places_of(imagen, case))]
        entries.append([picture, *(overlay(picture, one) for one in maps)])
    headings = ("true scene", "word 1", "word 2", "token 1", "token 2")
    sheet = captioned_grid(entries, captions, cell=128, columns=2, headings=headings)
    sheet.save(MEASURED / "attention_maps.png")  # no palette: it would change colours


def main() -> None:
    """Run the benchmark, print its table, write its JSON and its picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-d", "--directory", type=Path, required=True)
    imagen = Imagen.load(parser.parse_args().directory, device="cpu")
    found = cases(SCENES, imagen.stages[0].config.size)
    results = {name: summary(right) for name, right in measure(imagen, found).items()}
    print_table(("maps of", "words", "both words"), [[n, *r.values()] for n, r in results.items()])
    draw_sheet(imagen, found[:SHOWN])
    save(
        "attention_maps",
        "python -m benchmarks.attention_maps -d DIR",
        {"scenes": len(found), "right": results},
    )


if __name__ == "__main__":
    main()
