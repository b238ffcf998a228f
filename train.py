"""Fit a cascade stage by stage:  python train.py -p parameters -b 8 -e 50."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.cli.leaving import leave_well
from minimagen.cli.train import parse

if TYPE_CHECKING:
    from minimagen.runtime import Processes


def train(options: argparse.Namespace) -> Path:
    """Fit the stages a command line asks for and return the training directory."""
    from minimagen.runtime import joined, keep_freed_memory

    keep_freed_memory()
    with joined(options.device) as processes:
        return fit(options, processes)


def fit(options: argparse.Namespace, processes: "Processes") -> Path:
    """Fit the stages as one of some processes; the first one writes and prints."""
    from minimagen.cli.settings import continued_run, new_run
    from minimagen.training.bystander import Bystander
    from minimagen.training.directory import TrainingDirectory
    from minimagen.training.fit import Fit
    from minimagen.training.optimizer import require_optimizer
    from minimagen.training.records.opening import require_trackers
    from minimagen.training.run import (
        begin,
        gather,
        require_same_steps,
        require_weights,
        starting_stage,
    )
    from minimagen.training.signals import ECHO_S, Stopper
    from minimagen.training.tuning import (
        bring_text_weights,
        require_one_process,
        with_text_for,
    )

    restart, init = options.restart_directory, options.init_directory
    before = None if restart is None else TrainingDirectory.open(restart)
    settings = new_run(options) if before is None else continued_run(options, before.path)
    cascade, training = settings.cascade, settings.training
    if before is not None:
        processes.from_first(lambda: before.require_free(settings.stages))
        require_same_steps(before, training, settings.stages, processes.count)
    require_weights(init, settings.stages)
    require_optimizer(training.optimizer)
    require_trackers(training.trackers)
    require_one_process(training, processes.count)
    device = processes.device
    materials = processes.first_then_others(lambda: gather(cascade, training, device))
    cascade = materials.cascade

    if before is None:
        timestamp = options.timestamp or time.strftime("%Y%m%d_%H%M%S")
        output = options.output or Path()
        directory = processes.from_first(
            lambda: TrainingDirectory.create(output, timestamp, cascade, training)
        )
        processes.from_first(lambda: bring_text_weights(init, directory.path))
    else:
        directory = before
    if not processes.is_first:
        directory = Bystander(directory.path)
    print(f"training directory: {directory.path}")

    run = begin(
        directory,
        cascade,
        training,
        materials,
        device=device,
        workers=options.num_workers,
        processes=processes,
    )
    stopper = Stopper(ECHO_S if processes.count > 1 else 0.0)
    with stopper, directory.session(device):
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
