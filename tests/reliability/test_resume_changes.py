"""What may change between two parts of a run, what is said aloud, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

import train
from minimagen.checkpoint import read_checkpoint, sha256_of
from minimagen.errors import NoValidCheckpointError
from minimagen.training.environment import Environment
from minimagen.training.inspection import inspect_run
from tests.conftest import cascade_of

Write = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Make a directory of six captioned pictures."""
    root = tmp_path / "pictures"
    root.mkdir()
    for i, colour in enumerate(("red", "green", "blue", "yellow", "purple", "orange")):
        Image.new("RGB", (20, 20), colour).save(root / f"{i}.png")
        (root / f"{i}.txt").write_text(f"a {colour} square")
    return root


@pytest.fixture
def run(pictures: Path, write_parameters: Write, tmp_path: Path) -> Path:
    """Train one stage on the pictures."""
    tree = cascade_of(16)
    tree["training"]["images"] = 4
    flags = ["-p", str(write_parameters(tree)), "-ds", str(pictures), "-o", str(tmp_path)]
    return train.train(train.parse([*flags, "-ts", "run"]))


def refusal(capsys: Capture, *flags: str) -> str:
    """Continue a run, which must be wrong use, and return the line that says why."""
    capsys.readouterr()
    assert train.main(list(flags)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("train.py:")]
    assert len(lines) == 1
    return lines[0]


def hashes(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): sha256_of(path) for path in files}


def test_a_picture_more_is_another_data_set(run: Path, pictures: Path, capsys: Capture) -> None:
    """Nothing at all is changed by the refusal."""
    Image.new("RGB", (20, 20)).save(pictures / "new.png")
    (pictures / "new.txt").write_text("a black square")
    before = hashes(run)
    line = refusal(capsys, "-rd", str(run))
    assert "its data set has changed: it had 6 usable items and has 7" in line
    assert hashes(run) == before


def test_another_caption_is_another_data_set(run: Path, pictures: Path, capsys: Capture) -> None:
    (pictures / "3.txt").write_text("a golden square")
    assert "of its 6 items some have other names, sizes or cap" in refusal(capsys, "-rd", str(run))


def test_another_picture_of_that_name_is_another_data_set(
    run: Path, pictures: Path, capsys: Capture
) -> None:
    Image.new("RGB", (33, 20)).save(pictures / "3.png")
    assert "of its 6 items some have other" in refusal(capsys, "-rd", str(run))


def test_touched_and_rewritten_files_are_the_same_data_set(run: Path, pictures: Path) -> None:
    for path in pictures.iterdir():
        path.write_bytes(path.read_bytes())
    assert train.main(["-rd", str(run)]) == 0


def test_fewer_steps_than_the_run_was_to_take_are_refused(run: Path, capsys: Capture) -> None:
    """It was to take 2, counted in images; a pass over five pictures in batches of 2 is 3."""
    line = refusal(capsys, "-rd", str(run), "--SET", "training.epochs=0")
    assert "training_params.json: epochs is 0" in line
    assert train.main(["-rd", str(run), "-e", "2"]) == 0
    line = refusal(capsys, "-rd", str(run), "-e", "1")
    assert "--EPOCHS 1: 3 steps of stage 0 are fewer than the 5 of the run" in line


def test_weights_whose_checkpoints_are_gone_are_not_overwritten(run: Path, capsys: Capture) -> None:
    shutil.rmtree(run / "tmp/unet_0")
    before = hashes(run / "state_dicts")
    assert train.main(["-rd", str(run)]) == NoValidCheckpointError.exit_code
    assert "unet_0_state.safetensors: is there, but no checkpoint" in capsys.readouterr().err
    assert hashes(run / "state_dicts") == before
    assert inspect_run(run).stages[0].is_lost


def test_a_network_that_does_not_fit_its_checkpoint_is_one_line(run: Path, capsys: Capture) -> None:
    parameters = run / "parameters/unet_0_params.json"
    tree = json.loads(parameters.read_text())
    tree["levels"][0]["width"] = 16
    parameters.write_text(json.dumps(tree))
    line = refusal(capsys, "-rd", str(run))
    assert "step_00000002: does not fit the run's parameter files (size mismatch for " in line


def test_measurements_before_the_first_checkpoint_are_not_told_twice(run: Path) -> None:
    """As after a kill: lines of steps are there, and nothing was saved."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    for name in ("tmp/unet_0", "state_dicts"):
        shutil.rmtree(run / name)
    assert train.main(["-rd", str(run)]) == 0
    again = (run / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in again] == [
        json.loads(line)["step"] for line in lines
    ]


def test_only_a_run_of_all_stages_is_said_to_be_complete(
    write_parameters: Write, tmp_path: Path
) -> None:
    flags = ["-p", str(write_parameters(cascade_of(8, 16), "two")), "-o", str(tmp_path / "out")]
    run = train.train(train.parse([*flags, "-st", "0"]))
    assert inspect_run(run).last_line.endswith("the stages asked for are complete")
    assert train.main(["-rd", str(run)]) == 0
    assert inspect_run(run).last_line.endswith("the run is complete")


def test_a_run_without_a_record_of_its_data_gets_one(run: Path) -> None:
    """As one that an earlier version began."""
    record = run / "tmp" / "data.json"
    before = record.read_bytes()
    record.unlink()
    assert train.main(["-rd", str(run)]) == 0
    assert record.read_bytes() == before


def test_another_precision_is_another_run(run: Path, capsys: Capture) -> None:
    line = refusal(capsys, "-rd", str(run), "-pr", "bf16")
    assert 'training.precision is "no" in the run and "bf16" here' in line


def test_a_run_goes_on_in_the_precision_it_began_in(
    run: Path, write_parameters: Write, pictures: Path, tmp_path: Path
) -> None:
    """Which its files name, though nobody did; parameter files that name none ask for no other."""
    parameters = run / "parameters" / "training_params.json"
    assert json.loads(parameters.read_text())["precision"] == "no"
    flags = ["-p", str(tmp_path / "parameters"), "-ds", str(pictures), "-rd", str(run)]
    assert train.main([*flags, "--SET", "training.images=4"]) == 0


def test_other_threads_are_told_and_allowed(run: Path) -> None:
    """With them the last digits may differ, so it is no reason to lose a run."""
    torch.set_num_threads(2)
    try:
        assert train.main(["-rd", str(run)]) == 0
    finally:
        torch.set_num_threads(1)
    progress = (run / "training_progress.txt").read_text()
    assert "threads was 1 and is 2: results may differ in their last digits" in progress


def test_a_checkpoint_says_where_it_was_computed(run: Path) -> None:
    state = read_checkpoint(run / "tmp" / "unet_0" / "step_00000002").state
    library = f"torch {torch.__version__}"
    here = {"library": library, "device": "cpu", "threads": 1, "processes": 1}
    assert state["environment"] == here


def test_what_has_changed_is_named_and_what_was_not_recorded_is_not() -> None:
    here = Environment("torch 2.14", "cpu", 2)
    before = {"library": "torch 2.13", "device": "cpu"}
    assert here.changes_since(before) == ["library was torch 2.13 and is torch 2.14"]
    assert here.changes_since({}) == []
