import json
import multiprocessing
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import train
from minimagen.cascade import CascadeConfig
from minimagen.errors import CheckpointError, UsageError
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from tests.conftest import cascade_of
from tests.disks import mounted


@pytest.fixture
def parameters(write_parameters: Callable[..., Path]) -> tuple[CascadeConfig, TrainingConfig]:
    directory = write_parameters(cascade_of(16))
    return CascadeConfig.read(directory), TrainingConfig.read(directory)


Parameters = tuple[CascadeConfig, TrainingConfig]


def test_a_second_run_of_the_same_second_gets_its_own_name(
    parameters: Parameters, tmp_path: Path
) -> None:
    names = [TrainingDirectory.create(tmp_path, "now", *parameters).path.name for _ in range(3)]
    assert names == ["training_now", "training_now_2", "training_now_3"]
    assert not list(tmp_path.glob(".training_*"))


def test_its_parameters_are_complete_and_read_back(parameters: Parameters, tmp_path: Path) -> None:
    directory = TrainingDirectory.create(tmp_path, "now", *parameters)
    assert TrainingDirectory.open(directory.path).configuration() == parameters


def test_a_directory_below_a_file_is_refused_in_one_line(
    parameters: Parameters, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"--OUTPUT .*file/below: no directory can be made there"):
        TrainingDirectory.create(tmp_path / "file" / "below", "now", *parameters)


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk that cannot be written, where that is allowed; modes do not stop root."""
    with mounted(tmp_path, "ro") as disk:
        yield disk


def test_a_read_only_place_is_refused_in_one_line(
    parameters: Parameters, read_only_disk: Path
) -> None:
    with pytest.raises(UsageError, match=r"--OUTPUT .*disk: no directory can be made there \(Read"):
        TrainingDirectory.create(read_only_disk, "now", *parameters)


def test_continuing_where_nothing_can_be_written_ends_before_it_starts(
    write_parameters: Callable[..., Path],
    tmp_path: Path,
    read_only_disk: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["-p", str(write_parameters(cascade_of(8))), "-ts", "run"]
    run = train.train(train.parse([*flags, "-o", str(tmp_path)]))
    subprocess.run(["mount", "-o", "remount,rw", str(read_only_disk)], check=True)
    there = shutil.copytree(run, read_only_disk / "training_run")
    subprocess.run(["mount", "-o", "remount,ro", str(read_only_disk)], check=True)
    capsys.readouterr()
    assert train.main(["-rd", str(there)]) == 1
    assert "cannot be written (" in capsys.readouterr().err


def test_another_directory_is_no_training_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no training directory"):
        TrainingDirectory.open(tmp_path)


def test_resuming_forgets_measurements_of_steps_to_be_taken_again(
    parameters: Parameters, tmp_path: Path
) -> None:
    directory = TrainingDirectory.create(tmp_path, "now", *parameters)
    for stage, step in ((0, 1), (0, 2), (1, 9), (0, 3)):
        directory.measure(stage=stage, step=step)
    with (directory.path / "metrics.jsonl").open("ab") as file:
        file.write(b'3\nnull\n{"stage": 0}\n\xff\x00\n')
        file.write(b'{"stage": 0, "st')  # a kill cut this line short
    directory.forget_after(stage=0, step=2)
    lines = (directory.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 9]


def test_resuming_one_stage_loses_no_line_that_another_process_measures(
    parameters: Parameters, tmp_path: Path
) -> None:
    """One process measures stage 1, line by line, while this one rewrites the file for stage 0."""
    directory = TrainingDirectory.create(tmp_path, "now", *parameters)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        measuring = other.submit(_measure_300_steps_of_stage_1, directory)
        while not measuring.done():
            directory.measure(stage=0, step=2)
            directory.forget_after(stage=0, step=1)
        measuring.result()
    lines = (directory.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(300))


def _measure_300_steps_of_stage_1(directory: TrainingDirectory) -> None:
    for step in range(300):
        directory.measure(stage=1, step=step)
