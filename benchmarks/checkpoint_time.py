"""What saving costs:  python -m benchmarks.checkpoint_time [--device cuda].

For each stage of the default and of the tiny parameters: the time of a training step, of a
checkpoint with its weights files, and of validation with the sample grid; then both as shares of
the time of training between two checkpoints. Everything is what ``train.py`` does, in one process.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.record import print_table, save
from minimagen.cascade import CascadeConfig
from minimagen.runtime import pick_device
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.fit import Fit
from minimagen.training.run import Run, begin, gather, starting_stage
from minimagen.training.signals import Stopper

PARAMETERS = "parameters", "parameters/tiny"
WARMUP, STEPS, SAVES = 2, 8, 3
COLUMNS = "parameters", "stage", "MB", "step, s", "save, s", "save, %", "check, s", "check, %"


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that some work takes, on the device too."""
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def measure(name: str, output: Path, device: torch.device) -> list[dict[str, Any]]:
    """Measure all stages of a directory of parameters."""
    cascade, training = CascadeConfig.read(Path(name)), TrainingConfig.read(Path(name))
    directory = TrainingDirectory.create(output, "run", cascade, training)
    materials = gather(cascade, training, device)
    run = begin(directory, cascade, training, materials, device=device, workers=0)
    found = []
    for index in range(len(cascade.imagen.stages)):
        stage = starting_stage(cascade, index, device, training.seed, None)
        found.append({"parameters": name, **measure_stage(run, Fit(run, stage, Stopper()))})
    return found


def measure_stage(run: Run, fit: Fit) -> dict[str, Any]:
    """Measure one stage; each save is of a step of its own, and drops an older one."""
    device, stream = fit.stage.device, fit.stream()

    def step() -> None:
        fit.step(islice(stream, run.config.accumulate))

    for _ in range(WARMUP):
        step()
    step_s = median(timed(step, device) for _ in range(STEPS))
    save_s = []
    for _ in range(SAVES):
        step()
        save_s.append(timed(fit.save, device))
    check_s = timed(fit.check, device)
    between = fit.checkpoint_steps * step_s
    return {
        "stage": fit.stage.index,
        "checkpoint_mb": round(checkpoint_bytes(fit) / 1e6, 1),
        "step_s": round(step_s, 4),
        "save_s": round(median(save_s), 3),
        "save_percent": round(100 * median(save_s) / between, 2),
        "check_s": round(check_s, 2),
        "check_percent": round(100 * check_s / between, 2),
    }


def checkpoint_bytes(fit: Fit) -> int:
    """Return the size of a checkpoint's tensors."""
    groups = fit.learner.tensors().values()
    return sum(tensor.nbytes for group in groups for tensor in group.values())


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", help="cpu or cuda; default: the best there is")
    device = pick_device(parser.parse_args().device)
    found = []
    for name in PARAMETERS:
        with tempfile.TemporaryDirectory() as output:
            found += measure(name, Path(output), device)
    print_table(COLUMNS, [list(row.values()) for row in found])
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    command = "python -m benchmarks.checkpoint_time"
    save(f"checkpoint_time_{device.type}", command, {"device": where, "stages": found})


if __name__ == "__main__":
    main()
