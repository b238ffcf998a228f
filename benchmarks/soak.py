"""Does a long run stay as small as it began?  python -m benchmarks.soak [--steps 2000].

Trains the base of ``parameters/tiny`` in batches of two, with a checkpoint, a validation and a
sample grid each 100 steps, and looks at the process from outside: its memory and its open files.
Linux only: both are read from /proc.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import print_table, save

ROOT = Path(__file__).parents[1]
EVERY_S = 0.25
SETTLED = 0.3  # of the steps: by then every picture is in memory, and every kernel was chosen


@dataclass(frozen=True)
class Look:
    """A process at one moment.

    Args:
        step: optimizer steps behind it.
        rss_mb: resident memory, in MB.
        files: open file descriptors.
    """

    step: int
    rss_mb: float
    files: int


def soak(steps: int, output: Path) -> list[Look]:
    """Train and look; the looks after the first step, in order."""
    command = [sys.executable, str(ROOT / "train.py"), *flags(steps, output)]
    looks: list[Look] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            look = look_at(process.pid, output / "training_run" / "metrics.jsonl")
            if look is not None:
                looks.append(look)
            time.sleep(EVERY_S)
    if process.returncode:
        raise SystemExit(f"train.py ended with {process.returncode}")
    return looks


def flags(steps: int, output: Path) -> list[str]:
    """Return the command line of a run of so many steps."""
    settings = {
        "training.images": 2 * steps,
        "training.log_every": 10,
        "training.checkpoint_every": 100,
        "training.validation_images": 8,
        "data.shapes.size": 128,
        "imagen.stages.0.sampling.steps": 2,
        "training.plot": "false",  # matplotlib comes with its first drawing: a step, not a slope
    }
    sets = [word for name, value in settings.items() for word in ("--SET", f"{name}={value}")]
    parameters = ["-p", str(ROOT / "parameters" / "tiny"), "-s", "64", "-b", "2", "-dv", "cpu"]
    return [*parameters, "-o", str(output), "-ts", "run", *sets]


def look_at(pid: int, metrics: Path) -> Look | None:
    """Look at a process; None when it has not taken a step, or has just ended."""
    step = last_step(metrics)
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
    resident = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    return Look(step, int(resident[0]) / 1e3, files) if step and resident else None


def last_step(metrics: Path) -> int:
    """Return the last step that a run has logged; 0 before the first."""
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    try:
        return int(json.loads(lines[-1])["step"]) if lines else 0
    except json.JSONDecodeError:  # being written
        return 0


def summary(looks: Sequence[Look], steps: int) -> dict[str, Any]:
    """Return slopes and ranges over the steps after the run has settled."""
    settled = [look for look in looks if look.step >= SETTLED * steps]
    at = np.array([look.step for look in settled], dtype=float)
    rss = np.array([look.rss_mb for look in settled])
    files = np.array([look.files for look in settled], dtype=float)
    return {
        "steps": steps,
        "looks": len(settled),
        "rss_mb_first": round(float(rss[: len(rss) // 4].mean()), 1),
        "rss_mb_last": round(float(rss[-len(rss) // 4 :].mean()), 1),
        "rss_kb_per_step": round(1e3 * float(np.polyfit(at, rss, 1)[0]), 3),
        "files_median": int(np.median(files)),
        "files_max": int(files.max()),
        "files_per_1000_steps": round(1e3 * float(np.polyfit(at, files, 1)[0]), 3),
    }


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as output:
        looks = soak(steps, Path(output))
    shown = looks[:: max(1, len(looks) // 20)]
    rows = [(look.step, round(look.rss_mb, 1), look.files) for look in shown]
    print_table(("step", "resident memory, MB", "open files"), rows)
    found = summary(looks, steps)
    print_table(list(found), [list(found.values())])
    save("soak", f"python -m benchmarks.soak --steps {steps}", {"summary": found, "looks": rows})


if __name__ == "__main__":
    main()
