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
    from minimagen.cascade import CascadeConfig
    from minimagen.cli.settings import Settings
    from minimagen.runtime import Processes
    from minimagen.training.config import TrainingConfig
    from minimagen.training.directory import TrainingDirectory


def train(options: argparse.Namespace) -> Path:
    """Fit the stages a command line asks for and return the training directory."""
    from minimagen.runtime import joined

    with joined(options.device) as processes:
        return fit(options, processes)


def fit(options: argparse.Namespace, processes: "Processes") -> Path:
    """Fit the stages as one of some processes; the first one writes and prints."""
    from minimagen.evaluation.on_the_way import evaluator_of
    from minimagen.training.bystander import Bystander
    from minimagen.training.fit import Fit
    from minimagen.training.run import begin, gather, starting_stage
    from minimagen.training.signals import ECHO_S, Stopper
    from minimagen.training.tuning import with_text_for

    device, init = processes.device, options.init_directory
    before, settings = asked(options, processes)
    training = settings.training
    evaluator = evaluator_of(training.evaluation, device)
    materials = processes.first_then_others(lambda: gather(settings.cascade, training, device))
    cascade = materials.cascade
    directory = before or new_directory(options, cascade, training, processes)
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
        evaluator=evaluator,
    )
    stopper = Stopper(ECHO_S if processes.count > 1 else 0.0)
    with stopper, directory.session(device):
        for index in settings.stages:
            stage = starting_stage(cascade, index, device, training.seed, init)
            Fit(with_text_for(run, index, device), stage, stopper).fit()
    everything = len(settings.stages) == len(cascade.imagen.stages)
    directory.note("the run is complete" if everything else "the stages asked for are complete")
    return directory.path


def asked(
    options: argparse.Namespace, processes: "Processes"
) -> tuple["TrainingDirectory | None", "Settings"]:
    """Return the run to go on with, if any, and what is to be fitted; refuse what cannot be."""
    from minimagen.cli.settings import continued_run, new_run
    from minimagen.training.directory import TrainingDirectory
    from minimagen.training.optimizer import require_optimizer
    from minimagen.training.records.opening import require_trackers
    from minimagen.training.run import require_same_steps, require_weights
    from minimagen.training.tuning import require_one_process

    restart = options.restart_directory
    before = None if restart is None else TrainingDirectory.open(restart)
    settings = new_run(options) if before is None else continued_run(options, before.path)
    training = settings.training
    if before is not None:
        processes.from_first(lambda: before.require_free(settings.stages))
        require_same_steps(before, training, settings.stages, processes.count)
    require_weights(options.init_directory, settings.stages)
    require_optimizer(training.optimizer)
    require_trackers(training.trackers)
    require_one_process(training, processes.count)
    return before, settings


def new_directory(
    options: argparse.Namespace,
    cascade: "CascadeConfig",
    training: "TrainingConfig",
    processes: "Processes",
) -> "TrainingDirectory":
    """Let the first process make a training directory."""
    from minimagen.training.directory import TrainingDirectory
    from minimagen.training.tuning import bring_text_weights

    timestamp = options.timestamp or time.strftime("%Y%m%d_%H%M%S")
    output = options.output or Path()
    directory = processes.from_first(
        lambda: TrainingDirectory.create(output, timestamp, cascade, training)
    )
    processes.from_first(lambda: bring_text_weights(options.init_directory, directory.path))
    return directory


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    return leave_well("train.py", lambda: train(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
