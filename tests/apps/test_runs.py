"""Training directories on offer: what is told of each, while it goes on and when it is bare."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from minimagen.apps.runs import Runs, UnknownRunError
from minimagen.cascade import CascadeConfig
from minimagen.errors import CheckpointError
from tests.tiny_runs import tiny_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of two stages; only read it."""
    return tiny_run(tmp_path_factory.mktemp("trained"), 16, 32)


def test_a_trained_run_shows_what_was_measured(trained: Path) -> None:
    run = Runs([trained]).first
    assert run.name == "training_run"
    assert run.sizes == [16, 32]
    base, upper = run.stages()
    assert (base.size, base.step, upper.size, upper.step) == (16, 4, 32, 4)
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if line["stage"] == 0 and "loss" in line]
    assert base.loss == losses[-1]
    assert run.about() == {"text encoder": "t5-tiny", "data": "shapes", "aspect ratios": "1"}
    plot = run.plot()
    assert plot is not None
    assert Image.open(io.BytesIO(plot)).width > 800
    assert run.plot() is plot  # nothing new was measured
    assert [(grid.stage, grid.step) for grid in run.grids()] == [(0, 4), (0, 2), (1, 4), (1, 2)]
    assert all(grid.path.is_file() for grid in run.grids())
    assert set(run.configuration()) == {"imagen", "unet_0", "unet_1", "training"}
    assert json.dumps(run.configuration())


def test_a_saved_cascade_alone_says_what_it_knows(run: Path) -> None:
    alone = Runs([run]).first
    assert [stage.step for stage in alone.stages()] == [None, None]
    assert alone.about() == {"text encoder": "t5-tiny"}
    assert alone.plot() is None
    assert alone.grids() == []
    assert set(alone.configuration()) == {"imagen", "unet_0", "unet_1"}
    assert alone.cascade == CascadeConfig.read(run / "parameters")


def test_only_consecutive_fitted_stages_are_on_offer(run: Path, tmp_path: Path) -> None:
    (tmp_path / "parameters").symlink_to(run / "parameters")
    (tmp_path / "state_dicts").mkdir()
    weights = "unet_0_state.safetensors"
    (tmp_path / "state_dicts" / weights).symlink_to(run / "state_dicts" / weights)
    assert Runs([tmp_path]).first.sizes == [16]


def test_runs_are_found_by_name_and_equal_names_are_told_apart(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / run.name
    copy.symlink_to(run)
    (tmp_path / "other").mkdir()
    again = tmp_path / "other" / run.name
    again.mkdir()
    for name in ("parameters", "state_dicts"):
        (again / name).symlink_to(run / name)
    runs = Runs([run, again])
    assert [one.name for one in runs] == ["training_tiny", "training_tiny_2"]
    assert runs.run("") is runs.first is runs.run("training_tiny")
    assert runs.run("training_tiny_2").path == again
    with pytest.raises(UnknownRunError, match="choose one of training_tiny, training_tiny_2"):
        runs.run("../training_tiny")


def test_what_cannot_be_drawn_with_is_told(run: Path, tmp_path: Path) -> None:
    (tmp_path / "parameters").mkdir()
    for paths, message in (
        ([], "no training_\\* directory here"),
        ([tmp_path / "nowhere"], "no training directory, it has no parameters/"),
        ([tmp_path], "imagen_params.json: no such file"),
    ):
        with pytest.raises(CheckpointError, match=message):
            Runs(paths)
