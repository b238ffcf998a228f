"""Output that nobody reads any more never ends a run: the script in a process of its own."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, cascade_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell and terminals"),
]
LONGEST_S = 120


@pytest.fixture
def command(write_parameters: Callable[..., Path], tmp_path: Path) -> list[str]:
    """Return the command of a short run into ``tmp_path/training_run``."""
    flags = ["-p", str(write_parameters(cascade_of(16))), "-o", str(tmp_path), "-ts", "run"]
    return [sys.executable, str(ROOT / "train.py"), *flags]


def progress(tmp_path: Path) -> str:
    return (tmp_path / "training_run" / "training_progress.txt").read_text()


@pytest.mark.parametrize(
    "ending",
    [
        "| head -1",
        "2>&1 | head -c 1",
        "| true",
        "2>&1 | true",
        ">&-",
        ">&- 2>&- <&-",
        "2>/dev/full",
    ],
)
def test_a_run_is_complete_wherever_its_output_goes(
    command: list[str], tmp_path: Path, ending: str
) -> None:
    """The reader has gone, the stream is closed, or its disk is full."""
    line = " ".join(f"'{word}'" for word in command)
    shell = ["bash", "-c", f"set -o pipefail; {line} {ending}"]
    assert subprocess.run(shell, timeout=LONGEST_S, capture_output=True).returncode == 0
    assert "the run is complete" in progress(tmp_path)


def test_no_home_and_an_output_that_knows_ascii_only(command: list[str], tmp_path: Path) -> None:
    """Paths that are not ASCII are spelt out."""
    unset = {"HOME", "XDG_CACHE_HOME", "MINIMAGEN_CACHE", "LC_ALL", "LANG"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    output = tmp_path / "zwölf"
    ended = subprocess.run(
        [*command, "-o", str(output)],
        env=environment | {"PYTHONIOENCODING": "ascii", "XDG_CACHE_HOME": str(tmp_path / "c")},
        capture_output=True,
        timeout=LONGEST_S,
    )
    assert ended.returncode == 0, ended.stderr
    assert b"zw\\xf6lf/training_run" in ended.stdout
    assert "the run is complete" in progress(output)


def test_a_terminal_that_goes_away_costs_nothing(command: list[str], tmp_path: Path) -> None:
    """The system sends SIGHUP and refuses all further output; the run saves, and notes why."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], [*command, "--SET", "training.images=100000", "-cn", "100000"])
    _wait_until((tmp_path / "training_run" / "metrics.jsonl").exists)
    os.close(terminal)
    code = _exit_code(child)
    assert code == 129
    assert "stopped by SIGHUP" in progress(tmp_path)
    assert list(tmp_path.glob("training_run/tmp/unet_0/step_*/MANIFEST.json"))


def test_a_second_signal_leaves_at_once(command: list[str], tmp_path: Path) -> None:
    """Both come while one step of seconds is taken: only the first could wait for its end."""
    long_step = ["-b", "64", "-ai", "400", "--SET", "training.images=100000"]
    process = subprocess.Popen([*command, *long_step], stderr=subprocess.DEVNULL)
    started = tmp_path / "training_run" / "training_progress.txt"
    _wait_until(lambda: started.exists() and ", from step 0" in started.read_text())
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 143
    assert not list(tmp_path.glob("training_run/tmp/unet_0/step_*"))


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _exit_code(child: int) -> int:
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -9
