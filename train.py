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
    from minimagen.training.run import open_data, prepare_run, starting_stage
    from minimagen.training.signals import Stopper

    device = pick_device(options.device)
    if options.restart_directory is None:
        settings = new_run(options)
        data = open_data(settings.cascade, settings.training)
        output = options.output or Path()
        timestamp = options.timestamp or time.strftime("%Y%m%d_%H%M%S")
        directory = TrainingDirectory.create(output, timestamp, settings.cascade, settings.training)
    else:
        directory = TrainingDirectory.open(options.restart_directory)
        settings = continued_run(options, directory.path)
        data = open_data(settings.cascade, settings.training)
        directory.save_configuration(settings.training)
    print(f"training directory: {directory.path}")

    with Stopper() as stopper:
        run = prepare_run(
            directory,
            settings.cascade,
            settings.training,
            data,
            device=device,
            workers=options.num_workers,
        )
        for index in settings.stages:
            seed = settings.training.seed
            stage = starting_stage(settings.cascade, index, device, seed, options.init_directory)
            Fit(run, stage, stopper).fit()
    directory.note("the run is complete")
    return directory.path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    return leave_well("train.py", lambda: train(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
