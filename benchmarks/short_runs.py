"""Short trainings of the base of ``parameters/tiny``, as ``train.py`` makes them, on one thread."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import train
from minimagen.cli.settings import new_run
from minimagen.training.directory import TrainingDirectory
from minimagen.training.fit import Fit
from minimagen.training.run import begin, gather, starting_stage
from minimagen.training.signals import Stopper

TINY = Path(__file__).parents[1] / "parameters" / "tiny"
BATCH = 32


def flags_of(
    settings: Mapping[str, Any], *, seed: int = 0, parameters: Path = TINY, side: int = 64
) -> list[str]:
    """Return the command line of a run of the base with other settings than the files'.

    Args:
        settings: what differs, as ``--SET`` names it.
        seed: of the run.
        parameters: whose first stage is trained.
        side: of its pictures, in pixels.
    """
    sets = [word for name, value in settings.items() for word in ("--SET", f"{name}={value}")]
    plain = ["-p", str(parameters), "-s", str(side), "-b", str(BATCH), "-dv", "cpu"]
    return [*plain, "-sd", str(seed), "--SET", "imagen.stages.0.sampling.steps=1", *sets]


def trained(flags: list[str], output: Path) -> tuple[Path, float]:
    """Train, and return the training directory and the seconds of processor time it took.

    Processor time of this process is counted, so that other work on the machine counts less.
    """
    torch.set_num_threads(1)
    began = time.process_time()
    run = train.train(train.parse([*flags, "-o", str(output), "-ts", "run"]))
    return run, time.process_time() - began


def opened(flags: list[str], output: Path, stage: int = 0) -> Fit:
    """Return a fresh run of one stage that has taken no step yet, for those who step themselves.

    Args:
        flags: of its command line.
        output: where its directory is made.
        stage: which is fitted.
    """
    torch.set_num_threads(1)
    settings = new_run(train.parse(flags))
    cascade, training, cpu = settings.cascade, settings.training, torch.device("cpu")
    materials = gather(cascade, training, cpu)
    output.mkdir(parents=True, exist_ok=True)
    directory = TrainingDirectory.create(output, "run", cascade, training)
    run = begin(directory, cascade, training, materials, device=cpu, workers=0)
    return Fit(run, starting_stage(cascade, stage, cpu, training.seed, None), Stopper())


def validations(run: Path) -> list[dict[str, Any]]:
    """Return the lines of ``metrics.jsonl`` that hold a validation loss, in their order."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if "validation_loss" in line]
