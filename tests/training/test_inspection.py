"""A report says what is there, on whole runs, damaged ones and one that is going on."""

import json
import os
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from minimagen.checkpoint import write_checkpoint
from minimagen.errors import CheckpointError
from minimagen.imagen import Imagen
from minimagen.locking import stage_lock
from minimagen.training.inspection import RunReport, StageReport, inspect_run
from minimagen.weights import weights_path
from tests.tiny_runs import tiny_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of two stages, checkpoints of steps 2 and 4; only read it."""
    return tiny_run(tmp_path_factory.mktemp("whole"), 16, 32)


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """Return a copy to damage."""
    return shutil.copytree(whole, tmp_path / "training_run")


def snapshot(run: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_ino) for p in [run, *run.rglob("*")]}


def checkpoint(run: Path, step: int, stage: int = 0) -> Path:
    return run / "tmp" / f"unet_{stage}" / f"step_{step:08d}"


def states(stage: StageReport) -> list[tuple[int, bool]]:
    return [(saved.step, saved.complaint is None) for saved in stage.checkpoints]


@pytest.fixture(scope="module")
def report(whole: Path) -> RunReport:
    return inspect_run(whole)


class TestAWholeRun:
    def test_the_run_is_described(self, report: RunReport, whole: Path) -> None:
        assert (report.dataset, report.text_encoder, report.training_images) == (
            "shapes",
            "t5-tiny",
            11,
        )
        assert report.last_line.endswith("the run is complete")
        assert (report.rejected, report.complaints) == ({}, ())
        files = [p for p in whole.rglob("*") if p.is_file()]
        assert sum(report.sizes.values()) == sum(p.stat().st_size for p in files)

    def test_stages_are_as_large_and_as_far_as_they_are(
        self, report: RunReport, whole: Path
    ) -> None:
        networks = [stage.network for stage in Imagen.load(whole, "cpu").stages]
        counts = [sum(p.numel() for p in network.parameters()) for network in networks]
        assert [stage.parameters for stage in report.stages] == counts
        assert [(s.index, s.size, s.step, s.steps) for s in report.stages] == [
            (0, 16, 4, 4),
            (1, 32, 4, 4),
        ]

    def test_every_checkpoint_verifies_and_nobody_holds_a_stage(self, report: RunReport) -> None:
        for stage in report.stages:
            assert states(stage) == [(4, True), (2, True)]
            assert not stage.is_lost
            assert stage.holder is not None
            assert stage.leftovers == ()

    def test_the_best_loss_is_the_lowest_that_was_measured(
        self, report: RunReport, whole: Path
    ) -> None:
        lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
        for stage in report.stages:
            losses = [
                line["validation_loss"]
                for line in lines
                if line["stage"] == stage.index and "validation_loss" in line
            ]
            assert len(losses) == 2
            assert stage.best_loss == min(losses)

    def test_weights_are_those_of_the_newest_checkpoint(self, report: RunReport) -> None:
        for stage in report.stages:
            assert [(file.kind, file.is_newest, file.complaint) for file in stage.weights] == [
                ("ema", True, None),
                ("best", None, None),
                ("raw", True, None),
            ]


def test_looking_changes_nothing(run: Path) -> None:
    before = snapshot(run)
    inspect_run(run)
    assert snapshot(run) == before


def test_a_damaged_checkpoint_is_named_and_the_one_before_counts(run: Path) -> None:
    (checkpoint(run, 4) / "model.safetensors").write_bytes(b"short")
    first, second = inspect_run(run).stages
    assert states(first) == [(4, False), (2, True)]
    complaint = first.checkpoints[0].complaint
    assert complaint is not None
    assert "model.safetensors: has 5 bytes instead of" in complaint
    assert (first.step, first.is_lost) == (2, False)
    assert [file.is_newest for file in first.weights] == [False, None, False]
    assert second.step == 4


def test_a_stage_without_any_good_checkpoint_is_lost(run: Path) -> None:
    for step in (2, 4):
        (checkpoint(run, step) / "state.json").unlink()
    first, second = inspect_run(run).stages
    assert (first.is_lost, first.step, first.best_loss) == (True, 0, None)
    assert [file.is_newest for file in first.weights] == [None, None, None]
    assert not second.is_lost


def test_weights_of_another_step_and_damaged_ones_are_told_apart(run: Path) -> None:
    shutil.copy(
        checkpoint(run, 2) / "ema.safetensors", run / "state_dicts/unet_0_state.safetensors"
    )
    (run / "state_dicts/unet_0_best.safetensors").write_bytes(b"no weights")
    (run / "state_dicts/unet_0_raw.safetensors").unlink()
    ema, best = inspect_run(run).stages[0].weights
    assert (ema.kind, ema.is_newest, ema.complaint) == ("ema", False, None)
    assert best.kind == "best"
    assert best.complaint == "unet_0_best.safetensors: no whole safetensors file"


def test_averages_made_after_training_are_listed_with_their_length(run: Path) -> None:
    """Other files are not, and neither do they disturb."""
    shutil.copy(run / "state_dicts/unet_0_best.safetensors", weights_path(run, 0, "ema:0.08"))
    (run / "state_dicts/unet_0_ema_old.safetensors").touch()
    made = inspect_run(run).stages[0].weights[-1]
    assert (made.kind, made.is_newest, made.complaint) == ("ema:0.08", None, None)


def test_what_a_killed_writer_left_is_listed_with_its_stage(run: Path) -> None:
    for name in (
        "tmp/unet_1/step_00000009.tmp-1-ab",
        "state_dicts/unet_1_raw.safetensors.tmp-1-c",
        "ema/unet_1/step_00000009_0.1.safetensors.tmp-1-d",
    ):
        (run / name).mkdir(parents=True)
    first, second = inspect_run(run).stages
    assert first.leftovers == ()
    assert second.leftovers == (
        "ema/unet_1/step_00000009_0.1.safetensors.tmp-1-d",
        "state_dicts/unet_1_raw.safetensors.tmp-1-c",
        "tmp/unet_1/step_00000009.tmp-1-ab",
    )


def test_who_holds_a_stage_is_seen_without_taking_its_lock(run: Path) -> None:
    """The holder is this process; a lock taken by the look would be refused to it afterwards."""
    with stage_lock(run / "tmp/unet_0"):
        first, second = inspect_run(run).stages
        assert first.holder is not None
        assert (first.holder.pid, first.holder.host) == (os.getpid(), socket.gethostname())
        assert first.holder.is_alive
    assert second.holder is not None
    assert not second.holder.is_alive
    after = inspect_run(run).stages[0].holder
    assert after is not None
    assert not after.is_alive


@pytest.mark.parametrize(
    ("changes", "is_alive"),
    [
        ({"host": "another-machine"}, None),
        ({"pid": 2**22 + 1}, False),  # Linux gives no such number
        ({"pid": -1}, False),
        ({"pid": 2**70}, False),
    ],
)
def test_a_holder_elsewhere_cannot_be_seen_and_one_that_is_gone_holds_nothing(
    run: Path, changes: dict[str, object], is_alive: bool | None
) -> None:
    lock = run / "tmp/unet_0/run.lock"
    lock.write_text(json.dumps(json.loads(lock.read_text()) | changes))
    holder = inspect_run(run).stages[0].holder
    assert holder is not None
    assert holder.is_alive is is_alive


def test_checkpoints_that_come_and_go_meanwhile_are_no_damage(run: Path) -> None:
    """Forty are written and dropped by another thread while this one looks, over and over."""
    root = run / "tmp/unet_0"

    def keep_saving() -> None:
        for step in range(5, 45):
            write_checkpoint(root, step, {"model": {"a": torch.zeros(50_000)}}, {}, keep=1)

    saving = threading.Thread(target=keep_saving)
    saving.start()
    seen = []
    while saving.is_alive():
        seen += inspect_run(run).stages[0].checkpoints
    assert {saved.complaint for saved in seen} == {None}
    assert len({saved.step for saved in seen}) > 3


def test_rejected_items_are_counted_by_reason(run: Path) -> None:
    reasons = ["file is empty", "caption is not UTF-8", "file is empty"]
    lines = [json.dumps({"file_name": str(i), "reason": r}) for i, r in enumerate(reasons)]
    (run / "rejected.jsonl").write_text("\n".join([*lines, '{"file_na']))
    assert inspect_run(run).rejected == {
        "file is empty": 2,
        "caption is not UTF-8": 1,
        "a line that cannot be read": 1,
    }


def garble(path: Path) -> None:
    path.write_bytes(b"\xff\x00{" * 9)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("damage", [garble, remove])
@pytest.mark.parametrize(
    "name",
    [
        "parameters/imagen_params.json",
        "parameters/training_params.json",
        "parameters/unet_0_params.json",
        "rejected.jsonl",
        "training_progress.txt",
        "metrics.jsonl",
        "environment.jsonl",
        "tmp/unet_0/run.lock",
        "tmp/unet_0/step_00000004/MANIFEST.json",
        "tmp/unet_0/step_00000004/state.json",
        "state_dicts/unet_0_state.safetensors",
    ],
)
def test_any_damaged_or_missing_file_still_leaves_a_report(
    run: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(run / name)
    report = inspect_run(run)
    assert [stage.index for stage in report.stages] == [0, 1]
    assert states(report.stages[1]) == [(4, True), (2, True)]
    assert any(name.split("/")[-1] in said for said in report.complaints) == ("params" in name)


def test_a_run_that_has_not_saved_yet_is_at_step_0(run: Path) -> None:
    remove(run / "tmp")
    remove(run / "state_dicts")
    for stage in inspect_run(run).stages:
        assert (stage.step, stage.steps, stage.parameters) == (0, 4, None)
        assert (stage.checkpoints, stage.weights, stage.holder) == ((), (), None)
        assert not stage.is_lost


def test_epochs_are_counted_in_the_pictures_that_the_run_noted(run: Path) -> None:
    """11 pictures in 2 epochs are 22, of batches of 2."""
    path = run / "parameters/training_params.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"epochs": 2}))
    assert inspect_run(run).stages[0].steps == 11


@pytest.mark.parametrize("name", ["nowhere", "file", "empty", "tmp"])
def test_another_directory_is_no_training_directory(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "tmp/tmp").mkdir(parents=True)  # one likeness is not enough
    with pytest.raises(CheckpointError, match=r"no (training|such) directory"):
        inspect_run(tmp_path / name)
