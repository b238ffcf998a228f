"""A run is a count of steps: how it is cut into processes, batches and stops changes nothing."""

import json
import os
import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import train
from minimagen import Imagen
from minimagen.errors import TrainingError
from minimagen.training.learner import Learner
from tests.conftest import cascade_of, stage_of

Write = Callable[..., Path]


def fitted(directory: Path, *flags: str) -> Path:
    """Train into a directory and return it."""
    return train.train(train.parse([*flags, "-o", str(directory), "-ts", "run"]))


def weights_of(run: Path) -> dict[str, bytes]:
    """Read every weights file, and every file of tensors that training goes on from."""
    files = [
        *run.glob("state_dicts/*"),
        *run.glob("tmp/*/step_*/*.safetensors"),
        *run.glob("ema/*/*"),
    ]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


@pytest.fixture
def two_stages(write_parameters: Write) -> Path:
    """Return a base and a super-resolution stage trained on crops."""
    tree = cascade_of(16, 32)
    tree["imagen"]["stages"][1] = stage_of(32, crop=16)
    tree["training"]["checkpoint_every"] = 3
    return write_parameters(tree)


@pytest.fixture
def with_everything(write_parameters: Write) -> Path:
    """Return the same with all that training can do besides."""
    chance = {"lowres_dropout": 0.3, "self_conditioning": 0.5, "learned_log_variance": True}
    tree = cascade_of(16, 32)
    steered = {
        "steps": 2,
        "guidance_scale": 2.0,
        "lowres_guidance_scale": 1.5,
        "guidance_rescale": 0.5,
        "guidance_interval": [-20.0, 5.0],
    }
    tree["imagen"]["stages"] = [
        stage_of(16, **chance),
        stage_of(32, crop=16, sampling=steered, **chance),
    ]
    tree["training"] |= {"checkpoint_every": 3, "ema": {"kind": "power", "snapshot_every": 2}}
    return write_parameters(tree, "everything")


NEEDS_PACKAGE = pytest.mark.skipif(not find_spec("bitsandbytes"), reason="needs bitsandbytes")


