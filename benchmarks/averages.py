"""Which average validates best?  python -m benchmarks.averages [--images 20160].

Trains the base of ``parameters/tiny`` twice, with a rate that stays and with one that falls to
nothing, and measures the validation loss of averages of many lengths, made of its snapshots.
"""

import argparse
import tempfile
from pathlib import Path

import torch

import train
from benchmarks.record import print_table, save
from minimagen.imagen import Imagen
from minimagen.stage import Stage
from minimagen.training.averaging import make_average
from minimagen.training.checkup import Checkup
from minimagen.training.directory import TrainingDirectory
from minimagen.training.journal import Journal
from minimagen.training.run import begin, gather
from minimagen.training.validation import validation_loss

LENGTHS = 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25
RATES = {"constant rate": 0.0, "rate falling to 0": 1.0}  # decay_share
CPU = torch.device("cpu")


def trained(output: Path, images: int, decay_share: float) -> Path:
    """Train the base and return its training directory."""
    changes = {
        "training.images": images,
        "training.ema": '{"kind": "power"}',
        "training.optimizer.decay_share": decay_share,
        "training.checkpoint_every": 10**6,
        "training.validation_images": 204,  # the whole split
    }
    flags = ["-p", "parameters/tiny", "-s", "64", "-dv", "cpu", "-o", str(output)]
    sets = [part for name, value in changes.items() for part in ("--SET", f"{name}={value}")]
    return train.train(train.parse([*flags, *sets]))


def losses(path: Path) -> dict[str, float]:
    """Return the validation loss of the raw weights and of every average."""
    directory = TrainingDirectory.open(path)
    cascade, training = directory.configuration()
    materials = gather(cascade, training, CPU)
    run = begin(directory, cascade, training, materials, device=CPU, workers=0)
    held_out = Checkup(run, _stage(path, "raw"), Journal(directory, 0)).held_out
    for length in LENGTHS:
        made = make_average(path, 0, length)
        print(f"{made.path.name}: {made.mismatch:.2%} off its profile")
    found = {}
    for weights in ("raw", *(f"ema:{length}" for length in LENGTHS)):
        stage = _stage(path, weights)
        loss = validation_loss(
            stage, stage.network, held_out, seed=training.seed, batch_size=32, precision="no"
        )
        found[weights] = round(loss, 5)
    return found


def _stage(path: Path, weights: str) -> Stage:
    return Imagen.load(path, "cpu", weights=weights).stages[0]


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20160, help="length of each run")
    images = parser.parse_args().images
    with tempfile.TemporaryDirectory() as scratch:
        found = {
            name: losses(trained(Path(scratch) / str(share), images, share))
            for name, share in RATES.items()
        }
    names = ["raw", *(f"ema:{length}" for length in LENGTHS)]
    rows = [(name, *(run[name] for run in found.values())) for name in names]
    print_table(("weights", *RATES), rows)
    save("averages", "python -m benchmarks.averages", {"images": images, "validation_loss": found})


if __name__ == "__main__":
    main()
