"""Which average validates best?  python -m benchmarks.averages -d training_<TIMESTAMP>.

The validation loss of one stage of a run that kept snapshots: of its last weights, and of averages
of many lengths that are made of the snapshots.
"""

import argparse
from pathlib import Path

import torch

from benchmarks.record import print_table, save
from minimagen.imagen import make_stage
from minimagen.training.averaging import make_average
from minimagen.training.checkup import Checkup
from minimagen.training.directory import TrainingDirectory
from minimagen.training.journal import Journal
from minimagen.training.run import begin, gather
from minimagen.training.validation import validation_loss
from minimagen.weights import load_weights, weights_path

LENGTHS = 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25
CPU = torch.device("cpu")


def losses(path: Path, index: int, kinds: list[str]) -> dict[str, float]:
    """Return the validation loss of a stage with each of some weights."""
    directory = TrainingDirectory.open(path)
    cascade, training = directory.configuration()
    materials = gather(cascade, training, CPU)
    run = begin(directory, cascade, training, materials, device=CPU, workers=0)
    stage = make_stage(cascade, index)
    held_out = Checkup(run, stage, Journal(directory, index)).held_out
    found = {}
    for kind in kinds:
        load_weights(stage.network.eval(), weights_path(path, index, kind))
        loss = validation_loss(
            stage, stage.network, held_out, seed=training.seed, batch_size=32, precision="no"
        )
        found[kind] = round(loss.mean, 5)
    return found


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="with snapshots")
    parser.add_argument("-st", "--stage", type=int, default=0)
    options = parser.parse_args()
    made = {f"ema:{s}": make_average(options.directory, options.stage, s) for s in LENGTHS}
    found = losses(options.directory, options.stage, ["raw", *made])
    misses = {kind: round(average.mismatch, 5) for kind, average in made.items()}
    rows = [
        (kind, loss, f"{misses[kind]:.2%}" if kind in misses else "")
        for kind, loss in found.items()
    ]
    print_table(("weights", "validation loss", "off its profile"), rows)
    results = {"step": made["ema:0.05"].note.step, "validation_loss": found, "mismatch": misses}
    save("averages", "python -m benchmarks.averages -d training_<TIMESTAMP>", results)


if __name__ == "__main__":
    main()
