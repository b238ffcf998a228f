"""Several processes started by torch's own launcher, as a user would."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

SPEAKER = "train.py: "
LONGEST_S = 240  # for anything to happen on a busy machine
LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


@dataclass(frozen=True)
class Launched:
    """Two processes of one command, and their launcher.

    Args:
        launcher: the process that started them.
        output: directory of what they print.
    """

    launcher: "subprocess.Popen[bytes]"
    output: Path

    def ended(self) -> int:
        """Wait, and return the launcher's exit code."""
        return self.launcher.wait(LONGEST_S)

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something to happen while they run."""
        deadline = time.monotonic() + LONGEST_S
        while not happened():
            assert self.launcher.poll() is None, self.errors
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def processes(self) -> list[int]:
        """Return the numbers of the two processes, by rank."""
        return [pid for _, pid in sorted(self._children())]

    @property
    def printed(self) -> str:
        return (self.output / "printed.txt").read_text()

    @property
    def errors(self) -> str:
        return (self.output / "errors.txt").read_text()

    def lines(self) -> list[str]:
        """Return what they said of their end, without the launcher's own report."""
        told = (line.partition(SPEAKER) for line in self.errors.splitlines())
        return [speaker + rest for _, speaker, rest in told if speaker]  # a bar may be in front

    def _children(self) -> list[tuple[int, int]]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:  # it has ended
                continue
            ranks = [int(v[5:]) for v in variables if v.startswith(b"RANK=")]
            if parent == self.launcher.pid and ranks:
                found.append((ranks[0], int(entry.name)))
        return found


def launch(output: Path, *command: str) -> Launched:
    """Start two processes of a script and its flags; what they print goes below a directory."""
    output.mkdir(parents=True, exist_ok=True)
    with (output / "printed.txt").open("w") as out, (output / "errors.txt").open("w") as errors:
        started = subprocess.Popen(
            [*LAUNCHER, *command], cwd=ROOT, stdout=out, stderr=errors, env=os.environ
        )
    return Launched(started, output)


def fitted(parameters: Path) -> Launched:
    """Run two processes of ``train.py`` to their end; the run lies beside its parameters."""
    output = parameters.parent
    flags = ["-p", str(parameters), "-o", str(output), "-ts", "run", "-dv", "cpu"]
    launched = launch(output, "train.py", *flags)
    assert launched.ended() == 0, launched.errors
    return launched
