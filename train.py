"""Fit a cascade stage by stage:  python train.py -p parameters -b 8 -e 50."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from minimagen.cli.leaving import leave_well
from minimagen.cli.train import parse


def train(options: argparse.Namespace) -> Path:
    """Fit the stages a command line asks for and return the training directory."""
    from minimagen.cli.settings import continued_run, new_run
    from minimagen.runtime import pick_device
    from minimagen.training.directory import TrainingDirectory
    from minimagen.training.fit import Fit
    from minimagen.training.optimizer import require_optimizer
    from minimagen.training.run import begin, gather, require_weights, starting_stage
    from minimagen.training.signals import Stopper
    from minimagen.training.tuning import bring_text_weights, with_text_for

    restart, init = options.restart_directory, options.init_directory
    before = None if restart is None else TrainingDirectory.open(restart)
    settings = new_run(options) if before is None else continued_run(options, before.path)
    cascade, training = settings.cascade, settings.training
    if before is not None:
        before.require_free(settings.stages)
    require_weights(init, settings.stages)
    require_optimizer(training.optimizer)
    device = pick_device(options.device)
    materials = gather(cascade, training, device)
    cascade = materials.cascade

    if before is None:
        timestamp = options.timestamp or time.strftime("%Y%m%d_%H%M%S")
        directory = TrainingDirectory.create(options.output or Path(), timestamp, cascade, training)
        bring_text_weights(init, directory.path)
    else:
        directory = before
    print(f"training directory: {directory.path}")

    run = begin(directory, cascade, training, materials, device=device, workers=options.num_workers)
    with Stopper() as stopper:
        for index in settings.stages:
            stage = starting_stage(cascade, index, device, training.seed, init)
            Fit(with_text_for(run, index, device), stage, stopper).fit()
    everything = len(settings.stages) == len(cascade.imagen.stages)
    directory.note("the run is complete" if everything else "the stages asked for are complete")
    return directory.path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    return leave_well("train.py", lambda: train(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
