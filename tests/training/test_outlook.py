"""How long there is to go, reckoned from how long it took so far."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from minimagen.cascade import CascadeConfig
from minimagen.models.cost import flops_about
from minimagen.runtime import Processes
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.outlook import Outlook
from minimagen.training.run import Run
from tests.conftest import cascade_of


@pytest.fixture
def run(write_parameters: Callable[..., Path], tmp_path: Path) -> Run:
    """Return a run of two stages of 4 steps of 2 images, of which nothing is opened."""
    parameters = write_parameters(cascade_of(16, 32))
    cascade, config = CascadeConfig.read(parameters), TrainingConfig.read(parameters)
    directory = TrainingDirectory.create(tmp_path, "run", cascade, config)
    processes = Processes(torch.device("cpu"))
    return Run(directory, config, None, [0] * 11, [], None, "no", None, 0, processes)  # type: ignore[arg-type]


def test_a_stage_goes_on_at_the_pace_it_went(run: Run) -> None:
    """Half of its 4 steps took what the other half will: 20 s; 0.2 s is the call itself."""
    outlook = Outlook(run, 1, step=0, steps=4)
    outlook.began = time.monotonic() - 20
    assert outlook.seconds_left(2)["stage_left_s"] == pytest.approx(20, abs=0.2)


def test_steps_of_an_earlier_session_took_no_time_of_this_one(run: Run) -> None:
    outlook = Outlook(run, 1, step=2, steps=4)
    outlook.began = time.monotonic() - 20
    assert outlook.seconds_left(3)["stage_left_s"] == pytest.approx(20, abs=0.2)


def test_the_other_stage_is_reckoned_by_what_its_network_computes(run: Run) -> None:
    cascade, _ = run.directory.configuration()
    base, larger = flops_about(cascade.unets[0], 16), flops_about(cascade.unets[1], 32)
    assert Outlook(run, 0, 0, 4).steps_elsewhere == pytest.approx(4 * larger / base)


def test_steps_that_are_saved_already_are_not_taken_again(run: Run) -> None:
    before = Outlook(run, 0, 0, 4).steps_elsewhere
    (run.directory.checkpoints(1) / "step_00000003").mkdir(parents=True)
    assert Outlook(run, 0, 0, 4).steps_elsewhere == pytest.approx(before / 4)


def test_a_run_whose_other_stages_are_done_has_this_one_to_go(run: Run) -> None:
    (run.directory.checkpoints(1) / "step_00000004").mkdir(parents=True)
    outlook = Outlook(run, 0, step=0, steps=4)
    outlook.began = time.monotonic() - 20
    left = outlook.seconds_left(2)
    assert left["run_left_s"] == left["stage_left_s"]
