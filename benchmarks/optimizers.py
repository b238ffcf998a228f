"""Which optimizer learns most in equal seconds?  python -m benchmarks.optimizers [--seconds 120].

Trains the base of ``parameters/tiny`` with each kind, and scores the captions that training never
saw, as ``main.py`` does. Seconds are those of one thread's processor time.

    1. What a step costs, with the steps of all kinds taken in turn, so that a slow minute of the
       machine slows all of them. A run then takes as many steps as its seconds pay for.
    2. The rate: by the validation loss of runs of a quarter of the seconds, from the kind's own
       first guess to half and twice, and on by factors of two while the best is the outermost.
    3. Runs of all the seconds at the best rate, one for each seed.

Each measurement is kept in docs/measured/optimizers.jsonl and made once; delete it to begin anew.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch

from benchmarks.ledger import Ledger
from benchmarks.record import MEASURED, print_table, save
from benchmarks.short_runs import BATCH, TINY, flags_of, fresh_fit, trained, validations
from minimagen.cascade import CascadeConfig
from minimagen.data.shapes import held_out_captions
from minimagen.evaluation.caption_accuracy import caption_accuracy
from minimagen.imagen import Imagen

KINDS: dict[str, dict[str, Any]] = {  # each falls as it does by default, Muon as it is shipped
    "adamw": {"kind": "adamw"},
    "adamw8bit": {"kind": "adamw8bit"},
    "schedule_free": {"kind": "schedule_free"},
    "muon": {"kind": "muon", "matrix_rate": 4.0, "decay_share": 1.0},
}
FIRST_GUESS = 2e-3  # the rate of parameters/tiny
WARMUP = 20
ROUNDS = 24  # in which the cost of a step is measured
SEEDS = 0, 1
JUDGED = 64, 108  # captions: as main.py, and all there are
COLUMNS = (
    "optimizer",
    "rate",
    "rates tried",
    "ms a step",
    "steps",
    "validation loss",
    *(f"right of {number}" for number in JUDGED),
)


def settings_of(kind: str, rate: float, steps: int) -> dict[str, Any]:
    """Return what differs from the files in a run of some steps."""
    optimizer = {"learning_rate": rate, "warmup_steps": WARMUP, **KINDS[kind]}
    return {
        "training.optimizer": json.dumps(optimizer),
        "training.images": BATCH * steps,
        "training.checkpoint_every": steps,
    }


def costs() -> dict[str, float]:
    """Return the median seconds of a step of each kind, the kinds taking turns."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as output:
        steps = {kind: stepper(kind, Path(output) / kind) for kind in KINDS}
        times: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for _ in range(ROUNDS):
            for kind, take_step in steps.items():
                began = time.process_time()
                take_step()
                times[kind].append(time.process_time() - began)
    return {kind: median(spent) for kind, spent in times.items()}


def stepper(kind: str, output: Path) -> Callable[[], None]:
    """Return what takes the next training step of a fresh run."""
    fit = fresh_fit(flags_of(settings_of(kind, FIRST_GUESS, 1000)), output)
    stream = fit.stream()
    return lambda: fit.step(islice(stream, 1))


def loss_after(kind: str, rate: float, steps: int) -> dict[str, float]:
    """Return the validation loss at the end of a run."""
    with tempfile.TemporaryDirectory() as output:
        run, seconds = trained(flags_of(settings_of(kind, rate, steps)), Path(output))
        return {"validation_loss": validations(run)[-1]["validation_loss"], "seconds": seconds}


def score_after(kind: str, rate: float, steps: int, seed: int) -> dict[str, float]:
    """Return the validation loss and the caption accuracy at the end of a run."""
    with tempfile.TemporaryDirectory() as output:
        flags = flags_of(settings_of(kind, rate, steps), seed=seed)
        run, seconds = trained(flags, Path(output))
        loss = validations(run)[-1]["validation_loss"]
        return {"validation_loss": loss, "seconds": seconds, **accuracies(run)}


def accuracies(run: Path) -> dict[str, float]:
    """Return the share of captions drawn right: of those that main.py judges, and of more."""
    captions = held_out_captions("single", max(JUDGED), seed=0)
    steps = CascadeConfig.read(TINY).imagen.stages[0].sampling.steps  # the run's own grids took one
    drawn = Imagen.load(run).generate(captions, size=64, steps=steps, batch_size=32)
    pictures = [np.asarray(picture) for picture in drawn]
    return {str(n): caption_accuracy(pictures[:n], captions[:n]) for n in JUDGED}


def best_rate(loss_at: Callable[[float], float]) -> float:
    """Walk by factors of two to a rate whose half and whose double are both worse."""
    rate = FIRST_GUESS
    while True:
        better = min((rate / 2, rate, rate * 2), key=loss_at)
        if better == rate:
            return rate
        rate = better


def measure(kind: str, cost: float, seconds: float, ledger: Ledger) -> dict[str, Any]:
    """Find a kind's rate."""
    tried: dict[float, float] = {}
    quarter = round(seconds / 4 / cost)

    def loss_at(rate: float) -> float:
        of = {"what": "rate", "kind": kind, "rate": rate, "steps": quarter}
        found = ledger.measured(of, partial(loss_after, kind, rate, quarter))
        tried[rate] = found["validation_loss"]
        return tried[rate]

    rate = best_rate(loss_at)
    steps = round(seconds / cost)
    return {"ms_a_step": 1e3 * cost, "steps": steps, "rate": rate, "tried": sorted(tried.items())}


def add_run(kind: str, found: dict[str, Any], seed: int, ledger: Ledger) -> None:
    """Make the run of one seed at the best rate."""
    rate, steps = found["rate"], found["steps"]
    of = {"what": "score", "kind": kind, "rate": rate, "steps": steps, "seed": seed}
    run = ledger.measured(of, partial(score_after, kind, rate, steps, seed))
    found.setdefault("runs", []).append({"seed": seed, **run})


def row_of(kind: str, found: dict[str, Any]) -> list[str]:
    """Return a kind's row: means over the seeds, and each seed's accuracy."""
    runs = found["runs"]
    loss = fmean(run["validation_loss"] for run in runs)
    scores = [", ".join(f"{run[str(n)]:.2f}" for run in runs) for n in JUDGED]
    rate, cost = f"{found['rate']:g}", f"{found['ms_a_step']:.0f}"
    tried = " ".join(f"{rate:g}" for rate, _ in found["tried"])
    return [f"`{kind}`", rate, tried, cost, str(found["steps"]), f"{loss:.4f}", *scores]


def report(found: dict[str, dict[str, Any]]) -> None:
    """Print the table."""
    print_table(COLUMNS, [row_of(kind, line) for kind, line in found.items()])


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args()
    ledger = Ledger(MEASURED / "optimizers.jsonl")
    cost = ledger.measured({"what": "cost", "kinds": [*KINDS]}, costs)
    found = {kind: measure(kind, cost[kind], options.seconds, ledger) for kind in KINDS}
    for seed in options.seeds:  # in turn, so that an interrupted benchmark is still a fair one
        for kind, line in found.items():
            add_run(kind, line, seed, ledger)
    command = f"python -m benchmarks.optimizers --seconds {options.seconds:g}"
    save("optimizers", command, {"found": found})
    report(found)


if __name__ == "__main__":
    main()
