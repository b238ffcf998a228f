"""A disk that fills up under a run: one line, nothing lost, and the same bytes once there is room.

What each single write does is tested with the checkpoints.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import train
from minimagen.errors import TrainingError
from tests.conftest import cascade_of
from tests.tiny_runs import files_of, tiny_run, write_parameters


def mount(*arguments: object) -> bool:
    """Mount something, where that is allowed."""
    if shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", *map(str, arguments)]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk with room for one checkpoint of the tiny run and its weights, not for two."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mount("-o", "size=1000k", "none", disk):
        pytest.skip("cannot mount a small disk here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_run_on_a_full_disk_ends_with_one_line_and_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tiny_run(tmp_path / "whole", 16)
    parameters = write_parameters(tmp_path / "parameters", cascade_of(16))
    flags = ["-p", str(parameters), "-o", str(small_disk), "-ts", "run"]
    capsys.readouterr()
    assert train.main(flags) == TrainingError.exit_code
    lines = [line for line in capsys.readouterr().err.splitlines() if "train.py:" in line]
    assert len(lines) == 1
    assert "disk full" in lines[0]
    run = small_disk / "training_run"
    assert [path.name for path in (run / "tmp/unet_0").glob("step_*")] == ["step_00000002"]

    assert mount("-o", "remount,size=8m", "none", small_disk)
    assert train.main(["-rd", str(run)]) == 0
    assert files_of(run) == files_of(whole)


def test_without_room_for_the_first_line_nothing_is_begun(
    small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    parameters = write_parameters(tmp_path / "parameters", cascade_of(16))
    code = train.main(["-p", str(parameters), "-o", str(small_disk), "-ts", "run"])
    lines = [line for line in capsys.readouterr().err.splitlines() if "train.py:" in line]
    assert code == TrainingError.exit_code
    assert len(lines) == 1
    assert "disk full" in lines[0]
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
