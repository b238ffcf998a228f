"""A run that is killed again and again ends with the bytes of one that was not.

Every attempt is a process of its own, ended by SIGKILL: nothing in it can notice or tidy up.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from minimagen.checkpoint import sha256_of
from tests.conftest import ROOT, Tree, cascade_of, stage_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL"),
]
WRITING = [  # moments inside the writing of a checkpoint
    "after_model",
    "after_ema",
    "after_optimizer",
    "before_manifest",
    "before_rename",
    "after_rename",
    "during_retention",
]
AT_START, IN_TRAINING = 3, 12  # kills besides those of WRITING
STEPS = 6, 8, 80  # of each stage; the last is more than all killed attempts can come to
LONGEST_S = 120  # for an attempt to come to the moment of its end


def three_stages() -> Tree:
    """Return a base and two super-resolution stages on crops, a checkpoint each 2 steps."""
    tree = cascade_of(8, 16, 32)
    tree["imagen"]["stages"][1] = stage_of(16, crop=8)
    tree["imagen"]["stages"][2] = stage_of(32, crop=16)
    images = [2 * steps for steps in STEPS]
    ema = {"kind": "power", "snapshot_every": 3}  # between checkpoints too
    tree["training"] |= {"images": images, "checkpoint_every": 2, "ema": ema}
    return tree


@dataclass
class Attempts:
    """A run that is begun, and continued whenever it was ended.

    Attributes:
        ended: how each attempt ended: where it was killed, or ``done``.
    """

    parameters: Path
    output: Path
    ended: list[str] = field(default_factory=list)

    @property
    def run(self) -> Path:
        return self.output / "training_run"

    def start(self, workers: int, crash_at: str | None = None) -> "subprocess.Popen[bytes]":
        """Start a process that begins the run, or continues it."""
        new = ["-p", str(self.parameters), "-o", str(self.output), "-ts", "run"]
        flags = ["-rd", str(self.run)] if self.run.exists() else new
        command = [sys.executable, str(ROOT / "train.py"), *flags, "-n", str(workers)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        if crash_at is not None:
            environment["MINIMAGEN_CRASH_AT"] = crash_at
        with (self.output / "errors.txt").open("w") as errors:
            return subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=errors
            )

    def killed_while_writing(self, workers: int, moment: str) -> None:
        self._end(self.start(workers, moment).wait(LONGEST_S), moment)

    def killed_after(self, workers: int, seconds: float) -> None:
        process = self.start(workers)
        time.sleep(seconds)
        self._kill(process, f"{seconds:.1f} s after the start")

    def killed_in_training(self, workers: int, steps: int, seconds: float) -> None:
        """Kill some steps after training went on, and a moment later."""
        parts = self._parts_begun()
        process = self.start(workers)
        self._wait_for(process, lambda: self._parts_begun() > parts)
        measured = self._lines_measured()
        self._wait_for(process, lambda: self._lines_measured() >= measured + steps)
        time.sleep(seconds)
        self._kill(process, f"{steps} steps and {1000 * seconds:.0f} ms on")

    def finish(self, workers: int) -> None:
        assert self.start(workers).wait(LONGEST_S) == 0, self._errors()
        self.ended.append("done")

    def kills(self) -> int:
        return len([how for how in self.ended if how != "done"])

    def newest_steps(self) -> str:
        """Say how far each stage's newest checkpoint is."""
        stages = (sorted((self.run / "tmp" / f"unet_{i}").glob("step_????????")) for i in range(3))
        return " ".join(steps[-1].name[-3:].lstrip("0") if steps else "-" for steps in stages)

    def _kill(self, process: "subprocess.Popen[bytes]", where: str) -> None:
        process.kill()
        self._end(process.wait(), where)

    def _end(self, code: int, where: str) -> None:
        assert code == -9, f"{where}: ended with {code}; {self._errors()}"
        self.ended.append(where)
        print(f"kill {len(self.ended):2}: {where:32} checkpoints {self.newest_steps()}")

    def _wait_for(self, process: "subprocess.Popen[bytes]", happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LONGEST_S
        while not happened():
            assert process.poll() is None, self._errors()
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def _parts_begun(self) -> int:
        return self._count(self.run / "training_progress.txt", ", from step ")

    def _lines_measured(self) -> int:
        return self._count(self.run / "metrics.jsonl", '"loss"')

    def _count(self, path: Path, text: str) -> int:
        return path.read_text().count(text) if path.exists() else 0

    def _errors(self) -> str:
        return (self.output / "errors.txt").read_text()[-2000:]


def final_bytes(run: Path) -> dict[str, str]:
    """Return the sha256 of all weights and snapshots, and of the last checkpoints' tensors."""
    files = [
        *run.glob("state_dicts/*"),
        *run.glob("ema/*/*"),
        *(
            f
            for i, n in enumerate(STEPS)
            for f in run.glob(f"tmp/unet_{i}/step_{n:08d}/*.safetensors")
        ),
    ]
    return {str(file.relative_to(run)): sha256_of(file) for file in sorted(files)}


def moments(attempts: Attempts) -> list[Callable[[int], None]]:
    """Return the ends of all attempts but the last, in an order that a seed decides."""
    rng = random.Random(4)
    ends: list[Callable[[int], None]] = [
        *(partial(attempts.killed_while_writing, moment=moment) for moment in WRITING),
        *(partial(attempts.killed_after, seconds=rng.uniform(0, 4)) for _ in range(AT_START)),
        *(
            partial(
                attempts.killed_in_training, steps=rng.randint(3, 7), seconds=rng.uniform(0, 0.03)
            )
            for _ in range(IN_TRAINING)
        ),
    ]
    rng.shuffle(ends)
    return ends


def test_a_run_killed_22_times_ends_with_the_bytes_of_one_that_was_not(
    write_parameters: Callable[..., Path], tmp_path: Path
) -> None:
    """7 kills are inside a checkpoint's writing; workers vary from attempt to attempt."""
    parameters = write_parameters(three_stages())
    outputs = [tmp_path / name for name in ("whole", "killed")]
    for output in outputs:
        output.mkdir()
    whole, killed = (Attempts(parameters, output) for output in outputs)
    whole.finish(workers=0)

    workers = cycle((0, 1, 2))
    for end in moments(killed):
        end(next(workers))
    killed.finish(next(workers))

    print(f"{killed.kills()} kills in {len(killed.ended)} attempts")
    assert killed.kills() >= 20
    assert len(set(killed.ended) & set(WRITING)) >= 5
    snapshots = 2 + 3 + 27  # each 3 steps and at the end, of 2 averages
    assert len(final_bytes(whole.run)) == 3 * 3 + 3 * 4 + 2 * snapshots
    assert final_bytes(killed.run) == final_bytes(whole.run)
    assert not list(killed.run.rglob("*.tmp-*"))
