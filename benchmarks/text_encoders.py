"""What does the text encoder do for the pictures?  python -m benchmarks.text_encoders.

Trains the base of ``parameters/tiny`` with each encoder on the same samples, draws captions that
hold a combination which training never showed, and asks how many pictures are right: by their own
captions, and by somebody else's (shuffled), which says what guessing is worth.

It can be stopped at any time: what is done is a line of ``cells.jsonl`` in --directory.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import tiny_clip
from benchmarks.ledger import Ledger
from benchmarks.record import print_table, save
from benchmarks.short_runs import flags_of, trained, validations
from minimagen.cli.encoders import Tree
from minimagen.data.shapes import held_out_captions
from minimagen.evaluation.caption_accuracy import caption_accuracy
from minimagen.evaluation.scene_accuracy import turned
from minimagen.imagen import Imagen

T5: Tree = {"kind": "t5", "name": "t5-tiny"}
WORDS: Tree = {"kind": "words"}
CLIP_STEPS = {"clip, trained": 400, "clip, random weights": 0}
NAMES = ("t5-tiny", "words", "words, alone", *CLIP_STEPS, "t5-tiny + words")
IMAGES = 20_160  # to train with an encoder on
STEPS = 10  # of the sampler
CAPTIONS = 64


def encoders(directory: Path) -> dict[str, Tree]:
    """Return each encoder as a parameter file says it."""
    clips = {name: {"kind": "clip", "name": str(directory / name)} for name in CLIP_STEPS}
    return {
        "t5-tiny": T5,
        "words": WORDS,
        "words, alone": {**WORDS, "neighbours": 0.0},
        "t5-tiny + words": {"kind": "ensemble", "parts": [T5, WORDS]},
        **clips,
    }


def measure(name: str, images: int, directory: Path) -> dict[str, Any]:
    """Train with an encoder, draw, judge; everything that is measured of it."""
    if name in CLIP_STEPS and not (directory / name / "tokenizer.json").exists():
        tiny_clip.build(directory / name, steps=CLIP_STEPS[name])
    settings = {
        "imagen.text_encoder": json.dumps(encoders(directory)[name]),
        "imagen.stages.0.sampling.steps": STEPS,
        "training.images": images,
        "training.checkpoint_every": 10**6,
    }
    run, seconds = trained(flags_of(settings), directory)
    captions = held_out_captions("single", CAPTIONS, seed=0)
    drawn = Imagen.load(run, device="cpu").generate(captions, batch_size=32)
    pictures = [np.asarray(picture) for picture in drawn]
    return {
        "encoder": name,
        "images": images,
        "validation_loss": validations(run)[-1]["validation_loss"],
        "right": caption_accuracy(pictures, captions),
        "shuffled": caption_accuracy(pictures, turned(captions)),
        "cpu_seconds": round(seconds),
    }


def report(found: Sequence[dict[str, Any]]) -> None:
    """Print the share that is right, and in brackets by shuffled captions."""
    print_table(["encoder", "colour and shape", "validation loss"], [_row(cell) for cell in found])


def _row(cell: dict[str, Any]) -> list[str]:
    share = f"{cell['right']:.2f} ({cell['shuffled']:.2f})"
    return [cell["encoder"], share, f"{cell['validation_loss']:.4f}"]


def main() -> None:
    """Measure what is not measured yet, print the table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("text_encoders"))
    parser.add_argument("--share", type=float, default=1.0, help="of the training, to try it out")
    parser.add_argument("--dry", action="store_true", help="write nothing into docs/measured")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    ledger, images = Ledger(options.directory / "cells.jsonl"), round(options.share * IMAGES)
    found = [
        ledger.measured(
            {"encoder": name, "images": images}, partial(measure, name, images, options.directory)
        )
        for name in NAMES
    ]
    report(found)
    if not options.dry:
        save("text_encoders", "python -m benchmarks.text_encoders", {"found": found})


if __name__ == "__main__":
    main()
