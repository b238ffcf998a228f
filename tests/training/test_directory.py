import json
from collections.abc import Callable
from pathlib import Path

import pytest

from minimagen.cascade import CascadeConfig
from minimagen.errors import CheckpointError, UsageError
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from tests.conftest import cascade_of


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


def test_another_directory_is_no_training_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no training directory"):
        TrainingDirectory.open(tmp_path)


def test_resuming_forgets_measurements_of_steps_to_be_taken_again(
    parameters: Parameters, tmp_path: Path
) -> None:
    directory = TrainingDirectory.create(tmp_path, "now", *parameters)
    for stage, step in ((0, 1), (0, 2), (1, 9), (0, 3)):
        directory.measure(stage=stage, step=step)
    with (directory.path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": 0, "st')  # a kill cut this line short
    directory.forget_after(stage=0, step=2)
    lines = (directory.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 9]
