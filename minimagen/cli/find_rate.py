"""``python -m minimagen find-rate``: which learning rate suits a stage."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from minimagen.cli import train
from minimagen.cli.flags import Flag, parse_flags, real, whole
from minimagen.cli.leaving import leave_well

if TYPE_CHECKING:  # its imports cost seconds that --help need not wait for
    from minimagen.cli.settings import Settings
    from minimagen.training.rate_finder import Trial

STEPS, LOWEST, HIGHEST = 100, 1e-6, 1.0
ROWS = 20  # of the table, about
HOW = "which rates"
SHARED = {
    "PARAMETERS",
    "T5_NAME",
    "SET",
    "DATASET",
    "NUM_WORKERS",
    "BATCH_SIZE",
    "ACCUM_ITER",
    "STAGES",
    "DEVICE",
    "PRECISION",
    "SEED",
}
FLAGS = (
    *(flag for flag in train.FLAGS if flag.name in SHARED),
    Flag("STEPS", "-ns", HOW, f"how many, one step each; default: {STEPS}", whole(10, 100_000)),
    Flag("LOWEST", None, HOW, f"the first; default: {LOWEST:g}", real(0, 100, above=True)),
    Flag("HIGHEST", None, HOW, f"the last; default: {HIGHEST:g}", real(0, 100, above=True)),
)
EXAMPLES = """\
  python -m minimagen find-rate -p parameters/tiny -st 0
  python -m minimagen find-rate -p parameters -b 8 -ns 400 --SET training.optimizer.kind=muon"""


def find_rate(options: argparse.Namespace) -> None:
    """Try growing rates on fresh networks and print what came of it; nothing is left on the disk.

    Raises:
        TrainingError: when no rate lowers the loss.
    """
    from minimagen.cli.settings import new_run

    unused: dict[str, object] = {flag.name.lower(): None for flag in train.FLAGS}
    settings = new_run(argparse.Namespace(**(unused | vars(options))))
    with TemporaryDirectory() as scratch:
        for index, trials in _trials(settings, options, Path(scratch)):
            print("\n".join(shown(index, trials)))


def _trials(
    settings: "Settings", options: argparse.Namespace, scratch: Path
) -> Iterator[tuple[int, list["Trial"]]]:
    """Try the rates on each stage, in a run that is made for this alone."""
    from tqdm import tqdm

    from minimagen.runtime import pick_device
    from minimagen.training.directory import TrainingDirectory
    from minimagen.training.fit import Fit
    from minimagen.training.optimizer import require_optimizer
    from minimagen.training.rate_finder import growing_rates, steps_of, try_rates
    from minimagen.training.run import begin, gather, starting_stage
    from minimagen.training.signals import Stopper

    cascade, training = settings.cascade, settings.training
    require_optimizer(training.optimizer)
    device, workers = pick_device(options.device), options.num_workers
    materials = gather(cascade, training, device)
    cascade = materials.cascade
    directory = TrainingDirectory.create(scratch, "rates", cascade, training)
    run = begin(directory, cascade, training, materials, device=device, workers=workers)
    lowest, highest = options.lowest or LOWEST, options.highest or HIGHEST
    rates = growing_rates(lowest, highest, options.steps or STEPS)
    for index in settings.stages:
        stage = starting_stage(cascade, index, device, training.seed, None)
        take_step = steps_of(Fit(run, stage, Stopper()))
        yield index, try_rates(take_step, tqdm(rates, desc="rates", unit="step", leave=False))


def shown(stage: int, trials: "list[Trial]") -> Iterator[str]:
    """Show some of the trials as a table, and the suggestion below it.

    Raises:
        TrainingError: when no rate lowers the loss.
    """
    from minimagen.training.rate_finder import lowest_of, suggested

    yield f"stage {stage}"
    yield "     rate       loss"
    for trial in trials[:: max(1, len(trials) // ROWS)]:
        yield f"{trial.rate:9.2e}  {trial.loss:9.5f}"
    best = lowest_of(trials)
    yield f"lowest loss {best.loss:.5f} at {best.rate:.1e}; suggested: -lr {suggested(trials):.1e}"


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen find-rate", "Find the learning rate that suits a stage."
    return leave_well(prog, lambda: find_rate(parse_flags(prog, about, FLAGS, EXAMPLES, argv)))
