"""How should the rate fall in a short run?  python -m benchmarks.falls [--steps 200].

Trains the base of ``parameters/tiny`` with each fall, and with the optimizers that have their own,
on the same samples at one rate, and takes the validation loss of the averaged weights at the end,
also by noise level.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.record import print_table, save
from benchmarks.short_runs import BATCH, flags_of, trained, validations

PLAIN = {"learning_rate": 3e-3, "warmup_steps": 20}  # as find-rate suggests, for all of them
WAYS: dict[str, dict[str, Any]] = {
    "muon, linear": {"kind": "muon", "matrix_rate": 4.0, "decay_share": 1.0},
    "adamw, linear": {"kind": "adamw", "decay_share": 1.0},
    "adamw, cosine": {"kind": "adamw", "rate": "cosine"},
    "adamw, wsd": {"kind": "adamw", "rate": "wsd"},
    "adamw, constant": {"kind": "adamw", "rate": "constant"},
    "schedule_free": {"kind": "schedule_free"},
}


def measure(optimizer: dict[str, Any], steps: int) -> dict[str, Any]:
    """Train with an optimizer and return the last line of validation."""
    settings = {
        "training.optimizer": json.dumps(PLAIN | optimizer),
        "training.images": BATCH * steps,
        "training.checkpoint_every": steps,
    }
    with tempfile.TemporaryDirectory() as output:
        run, _ = trained(flags_of(settings), Path(output))
        return validations(run)[-1]


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
    found = {name: measure(optimizer, steps) for name, optimizer in WAYS.items()}
    save("falls", f"python -m benchmarks.falls --steps {steps}", {"found": found})
    report(found)


if __name__ == "__main__":
    main()
