"""A contender's process does what it is told, and says what that took."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.peers import client
from benchmarks.peers.client import Worker, require_peers
from benchmarks.peers.contender import Task
from benchmarks.peers.presets import NAMES, settings_of
from benchmarks.peers.worker import obey


class Sleeper:
    """Learns nothing in a hundredth of a second of processor time, eight times."""

    steps = 0

    def weights(self) -> int:
        return 0

    def is_done(self) -> bool:
        return self.steps == 8

    def step(self) -> float:
        ends = time.process_time() + 0.01
        while time.process_time() < ends:
            pass
        self.steps += 1
        return float(self.steps)

    def draw(self, count: int) -> Tensor:
        return torch.tensor([-2.0, 0.0, 1.0]).view(1, 3, 1, 1).repeat(count, 1, 2, 2)


def small_task() -> Task:
    """Two grey pictures of 16 px, told four tokens."""
    images = torch.full((2, 3, 16, 16), 128, dtype=torch.uint8)
    tokens, mask = torch.randn(2, 4, 8), torch.ones(2, 4, dtype=torch.bool)
    return Task(images, tokens, mask, tokens, mask)


def test_training_ends_with_its_processor_time_or_with_its_settings() -> None:
    sleeper = Sleeper()
    first = obey(sleeper, {"do": "train", "seconds": 0.025})
    assert (first["steps"], first["loss"], first["done"]) == (3, 2.0, False)
    assert first["processor"] >= 0.03
    assert obey(sleeper, {"do": "train", "seconds": 60})["done"]
    assert obey(sleeper, {"do": "train", "seconds": 60})["loss"] is None


def test_pictures_are_bytes_with_channels_last(tmp_path: Path) -> None:
    obey(Sleeper(), {"do": "draw", "count": 5, "to": str(tmp_path / "drawn.npy")})
    drawn = np.load(tmp_path / "drawn.npy")
    assert drawn.dtype == np.uint8
    assert drawn.shape == (5, 2, 2, 3)
    assert drawn[4, 1, 1].tolist() == [0, 128, 255]


def test_a_task_is_read_as_it_was_written(tmp_path: Path) -> None:
    task = small_task()
    task.write(tmp_path)
    again = vars(Task.read(tmp_path))
    assert all(torch.equal(tensor, again[name]) for name, tensor in vars(task).items())


def test_peers_that_are_not_there_are_told_how_to_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FOLDER", tmp_path / "nowhere")
    with pytest.raises(SystemExit, match=r"nowhere: no peers here.* python -m benchmarks.peers"):
        require_peers()


def test_a_process_that_ends_says_why(tmp_path: Path) -> None:
    small_task().write(tmp_path)
    with pytest.raises(RuntimeError, match="unexpected keyword argument 'colour'"):
        Worker("ours", tmp_path, {"colour": "red"})


@pytest.mark.slow
@pytest.mark.skipif(not client.FOLDER.is_dir(), reason="python -m benchmarks.peers was not run")
@pytest.mark.parametrize("name", NAMES)
def test_a_peer_learns_and_draws_in_its_own_process(tmp_path: Path, name: str) -> None:
    small_task().write(tmp_path)
    settings = json.loads(json.dumps(settings_of(name, width=8, batch=2)))
    with Worker("peer", tmp_path, settings) as worker:
        assert worker.weights > 0
        assert worker.ask("step", times=2)["losses"][0] > 0
        assert worker.ask("loss", count=2)["loss"] == worker.ask("loss", count=2)["loss"]
        worker.ask("draw", count=2, to=str(tmp_path / "drawn.npy"))
    assert np.load(tmp_path / "drawn.npy").shape == (2, 16, 16, 3)
