"""Are compositions drawn that training never showed?  python -m benchmarks.compositions.

Draws captions of one thing, of some of a kind, and of two things, with the base of
``parameters/scenes``: first captions like those it was trained on, then such as hold one of the six
colours-and-shapes that no training picture shows. A jury without a network says what of each
caption is in its picture, and what of somebody else's, which is what guessing is worth.

Trains the base first (70 minutes on two cores), unless -d names a directory that holds it.
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

import train
from benchmarks.record import MEASURED, print_table, save
from minimagen.data.shapes import held_out_captions, scene
from minimagen.evaluation import shares
from minimagen.evaluation.held_out import KINDS, kind_of
from minimagen.evaluation.scene_accuracy import Verdict, judge, turned
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen

PARAMETERS = Path(__file__).parents[1] / "parameters" / "scenes"
SIDE = 64
PARTS: dict[str, Callable[[Verdict], bool]] = {
    "colours": lambda verdict: verdict.colours,
    "and shapes": lambda verdict: verdict.things,
    "and relation": lambda verdict: verdict.relation,
}
CAPTIONS = 96  # of each kind, shown and new
SHOWN = 3  # pictures of each kind on the sheet
OTHER_SEED = 1  # scenes that are in no training of seed 0


def asked(new: bool, number: int = CAPTIONS) -> dict[str, list[str]]:
    """Return captions of every kind, the same ones each time.

    There are only twelve new captions of some of a kind: these are drawn several times, each from
    other noise.
    """
    if new:
        captions = held_out_captions("scenes", 1_000, seed=0)
        source = (cycle([text for text in captions if kind_of(text) == kind]) for kind in KINDS)
    else:
        source = (_like_training(kind) for kind in KINDS)
    return {kind: list(islice(some, number)) for kind, some in zip(KINDS, source, strict=True)}


def _like_training(kind: str) -> Any:
    captions = (scene(OTHER_SEED, index, "scenes").caption for index in count())
    return (caption for caption in captions if kind_of(caption) == kind)


def measure(imagen: Imagen, new: bool) -> tuple[list[dict[str, Any]], list[tuple[Any, str]]]:
    """Draw and judge every kind; returns a row for each, and some pictures with their captions."""
    rows, shown = [], []
    for kind, captions in asked(new).items():
        drawn = imagen.generate(captions, size=SIDE, batch_size=32)
        pictures = [np.asarray(picture) for picture in drawn]
        rows.append(
            {
                "kind": kind,
                "new": new,
                "right": _shares(pictures, captions),
                "shuffled": _shares(pictures, turned(captions)),
            }
        )
        shown += list(zip(drawn, captions, strict=True))[:SHOWN]
    return rows, shown


def _shares(pictures: Sequence[Any], captions: Sequence[str]) -> dict[str, float]:
    verdicts = [judge(picture, text) for picture, text in zip(pictures, captions, strict=True)]
    return {part: float(np.mean([asks(v) for v in verdicts])) for part, asks in PARTS.items()}


def report(found: Sequence[dict[str, Any]]) -> None:
    """Print the share that is right, its 95 % interval, and what others' captions would score."""
    for new in (False, True):
        rows = [row for row in found if row["new"] is new]
        title = "never shown together" if new else "as in training"
        print_table([title, *PARTS], [[row["kind"], *_cells(row)] for row in rows])
        print()


def _cells(row: dict[str, Any]) -> list[str]:
    return [_cell(row["right"][part], row["shuffled"][part]) for part in PARTS]


def _cell(right: float, guessed: float) -> str:
    found = shares.share(round(right * CAPTIONS), CAPTIONS)
    return f"{right:.2f} [{found.low:.2f}, {found.high:.2f}] ({guessed:.2f})"


def _trained(output: Path) -> Path:
    flags = ["-p", str(PARAMETERS), "-s", str(SIDE), "-dv", "cpu", "-o", str(output)]
    return train.train(train.parse(flags))


def main() -> None:
    """Train if need be, draw, judge, print the tables, write JSON and pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, help="a training directory")
    parser.add_argument("-o", "--output", type=Path, default=Path("compositions"))
    parser.add_argument("--dry", action="store_true", help="write nothing into docs/measured")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run = options.directory or _trained(options.output)
    imagen = Imagen.load(run, device="cpu")
    parts = [measure(imagen, new) for new in (False, True)]
    found = [row for rows, _ in parts for row in rows]
    report(found)
    if not options.dry:
        save("compositions", "python -m benchmarks.compositions", {"found": found})
        pictures, captions = zip(*parts[1][1], strict=True)
        sheet = captioned_grid([[picture] for picture in pictures], captions, cell=128, columns=6)
        sheet.save(MEASURED / "compositions.png")


if __name__ == "__main__":
    main()
