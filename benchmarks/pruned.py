"""What channels are worth:  python -m benchmarks.pruned -d training_<TIMESTAMP>.

The cascade that main.py trained, pruned to shares of the channels inside of its blocks, measured on
captions that training saw. What is left: weights, the time of a call (processor time of one thread,
in turns), captions matched at 64 px of those that training never saw, and the PSNR of true pictures
that an upper stage enlarges.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import main as demo
from benchmarks.enlarging import enlarge, psnr
from benchmarks.exported import CALLS, call
from benchmarks.record import by_column, print_table, save
from benchmarks.sampling_sweep import true_pictures
from benchmarks.turns import in_turns
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.evaluation.caption_accuracy import caption_accuracy
from minimagen.export import pruned
from minimagen.imagen import Imagen
from minimagen.lowres import resize

SHARES = 1.0, 0.75, 0.5
SEEN, ENLARGED = 24, 4  # captions that it is measured on; pictures
COLUMNS = "channels", "stage", "weights", "ms a call", "captions right", "enlarged, dB"


def seen_captions() -> list[str]:
    """Return captions of the data set that the cascade was trained on."""
    source = ShapesSource(ShapesConfig(variant="single"))
    return [source.captions(index)[0] for index in range(SEEN)]


def accuracy(imagen: Imagen) -> float:
    """Return the share of unseen captions that the base's pictures match."""
    captions = demo.unseen_captions()
    pictures = imagen.generate(captions, size=imagen.stages[0].config.size, batch_size=32)
    return round(caption_accuracy([np.asarray(picture) for picture in pictures], captions), 3)


def enlarged(imagen: Imagen, index: int) -> float:
    """Return the PSNR in dB of true pictures that a stage enlarges, against what they were."""
    stage, captions = imagen.stages[index], demo.unseen_captions()[:ENLARGED]
    assert stage.smaller is not None, "only upper stages enlarge"
    truth = true_pictures(captions, stage.config.size, 1, 5)
    return psnr(truth, enlarge(imagen, index, resize(truth, stage.smaller), captions))


def rows_of(made: dict[str, Imagen]) -> list[list[object]]:
    """Return a row for each stage and share."""
    rows: list[list[object]] = []
    for index, stage in enumerate(next(iter(made.values())).stages):
        took = in_turns({share: call(one, index) for share, one in made.items()}, CALLS)
        for share, one in made.items():
            weights = sum(p.numel() for p in one.stages[index].network.parameters())
            right = "" if index else accuracy(one)
            better = enlarged(one, index) if index else ""
            ms = round(1000 * took[share].core_seconds, 1)
            rows.append([share, f"{stage.config.size} px", weights, ms, right, better])
    return rows


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="made by main.py")
    imagen = Imagen.load(parser.parse_args().directory, "cpu")
    torch.set_num_threads(1)
    captions = seen_captions()
    made = {f"{s:.0%}": imagen if s == 1 else pruned(imagen, s, captions) for s in SHARES}
    rows = rows_of(made)
    print_table(COLUMNS, rows)
    command = "python -m benchmarks.pruned -d training_<TIMESTAMP>"
    save("pruned", command, {"rows": by_column(COLUMNS, rows)})


if __name__ == "__main__":
    main()
