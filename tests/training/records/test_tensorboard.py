"""What TensorBoard's own reader finds in the event files of runs, also of one that was killed."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import train
from minimagen.training.records.curves import read_curves
from tests.conftest import ROOT, cascade_of
from tests.tiny_runs import tiny_run, write_parameters

EVERYTHING = {"scalars": 0, "images": 0, "tensors": 0}
TRACKED = {"trackers": ["tensorboard"], "images": 6}


def events(run: Path, stage: int) -> EventAccumulator:
    """Read the events of a stage."""
    return EventAccumulator(str(run / f"tensorboard/stage_{stage}"), EVERYTHING).Reload()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of two stages of 3 steps; only read it."""
    return tiny_run(tmp_path_factory.mktemp("whole"), 16, 32, **TRACKED)


@pytest.mark.parametrize("name", ["loss", "lr", "grad_norm", "validation_loss", "waiting"])
def test_its_scalars_are_those_of_the_lines_for_programs(run: Path, name: str) -> None:
    """1e-6: events hold float32."""
    for stage, curves in read_curves(run / "metrics.jsonl").items():
        steps, values = curves.line(name)
        told = events(run, stage).Scalars(f"measured/{name}")
        assert [event.step for event in told] == steps.tolist()
        assert [event.value for event in told] == pytest.approx(values.tolist(), rel=1e-6)


def test_parts_by_noise_level_have_a_curve_each(run: Path) -> None:
    names = {name for name in events(run, 0).Tags()["scalars"] if name.startswith("loss_bins/")}
    assert names == {"loss_bins/0", "loss_bins/1"}  # of two images a step


def test_sample_grids_are_the_pictures_of_the_directory(run: Path) -> None:
    told = events(run, 1).Images("samples")
    assert [event.step for event in told] == [2, 3]
    for event in told:
        kept = Image.open(run / f"samples/stage_1_step_{event.step}.png")
        shown = Image.open(io.BytesIO(event.encoded_image_string))
        assert shown.tobytes() == kept.tobytes()


def test_the_configuration_is_a_table(run: Path) -> None:
    (told,) = events(run, 0).Tensors("configuration/text_summary")
    text = told.tensor_proto.string_val[0].decode()
    assert '| training.optimizer.kind | "muon" |' in text
    assert "| imagen.stages.1.size | 32 |" in text


def test_a_run_that_was_killed_and_continued_shows_every_step_once(
    tmp_path: Path, run: Path
) -> None:
    """It dies inside its first checkpoint: steps 1 and 2 are measured, and taken again."""
    tree = cascade_of(16)
    tree["training"] |= TRACKED
    flags = ["-p", str(write_parameters(tmp_path / "parameters", tree))]
    killed = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *flags, "-o", str(tmp_path), "-ts", "run"],
        env=os.environ | {"MINIMAGEN_CRASH_AT": "before_manifest"},
        capture_output=True,
    )
    assert killed.returncode == -9, killed.stderr
    again = tmp_path / "training_run"
    assert [event.step for event in events(again, 0).Scalars("measured/loss")] == [1, 2]

    assert train.main(["-rd", str(again)]) == 0
    assert len(list((again / "tensorboard/stage_0").iterdir())) == 2
    for name in ("loss", "validation_loss"):
        told, expected = (events(where, 0).Scalars(f"measured/{name}") for where in (again, run))
        assert [(e.step, e.value) for e in told] == [(e.step, e.value) for e in expected]
    assert [event.step for event in events(again, 0).Images("samples")] == [2, 3]
    lines = [json.loads(line) for line in (again / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3]


def test_a_tracker_that_is_not_installed_ends_a_run_before_it_makes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The import system is told that it is not there."""
    monkeypatch.setattr("minimagen.training.records.opening.find_spec", lambda name: None)
    parameters = str(write_parameters(tmp_path / "parameters", cascade_of(16)))
    flags = ["-p", parameters, "-o", str(tmp_path / "out")]
    assert train.main([*flags, "--SET", 'training.trackers=["tensorboard"]']) == 2
    err = capsys.readouterr().err
    assert err.endswith(
        "training.trackers: tensorboard is not installed; pip install 'minimagen[track]', "
        "or leave it out\n"
    )
    assert not (tmp_path / "out").exists()
