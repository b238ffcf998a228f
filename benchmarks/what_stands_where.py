"""How much does a caption tell a base of two things?  python -m benchmarks.what_stands_where.

Trains the base of ``parameters/scenes`` with each of the two bundled encoders on the same scenes,
and shows it held-out scenes of two things behind noise, with their captions and without. Where
noise hides everything it is settled what stands where, and only the caption can tell: what is
given is the share of the mean squared error that a caption takes away.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.compositions import PARAMETERS
from benchmarks.ledger import Ledger
from benchmarks.record import print_table, save
from benchmarks.short_runs import flags_of, trained
from minimagen.conditioning import Conditioning
from minimagen.data.shapes import draw, scene
from minimagen.evaluation.held_out import kind_of
from minimagen.imagen import Imagen
from minimagen.seeds import generator

NAMES = ("t5-tiny", "t5-scenes")
IMAGES = 16_000
SIDE = 64
SCENES, OTHER_SEED = 192, 1  # scenes that are in no training of seed 0
LEVELS = (-9.0, -6.0, -3.0, 0.0)  # log-SNR


def held_out() -> tuple[Tensor, list[str]]:
    """Return scenes of two things, (B, 3, S, S) in [-1, 1], and their captions."""
    every = (scene(OTHER_SEED, index, "scenes") for index in count())
    some = list(islice((one for one in every if kind_of(one.caption).startswith("two")), SCENES))
    pictures = torch.stack([torch.from_numpy(draw(one, SIDE)) for one in some])
    return pictures.permute(0, 3, 1, 2) / 127.5 - 1, [one.caption for one in some]


@torch.no_grad()
def told(imagen: Imagen) -> dict[str, dict[str, float]]:
    """Return the error with and without captions at each log-SNR, and the share they take away."""
    stage, (x_0, captions) = imagen.stages[0], held_out()
    text = imagen.encode(captions)
    assert text is not None
    nothing = text.drop(torch.zeros(len(text), dtype=torch.bool))
    found = {}
    for level in LEVELS:
        log_snr = torch.full((len(x_0),), level)
        eps = torch.randn(x_0.shape, generator=generator("what stands where", int(level)))
        alpha, sigma = torch.sigmoid(log_snr[0]).sqrt(), torch.sigmoid(-log_snr[0]).sqrt()
        x_t = alpha * x_0 + sigma * eps
        with_it, without = (
            float((stage.network(x_t, log_snr, Conditioning(said, None)) - x_0).square().mean())
            for said in (text, nothing)
        )
        share = 1 - with_it / without
        found[f"{level:g}"] = {"with": with_it, "without": without, "share": round(share, 4)}
    return found


def measure(name: str, images: int, directory: Path) -> dict[str, Any]:
    """Train with an encoder, and ask what its captions tell."""
    settings = {
        "imagen.text_encoder.name": name,
        "training.images": [images, 4, 4],
        "training.data.shapes.size": images,
        "training.checkpoint_every": 10**6,
    }
    flags = flags_of(settings, parameters=PARAMETERS, side=SIDE)
    run, seconds = trained(flags, directory / name)
    found = told(Imagen.load(run, device="cpu"))
    return {"encoder": name, "images": images, "cpu_seconds": round(seconds), "told": found}


def report(found: Sequence[dict[str, Any]]) -> None:
    """Print the shares."""
    rows = [
        [cell["encoder"], *(f"{at['share']:.3f}" for at in cell["told"].values())] for cell in found
    ]
    print_table(["encoder", *(f"log-SNR {level:g}" for level in LEVELS)], rows)


def main() -> None:
    """Measure what is not measured yet, print the table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("what_stands_where"))
    parser.add_argument("--images", type=int, default=IMAGES, help="to train with an encoder on")
    parser.add_argument("--dry", action="store_true", help="write nothing into docs/measured")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(options.directory / "cells.jsonl")
    found = [
        ledger.measured(
            {"encoder": name, "images": options.images},
            partial(measure, name, options.images, options.directory),
        )
        for name in NAMES
    ]
    report(found)
    if not options.dry:
        save("what_stands_where", "python -m benchmarks.what_stands_where", {"found": found})


if __name__ == "__main__":
    main()