@pytest.mark.parametrize(
    ("fixture", "optimizer", "files"),
    [
        ("two_stages", "muon", 3),
        ("with_everything", "muon", 9),
        ("with_everything", "adamw", 9),
        ("with_everything", "schedule_free", 9),
        pytest.param("with_everything", "adamw8bit", 9, marks=NEEDS_PACKAGE),
    ],
)
def test_two_steps_and_two_resumed_ones_are_four_bit_for_bit(
    fixture: str,
    optimizer: str,
    files: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """On a base and on a super-resolution stage; the run is stopped by a real signal."""
    parameters = str(request.getfixturevalue(fixture))
    asked = ["-p", parameters, "--SET", f"training.optimizer.kind={optimizer}"]
    whole = fitted(tmp_path / "whole", *asked)
    for stage in ("0", "1"):
        with interrupted_after(monkeypatch, steps=2):
            code = train.main([*asked, "-o", str(tmp_path / stage), "-ts", "run", "-st", stage])
        cut = tmp_path / stage / "training_run"
        assert code == 143
        steps = [path.name for path in (cut / "tmp" / f"unet_{stage}").glob("step_*")]
        assert steps == ["step_00000002"]
        assert train.main(["-rd", str(cut), "-st", stage]) == 0
        left = weights_of(cut).items()
        final = {n: data for n, data in left if "step_00000004" in n or n.startswith("ema/")}
        assert len(final) == files
        assert final.items() <= weights_of(whole).items()


class interrupted_after:  # noqa: N801 - reads as a statement
    """Send this process a signal at the end of an optimizer step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int, name: str = "SIGTERM") -> None:
        self.monkeypatch, self.left = monkeypatch, steps
        self.number = getattr(signal, name)

    def __enter__(self) -> None:
        update = Learner.update

        def update_then_signal(learner: Learner, *args: Any) -> None:
            update(learner, *args)
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)

        self.monkeypatch.setattr(Learner, "update", update_then_signal)

    def __exit__(self, *error: object) -> None:
        self.monkeypatch.undo()


@pytest.mark.parametrize(
    ("name", "code"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143), ("SIGUSR1", 143)]
)
def test_a_signal_ends_the_step_saves_and_leaves_with_its_code(
    two_stages: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    code: int,
) -> None:
    """One checkpoint is left, of the step that was being taken, with its weights files."""
    with interrupted_after(monkeypatch, steps=1, name=name):
        assert train.main(["-p", str(two_stages), "-o", str(tmp_path), "-ts", "run"]) == code
    run = tmp_path / "training_run"
    assert [path.name for path in run.glob("tmp/unet_*/step_*")] == ["step_00000001"]
    names = sorted(path.name for path in (run / "state_dicts").iterdir())
    assert names == ["unet_0_raw.safetensors", "unet_0_state.safetensors"]
    assert f"stopped by {name} after step 1 of 4 of stage 0" in capsys.readouterr().err


def test_four_batches_of_two_equal_one_batch_of_eight(two_stages: Path, tmp_path: Path) -> None:
    """Same draws, same mean; 1e-5 is float32 rounding through two steps of AdamW's square root."""
    long = ["-p", str(two_stages), "--SET", "training.images=16"]
    parts = fitted(tmp_path / "parts", *long, "-b", "2", "-ai", "4")
    whole = fitted(tmp_path / "whole", *long, "-b", "8")
    for stage in (0, 1):
        name = f"state_dicts/unet_{stage}_raw.safetensors"
        one, other = load_file(parts / name), load_file(whole / name)
        for key, value in one.items():
            torch.testing.assert_close(value, other[key], atol=1e-5, rtol=1e-4)


def test_a_run_with_everything_draws_pictures(with_everything: Path, tmp_path: Path) -> None:
    """Finite ones, and the learned variance has moved but is in no weights file."""
    run = fitted(tmp_path, "-p", str(with_everything))
    for image in Imagen.load(run, device="cpu").sample_stages(["a red circle", ""]):
        assert image.isfinite().all()
        assert image.abs().max() <= 1
    checkpoint = run / "tmp" / "unet_1" / "step_00000004"
    assert load_file(checkpoint / "log_variance.safetensors")["linear.weight"].any()
    saved = load_file(run / "state_dicts" / "unet_1_state.safetensors")
    network = Imagen.load(run, device="cpu").stages[1].network
    assert saved.keys() == network.state_dict().keys()


@pytest.mark.slow
def test_worker_processes_change_nothing(two_stages: Path, tmp_path: Path) -> None:
    alone = fitted(tmp_path / "alone", "-p", str(two_stages))
    helped = fitted(tmp_path / "helped", "-p", str(two_stages), "-n", "2")
    assert weights_of(alone) == weights_of(helped)


def test_stages_fitted_apart_equal_stages_fitted_together(two_stages: Path, tmp_path: Path) -> None:
    together = fitted(tmp_path / "together", "-p", str(two_stages))
    apart = fitted(tmp_path / "apart", "-p", str(two_stages), "-st", "1")
    assert train.main(["-rd", str(apart), "-st", "0"]) == 0
    assert weights_of(together) == weights_of(apart)


def test_resuming_a_finished_run_is_done_at_once_and_changes_nothing(
    two_stages: Path, tmp_path: Path
) -> None:
    """But weights files that were lost come back."""
    run = fitted(tmp_path, "-p", str(two_stages))
    before = weights_of(run)
    for kind in ("state", "raw"):
        (run / "state_dicts" / f"unet_1_{kind}.safetensors").unlink()
    assert train.main(["-rd", str(run)]) == 0
    assert weights_of(run) == before


def test_what_a_killed_writer_left_half_made_is_swept_stage_by_stage(
    two_stages: Path, tmp_path: Path
) -> None:
    run = fitted(tmp_path, "-p", str(two_stages))
    leftovers = [run / "state_dicts" / f"unet_{i}_raw.safetensors.tmp-1-ab" for i in (0, 1)]
    leftovers.append(run / "tmp" / "unet_0" / "step_00000009.tmp-1-ab")
    for leftover in leftovers:
        leftover.mkdir()
    assert train.main(["-rd", str(run), "-st", "0"]) == 0
    assert [leftover.exists() for leftover in leftovers] == [False, True, False]


def test_a_loss_that_is_no_number_stops_before_the_step(
    two_stages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last checkpoint stays; the message says what to try."""
    reckless = ["--SET", "training.optimizer.clip=1e38", "--SET", "training.images=64"]
    code = train.main(["-p", str(two_stages), "-o", str(tmp_path), "-lr", "100", *reckless])
    assert code == TrainingError.exit_code
    assert "lower --OPTIM_LR" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="it is installed")
def test_an_optimizer_that_is_not_installed_ends_a_run_before_it_makes_anything(
    two_stages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    flags = ["-p", str(two_stages), "-o", str(output)]
    assert train.main([*flags, "--SET", "training.optimizer.kind=adamw8bit"]) == 2
    assert "pip install 'minimagen[optim8]'" in capsys.readouterr().err
    assert not output.exists()


def test_a_run_leaves_what_the_interface_says(two_stages: Path, tmp_path: Path) -> None:
    run = fitted(tmp_path, "-p", str(two_stages))
    for i in (0, 1):
        for kind in ("state", "best", "raw"):
            assert (run / "state_dicts" / f"unet_{i}_{kind}.safetensors").is_file()
        assert (run / "samples" / f"stage_{i}_step_4.png").is_file()
        assert (run / "tmp" / f"unet_{i}" / "step_00000004" / "MANIFEST.json").is_file()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    logged = [line for line in lines if "loss" in line]
    expected = {"stage", "step", "epoch", "loss", "lr", "grad_norm", "images_per_s", "seconds"}
    expected |= {"loss_bins", "log_snr_edges", "waiting", "stage_left_s", "run_left_s"}
    expected |= {"memory_gb", "peak_memory_gb"}
    assert all(line.keys() == expected for line in logged)
    assert len(logged) == 8
    assert logged[-1]["run_left_s"] == logged[-1]["stage_left_s"] == 0
    assert all(line["run_left_s"] >= line["stage_left_s"] for line in logged)
    assert all(0 < line["memory_gb"] <= line["peak_memory_gb"] < 100 for line in logged)
    progress = (run / "training_progress.txt").read_text()
    assert "the run is complete" in progress
    assert (run / "rejected.jsonl").read_text() == ""
    assert {path.name for path in (run / "parameters").iterdir()} == {
        "imagen_params.json",
        "training_params.json",
        "unet_0_params.json",
        "unet_1_params.json",
    }
    again = fitted(tmp_path / "again", "-p", str(run / "parameters"))
    assert weights_of(again) == weights_of(run)
