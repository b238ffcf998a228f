"""What does the text encoder do for the pictures?  python -m benchmarks.text_encoders.

Trains the base of ``parameters/tiny`` with each encoder on the same samples, draws captions that
hold a combination which training never showed, and asks how many pictures are right: by their own
captions, and by somebody else's (shuffled), which says what guessing is worth. Then the same on
scenes of one thing and of two, whose colour and shape together, or whose relation, is new.

It can be stopped at any time: what is done is a line of ``cells.jsonl`` in --directory.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import train
from benchmarks import tiny_clip
from benchmarks.record import MEASURED, print_table, save
from benchmarks.scene_jury import judge, parsed
from minimagen.cli.encoders import Tree
from minimagen.data.shapes import held_out_captions
from minimagen.data.world import RELATIONS, Variant
from minimagen.evaluation.caption_accuracy import caption_accuracy
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen
from minimagen.seeds import permutation

ROOT = Path(__file__).parents[1]
T5: Tree = {"kind": "t5", "name": "t5-tiny"}
WORDS: Tree = {"kind": "words"}
CLIP_STEPS = {"clip, trained": 400, "clip, random weights": 0}
SINGLE = ("t5-tiny", "words", "words, alone", *CLIP_STEPS, "t5-tiny + words")
SCENES = ("t5-tiny",)
IMAGES: dict[Variant, int] = {"single": 20_160, "scenes": 40_320}  # to train a cell on
CAPTIONS = 64
SHOWN = 6  # pictures of an encoder


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


def cells() -> list[tuple[str, Variant]]:
    """List what is measured: an encoder, on which pictures."""
    return [*((name, "single") for name in SINGLE), *((name, "scenes") for name in SCENES)]


def measure(name: str, variant: Variant, images: int, directory: Path) -> dict[str, Any]:
    """Train with an encoder, draw, judge; everything that is measured of one cell."""
    if name in CLIP_STEPS and not (directory / name / "tokenizer.json").exists():
        tiny_clip.build(directory / name, steps=CLIP_STEPS[name])
    began = time.process_time()
    run = _trained(encoders(directory)[name], variant, images, directory)
    imagen = Imagen.load(run, device="cpu")
    captions = asked(variant)
    pictures = [np.asarray(picture) for picture in imagen.generate(captions, batch_size=32)]
    shown = [imagen_row(pictures, i) for i in range(SHOWN)]
    np.save(directory / f"{variant}, {name}.npy", np.stack(shown))
    score = _single if variant == "single" else _scenes
    return {
        "encoder": name,
        "variant": variant,
        "images": images,
        "validation_loss": _validation_loss(run),
        "right": score(pictures, captions),
        "shuffled": score(pictures, _shuffled(captions)),
        "cpu_seconds": round(time.process_time() - began),
    }


def asked(variant: Variant) -> list[str]:
    """Return the captions to draw: none of them was ever shown."""
    if variant == "single":
        return held_out_captions("single", CAPTIONS, seed=0)
    captions = held_out_captions("scenes", 600, seed=0)
    alone = [caption for caption in captions if len(parsed(caption)[0]) == 1]
    related = [caption for caption in captions if parsed(caption)[1] in RELATIONS]
    return alone[: CAPTIONS // 2] + related[: CAPTIONS // 2]


def imagen_row(pictures: Sequence[Any], number: int) -> Any:
    """Return one of the pictures that are shown, spread over all of them."""
    return pictures[number * len(pictures) // SHOWN]


def report(found: Sequence[dict[str, Any]]) -> None:
    """Print both tables: the share that is right, and in brackets by shuffled captions."""
    for variant in ("single", "scenes"):
        rows = [cell for cell in found if cell["variant"] == variant]
        if rows:
            scores = list(rows[0]["right"])
            columns = ["encoder", *scores, "validation loss"]
            print_table(columns, [_row(cell, scores) for cell in rows])
            print()


def _row(cell: dict[str, Any], scores: Sequence[str]) -> list[str]:
    right, shuffled = cell["right"], cell["shuffled"]
    shares = [f"{right[score]:.2f} ({shuffled[score]:.2f})" for score in scores]
    return [cell["encoder"], *shares, f"{cell['validation_loss']:.4f}"]


def _trained(encoder: Tree, variant: Variant, images: int, directory: Path) -> Path:
    settings = {
        "imagen.text_encoder": json.dumps(encoder),
        "imagen.stages.0.sampling.steps": 10,
        "training.images": images,
        "training.checkpoint_every": 10**6,
        "training.data.shapes.variant": variant,
    }
    sets = [word for name, value in settings.items() for word in ("--SET", f"{name}={value}")]
    flags = ["-p", str(ROOT / "parameters" / "tiny"), "-s", "64", "-b", "32", "-dv", "cpu"]
    return train.train(train.parse([*flags, "-o", str(directory), "-ts", "run", *sets]))


def _validation_loss(run: Path) -> float:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    losses: list[float] = [line["validation_loss"] for line in lines if "validation_loss" in line]
    return losses[-1]


def _single(pictures: Sequence[Any], captions: Sequence[str]) -> dict[str, float]:
    return {"colour and shape": caption_accuracy(pictures, captions)}


def _scenes(pictures: Sequence[Any], captions: Sequence[str]) -> dict[str, float]:
    half = len(captions) // 2
    verdicts = [judge(picture, text) for picture, text in zip(pictures, captions, strict=True)]
    alone, related = verdicts[:half], verdicts[half:]
    return {
        "one thing: colour": _share(verdict.colours for verdict in alone),
        "and shape": _share(verdict.things for verdict in alone),
        "two things: colours": _share(verdict.colours for verdict in related),
        "and shapes": _share(verdict.things for verdict in related),
        "and relation": _share(verdict.relation for verdict in related),
    }


def _share(answers: Iterator[bool]) -> float:
    return float(np.mean(list(answers)))


def _shuffled(captions: Sequence[str]) -> list[str]:
    """Give every picture somebody else's caption; of two halves each stays in its own."""
    half = len(captions) // 2
    order = permutation(half, "shuffled captions").tolist()
    turn = [order[(order.index(place) + 1) % half] for place in range(half)]
    return [captions[start + place] for start in (0, half) for place in turn]


