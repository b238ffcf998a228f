"""Data workers that die, raise or hang: the run ends with one line, soon, and nothing stays behind.

Real processes and real signals; what a worker itself does is tested beside its module.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minimagen.data.items import Picture
from minimagen.data.stream import batches, consecutive
from minimagen.errors import TrainingError
from tests.conftest import ROOT, cascade_of
from tests.tiny_runs import write_parameters

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def children(pid: int) -> list[int]:
    """List the living descendants of a process, zombies too."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(status.parent.name)] = int(fields[1])
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [further for child in found for further in children(child)]


@dataclass(frozen=True)
class Troubled:
    """Grey pictures; one of them does to its worker what ``trouble`` says."""

    trouble: str

    fingerprint = ""
    notes = ()

    def __len__(self) -> int:
        return 8

    def name(self, index: int) -> str:
        return f"{index}.png"

    def captions(self, index: int) -> tuple[str, ...]:
        return (f"number {index}",)

    def picture(self, index: int, size: int) -> Picture:
        if index == 5:
            self._make_trouble()
        return np.full((size, size, 3), index, np.uint8)

    def _make_trouble(self) -> None:
        if self.trouble == "raise":
            raise ZeroDivisionError("a decoder's own mistake")
        if self.trouble == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.trouble == "hang":
            time.sleep(1000)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("die", r"data worker \d has died \(exit code -9\)"),
        ("raise", r"data worker \d failed with ZeroDivisionError: a decoder's own mistake"),
        pytest.param("hang", r"data worker \d has not answered for 15 s", marks=pytest.mark.slow),
    ],
)
def test_a_worker_in_trouble_ends_the_stream_with_one_line_and_no_process_is_left(
    trouble: str, said: str
) -> None:
    """15 s leave time for two processes to start on a busy machine."""
    stream = batches(
        Troubled(trouble),
        range(8),
        size=8,
        plan=consecutive(2),
        seed=0,
        stage=0,
        workers=2,
        timeout_s=15,
    )
    before = workers_of(os.getpid())
    with pytest.raises(TrainingError, match=said) as caught:
        list(islice(stream, 5))
    assert "\n" not in str(caught.value)
    assert "--NUM_WORKERS 0" in str(caught.value)
    assert workers_of(os.getpid()) == before


def workers_of(pid: int) -> list[int]:
    """List the workers of a process: its fork server's children. The server itself stays on."""
    servers = [child for child in children(pid) if b"forkserver" in command_of(child)]
    return [worker for server in servers for worker in children(server)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a directory of twelve captioned pictures."""
    root = tmp_path / "album"
    root.mkdir()
    for place in range(12):
        Image.new("RGB", (16, 16), (place,) * 3).save(root / f"{place}.png")
        (root / f"{place}.txt").write_text(f"number {place}")
    return root


@pytest.fixture
def training(album: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a run that decodes every picture anew, with two workers."""
    tree = cascade_of(16)
    tree["training"] |= {"images": 10**6, "checkpoint_every": 5}
    tree["training"]["data"] = {"dataset": str(album), "cache_gb": 0}
    parameters = write_parameters(tmp_path / "parameters", tree)
    flags = ["-p", str(parameters), "-o", str(tmp_path), "-ts", "run", "-n", "2"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *flags],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_ends_with_exit_code_1_and_can_go_on(
    training: subprocess.Popen[str], tmp_path: Path
) -> None:
    run = tmp_path / "training_run"
    while not list(run.glob("tmp/unet_0/step_*")):
        assert training.poll() is None
        time.sleep(0.05)
    family = children(training.pid)
    os.kill(workers_of(training.pid)[0], signal.SIGKILL)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == TrainingError.exit_code == 1
    line = errors.splitlines()[-1]
    assert line.startswith("train.py: data worker ")
    assert "has died (exit code -9); continue the run" in line
    assert "Traceback" not in errors
    assert list(run.glob("tmp/unet_0/step_*/MANIFEST.json"))
    deadline = time.monotonic() + 5  # the fork server notices that the run is gone
    while any(Path(f"/proc/{pid}").exists() for pid in family):
        assert time.monotonic() < deadline
        time.sleep(0.05)
