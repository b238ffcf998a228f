"""Half precision, compiled blocks: faster ways to the same run."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import train
from minimagen.cascade import CascadeConfig
from minimagen.runtime.precision import load_scaler, scaler_tensors
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.fit import Fit
from minimagen.training.run import begin, gather, starting_stage
from minimagen.training.signals import Stopper
from tests.conftest import Tree, cascade_of
from tests.tiny_runs import files_of, tiny_run, write_parameters

CPU = torch.device("cpu")


def fit_of(where: Path, **training: object) -> Fit:
    """Begin a run of one stage, of 20 steps."""
    tree: Tree = cascade_of(16)
    tree["training"] |= {"images": 40, "checkpoint_every": 4, **training}
    files = write_parameters(where / "parameters", tree)
    cascade, config = CascadeConfig.read(files), TrainingConfig.read(files)
    directory = TrainingDirectory.create(where, "run", cascade, config)
    materials = gather(cascade, config, CPU)
    run = begin(directory, cascade, config, materials, device=CPU, workers=0)
    return Fit(run, starting_stage(cascade, 0, CPU, 0, None), Stopper())


def set_scale(fit: Fit, scale: float) -> None:
    scaler = fit.learner.scaler
    load_scaler(scaler, scaler_tensors(scaler) | {"scale": torch.tensor(scale)})


def test_fp16_learns_what_float32_learns_up_to_its_rounding(tmp_path: Path) -> None:
    """The mean loss over 20 steps stays within 2 %: fp16 has 11 bits."""
    losses = {}
    for precision in ("no", "fp16"):
        fit = fit_of(tmp_path / precision, precision=precision)
        fit.fit()
        lines = (fit.run.directory.path / "metrics.jsonl").read_text()
        losses[precision] = [float(part.split(",")[0]) for part in lines.split('"loss": ')[1:]]
    assert sum(losses["fp16"]) == pytest.approx(sum(losses["no"]), rel=0.02)
    assert losses["fp16"] != losses["no"]


def test_an_fp16_run_goes_on_bit_for_bit_with_its_loss_scale(tmp_path: Path) -> None:
    whole = tiny_run(tmp_path / "whole", 16, precision="fp16")
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "tmp/unet_0/step_00000004")
    assert train.main(["-rd", str(cut), "-dv", "cpu"]) == 0
    assert files_of(cut) == files_of(whole)
    scaler = load_file(cut / "tmp/unet_0/step_00000004/scaler.safetensors")
    assert scaler["scale"] == 65536
    assert scaler["good_steps"] == 4


def test_an_overflow_halves_the_scale_and_is_none_of_the_steps_that_end_a_run(
    tmp_path: Path,
) -> None:
    """2^38 is too large for the first steps, in a run that one skipped step would end."""
    fit = fit_of(tmp_path, precision="fp16", max_skipped=1)
    set_scale(fit, 2.0**38)
    fit.fit()
    noted = (fit.run.directory.path / "training_progress.txt").read_text()
    assert "too large for fp16 at loss scale 2.74878e+11, which is 1.37439e+11" in noted
    assert 0 < fit.progress.skipped < 20
    assert fit.progress.skipped_in_a_row == 0
    assert fit.learner.scaler.get_scale() == 2.0 ** (38 - fit.progress.skipped)


def test_where_the_scale_cannot_be_smaller_a_skipped_step_counts(tmp_path: Path) -> None:
    fit = fit_of(tmp_path, precision="fp16")
    gradient = fit.learner.gradient([next(iter(fit.stream()))])
    assert fit.learner.overflowed(gradient)
    set_scale(fit, 1.0)
    assert not fit.learner.overflowed(gradient)


def test_other_precisions_scale_nothing_and_save_no_scale(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 16)
    assert not (run / "tmp/unet_0/step_00000004/scaler.safetensors").exists()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_compiled_blocks_learn_the_same_under_the_same_names(tmp_path: Path) -> None:
    """1e-4 is what another order of float32 sums grows to in a few steps of Muon."""
    plain = tiny_run(tmp_path / "plain", 16)
    compiled = tiny_run(tmp_path / "compiled", 16, compile=True)
    for name in ("state_dicts/unet_0_state", "tmp/unet_0/step_00000004/ema"):
        one, other = (load_file(run / f"{name}.safetensors") for run in (plain, compiled))
        assert one.keys() == other.keys()
        for key, value in one.items():
            torch.testing.assert_close(value, other[key], atol=1e-4, rtol=1e-3)