def _sheet(directory: Path, found: Sequence[dict[str, Any]]) -> None:
    """Draw what the encoders made of captions that training never showed."""
    from PIL import Image

    rows: list[list[Any]] = []
    texts: list[str] = []
    for cell in found:
        if cell["variant"] == "scenes":
            drawn = np.load(directory / f"scenes, {cell['encoder']}.npy")
            rows += [[Image.fromarray(picture)] for picture in drawn]
            texts += [f"{cell['encoder']}: {imagen_row(asked('scenes'), i)}" for i in range(SHOWN)]
    if rows:
        sheet = captioned_grid(rows, texts, cell=128, columns=SHOWN)
        sheet.save(MEASURED / "text_encoders.png")


def _done(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    """Measure what is not measured yet, print the tables, write JSON and pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("text_encoders"))
    parser.add_argument("--share", type=float, default=1.0, help="of the training, to try it out")
    parser.add_argument("--dry", action="store_true", help="write nothing into docs/measured")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.directory.mkdir(parents=True, exist_ok=True)
    lines = options.directory / "cells.jsonl"
    known = {(cell["encoder"], cell["variant"]) for cell in _done(lines)}
    for name, variant in cells():
        if (name, variant) not in known:
            images = round(options.share * IMAGES[variant])
            cell = measure(name, variant, images, options.directory)
            with lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps(cell) + "\n")
    found = _done(lines)
    report(found)
    if not options.dry:
        save("text_encoders", "python -m benchmarks.text_encoders", {"found": found})
        _sheet(options.directory, found)


if __name__ == "__main__":
    main()
