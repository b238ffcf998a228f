"""What do bases know of a caption?  python -m benchmarks.what_stands_where DIRECTORY ...

Shows each of them held-out scenes of two related things behind noise: with their captions, with
captions that exchange the two shapes or the two colours, and with none. What is given is how much
larger the mean squared error becomes. Where noise hides everything it is settled what stands where;
where colours already show, it is settled which of the two things has which shape.
"""

import argparse
from collections.abc import Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.record import print_table, save
from minimagen.conditioning import Conditioning
from minimagen.data.grammar import linked
from minimagen.data.shapes import Scene, draw, scene
from minimagen.data.world import RELATIONS
from minimagen.evaluation.scene_accuracy import parsed
from minimagen.imagen import Imagen
from minimagen.seeds import generator

SIDE = 64
SCENES, OTHER_SEED = 192, 1  # scenes that are in no training of seed 0
LEVELS = (-9.0, -5.0, -3.0, -1.0)  # log-SNR
MISTAKEN = ("shapes exchanged", "colours exchanged", "no caption")


def held_out() -> tuple[Tensor, list[str]]:
    """Return scenes of two related things, (B, 3, S, S) in [-1, 1], and their captions."""
    every = (scene(OTHER_SEED, index, "scenes") for index in count())
    some = list(islice(filter(_is_told_apart, every), SCENES))
    pictures = torch.stack([torch.from_numpy(draw(one, SIDE)) for one in some])
    return pictures.permute(0, 3, 1, 2) / 127.5 - 1, [one.caption for one in some]


def _is_told_apart(one: Scene) -> bool:
    """Whether it is of two related things whose colours differ, and whose shapes do."""
    pairs, link = parsed(one.caption)
    return link in RELATIONS and all(len(set(words)) == 2 for words in zip(*pairs, strict=True))


def exchanged(caption: str, what: str) -> str:
    """Exchange the "shapes" or the "colours" of a caption's two things."""
    (first, second), link = parsed(caption)
    one, other = (first[0], second[1]), (second[0], first[1])
    return linked(one, link, other) if what == "shapes" else linked(other, link, one)


@torch.no_grad()
def told(imagen: Imagen) -> dict[str, dict[str, float]]:
    """Return the error at each log-SNR, and by which share of it every mistake adds to it."""
    stage, (x_0, captions) = imagen.stages[0], held_out()
    wrong = ([exchanged(caption, what) for caption in captions] for what in ("shapes", "colours"))
    texts = [imagen.encode(some) for some in (captions, *wrong)]
    assert texts[0] is not None
    texts.append(texts[0].drop(torch.zeros(len(captions), dtype=torch.bool)))
    found = {}
    for level in LEVELS:
        log_snr = torch.full((len(x_0),), level)
        eps = torch.randn(x_0.shape, generator=generator("what stands where", int(level)))
        alpha, sigma = torch.sigmoid(log_snr[0]).sqrt(), torch.sigmoid(-log_snr[0]).sqrt()
        x_t = alpha * x_0 + sigma * eps
        error, *errors = (
            float((stage.network(x_t, log_snr, Conditioning(said, None)) - x_0).square().mean())
            for said in texts
        )
        grown = {what: more / error - 1 for what, more in zip(MISTAKEN, errors, strict=True)}
        found[f"{level:g}"] = {"error": error, **grown}
    return found


def report(found: Sequence[dict[str, Any]]) -> None:
    """Print a row for each base and log-SNR."""
    rows = [
        [cell["base"], level, f"{at['error']:.4f}", *(f"+{at[what]:.1%}" for what in MISTAKEN)]
        for cell in found
        for level, at in cell["told"].items()
    ]
    print_table(["base", "log-SNR", "error", *MISTAKEN], rows)


def main() -> None:
    """Ask every base, print the table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directories", type=Path, nargs="+", help="trained cascades, told by name")
    parser.add_argument("--dry", action="store_true", help="write nothing into docs/measured")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = [
        {"base": directory.name, "told": told(Imagen.load(directory, device="cpu"))}
        for directory in options.directories
    ]
    report(found)
    if not options.dry:
        names = " ".join(directory.name for directory in options.directories)
        save(
            "what_stands_where", f"python -m benchmarks.what_stands_where {names}", {"found": found}
        )


if __name__ == "__main__":
    main()
