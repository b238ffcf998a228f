"""Which optimizer learns most in so many steps?  python -m benchmarks.optimizers [--steps 200].

Trains the base of ``parameters/tiny`` with each optimizer and rate on the same samples, and takes
the validation loss of the averaged weights at the end, also by noise level.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch

import train
from benchmarks.record import print_table, save

ROOT = Path(__file__).parents[1]
PLAIN = {"learning_rate": 3e-3, "warmup_steps": 20}  # as find-rate suggests, for all of them
WAYS: dict[str, dict[str, Any]] = {
    "muon, linear": {"kind": "muon", "matrix_rate": 4.0, "decay_share": 1.0},
    "adamw, linear": {"kind": "adamw", "decay_share": 1.0},
    "adamw, cosine": {"kind": "adamw", "rate": "cosine"},
    "adamw, wsd": {"kind": "adamw", "rate": "wsd"},
    "adamw, constant": {"kind": "adamw", "rate": "constant"},
    "schedule_free": {"kind": "schedule_free"},
}


def measure(optimizer: dict[str, Any], steps: int, output: Path) -> dict[str, Any]:
    """Train with an optimizer and return the last line of validation."""
    settings = {
        "training.optimizer": json.dumps(PLAIN | optimizer),
        "training.images": 32 * steps,
        "training.checkpoint_every": steps,
        "imagen.stages.0.sampling.steps": 1,
    }
    sets = [word for name, value in settings.items() for word in ("--SET", f"{name}={value}")]
    flags = ["-p", str(ROOT / "parameters" / "tiny"), "-s", "64", "-b", "32", "-dv", "cpu"]
    run = train.train(train.parse([*flags, "-o", str(output), "-ts", "run", *sets]))
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    found: dict[str, Any] = [line for line in lines if "validation_loss" in line][-1]
    return found


def losses_of(line: dict[str, Any]) -> list[float]:
    """Return the validation loss and its parts, from the noisiest pictures to the cleanest."""
    return [line["validation_loss"], *line["validation_loss_bins"]]


def report(found: dict[str, dict[str, Any]]) -> None:
    """Print the table."""
    edges = next(iter(found.values()))["validation_log_snr_edges"][:-1]
    columns = ["optimizer", "validation loss", *(f"from {edge:.1f}" for edge in edges)]
    rows = [[name, *map("{:.4f}".format, losses_of(line))] for name, line in found.items()]
    print_table(columns, rows)


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    found: dict[str, dict[str, Any]] = {}
    for name, optimizer in WAYS.items():
        with tempfile.TemporaryDirectory() as output:
            found[name] = measure(optimizer, steps, Path(output))
    save("optimizers", f"python -m benchmarks.optimizers --steps {steps}", {"found": found})
    report(found)


if __name__ == "__main__":
    main()
