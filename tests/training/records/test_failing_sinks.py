"""A sink that breaks is said once, and the run ends as one without it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import train
from minimagen.cascade import CascadeConfig
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.records.opening import sinks_of
from tests.conftest import cascade_of
from tests.tiny_runs import files_of, tiny_run, write_parameters

TRACKED = {"trackers": ["tensorboard"], "images": 64}


def said(run: Path) -> list[str]:
    lines = (run / "training_progress.txt").read_text().splitlines()
    return [line for line in lines if "the run goes on without it" in line]


@pytest.fixture
def directory(tmp_path: Path) -> TrainingDirectory:
    """Return a training directory that wants TensorBoard."""
    tree = cascade_of(16)
    tree["training"] |= TRACKED
    parameters = write_parameters(tmp_path / "parameters", tree)
    cascade, training = CascadeConfig.read(parameters), TrainingConfig.read(parameters)
    return TrainingDirectory.create(tmp_path, "run", cascade, training)


@pytest.fixture
def full_disk(directory: TrainingDirectory) -> Iterator[Path]:
    """Mount a disk of 8 kB where events go: they fit for some steps."""
    events = directory.path / "tensorboard"
    events.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(events)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a small disk here")
    yield events
    subprocess.run(["umount", str(events)], check=True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_below_a_tracker_changes_no_weight(
    directory: TrainingDirectory,
    full_disk: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The warning is that of TensorBoard's own thread, which dies of it."""
    assert train.main(["-rd", str(directory.path)]) == 0
    assert len(said(directory.path)) == 1
    assert "tensorboard fails" in said(directory.path)[0]
    assert capsys.readouterr().err.count("the run goes on without it") == 1
    assert files_of(directory.path) == files_of(tiny_run(tmp_path / "without", 16, images=64))


def test_a_tracker_that_cannot_be_opened_is_said_once(directory: TrainingDirectory) -> None:
    (directory.path / "tensorboard").touch()
    assert train.main(["-rd", str(directory.path)]) == 0
    assert len(said(directory.path)) == 1


def test_lines_for_programs_that_cannot_be_written_do_not_end_a_run(
    directory: TrainingDirectory,
) -> None:
    (directory.path / "metrics.jsonl").mkdir()
    assert train.main(["-rd", str(directory.path)]) == 0
    assert len(said(directory.path)) == 1
    assert "metrics.jsonl fails" in said(directory.path)[0]


def test_a_line_after_one_that_was_cut_short_is_whole(directory: TrainingDirectory) -> None:
    metrics = directory.path / "metrics.jsonl"
    metrics.write_text('{"stage": 0, "st')
    _, training = directory.configuration()
    sinks_of(directory, training, 0)[0].measure(3, {"loss": 0.5})
    assert metrics.read_text().splitlines()[1:] == ['{"stage": 0, "step": 3, "loss": 0.5}']
