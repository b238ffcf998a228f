"""Averages made of the snapshots of a real run, and the snapshots themselves."""

import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

import train
from minimagen.cascade import CascadeConfig
from minimagen.checkpoint import read_weights
from minimagen.errors import CheckpointError, UsageError
from minimagen.training.averaging import (
    ensure_average,
    make_average,
    stages_with_snapshots,
)
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.fit import Fit
from minimagen.training.posthoc import Profile
from minimagen.training.run import begin, gather, starting_stage
from minimagen.training.signals import Stopper
from minimagen.training.snapshots import find_snapshots, snapshot_steps, take_snapshots
from minimagen.weights import weights_path
from tests.conftest import cascade_of
from tests.tiny_runs import files_of, tiny_run

CPU = torch.device("cpu")
POWER = {"kind": "power", "snapshot_every": 1}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of four steps and as many snapshots of two averages; only read it."""
    return tiny_run(tmp_path_factory.mktemp("whole"), 16, ema=POWER)


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """Return a copy to change."""
    return shutil.copytree(whole, tmp_path / "training_run")


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "ema/unet_0").iterdir())


def flat(tensors: dict[str, Tensor]) -> Tensor:
    """Return all numbers of a network in one row, float64."""
    return torch.cat([tensors[name].double().flatten() for name in sorted(tensors)])


class TestSnapshots:
    def test_they_are_the_averages_of_their_steps(self, whole: Path) -> None:
        """The checkpoints have the same averages, for resuming."""
        lengths = {"0.05": "ema", "0.1": "ema_0.1"}
        assert names(whole) == sorted(
            f"step_{step:08d}_{s}.safetensors" for step in (1, 2, 3, 4) for s in lengths
        )
        for step in (2, 4):
            for sigma_rel, group in lengths.items():
                kept = whole / f"tmp/unet_0/step_{step:08d}/{group}.safetensors"
                taken = whole / f"ema/unet_0/step_{step:08d}_{sigma_rel}.safetensors"
                assert torch.equal(flat(read_weights(taken)), flat(read_weights(kept)))

    def test_the_first_length_is_what_inference_loads(self, whole: Path) -> None:
        taken = read_weights(whole / "ema/unet_0/step_00000004_0.05.safetensors")
        loaded = read_weights(weights_path(whole, 0))
        assert torch.equal(flat(taken), flat(loaded))

    def test_their_headers_say_what_they_are(self, whole: Path) -> None:
        found, complaints = find_snapshots(whole / "ema/unet_0")
        assert complaints == []
        steps = [1, 1, 2, 2, 3, 3, 4, 4]
        assert [(s.note.step, s.note.updates) for s in found] == [(i, i) for i in steps]
        assert [s.note.sigma_rel for s in found] == [0.05, 0.1] * 4

    def test_a_header_has_one_entry(self, whole: Path) -> None:
        """More are written in any order, and equal runs would not give equal bytes."""
        with safe_open(whole / "ema/unet_0/step_00000004_0.1.safetensors", "pt") as file:
            assert list(file.metadata()) == ["note"]

    def test_a_run_of_one_average_takes_none(self, tmp_path: Path) -> None:
        assert not (tiny_run(tmp_path, 16) / "ema").exists()

    def test_before_the_first_update_there_is_nothing_to_take(self, tmp_path: Path) -> None:
        take_snapshots(tmp_path / "ema", {0.1: nn.Linear(1, 1).state_dict()}, step=3, updates=0)
        assert not (tmp_path / "ema").exists()

    @pytest.mark.parametrize(("steps", "every"), [(1, 1), (20, 1), (21, 2), (630, 32)])
    def test_there_are_twenty_of_a_run_where_nothing_else_is_said(
        self, steps: int, every: int
    ) -> None:
        assert snapshot_steps(TrainingConfig().ema, steps) == every


def test_those_after_the_checkpoint_are_taken_again(run: Path) -> None:
    """As if killed after step 4's snapshots and before its checkpoint; a half-made one is swept."""
    before = files_of(run) | {name: (run / "ema/unet_0" / name).read_bytes() for name in names(run)}
    shutil.rmtree(run / "tmp/unet_0/step_00000004")
    (run / "ema/unet_0/step_00000004_0.1.safetensors").write_bytes(b"of other threads")
    (run / "ema/unet_0/step_00000099_0.1.safetensors").write_bytes(b"of a longer run")
    (run / "ema/unet_0/step_00000004_0.05.safetensors.tmp-1-ab").mkdir()
    assert train.main(["-rd", str(run)]) == 0
    after = files_of(run) | {name: (run / "ema/unet_0" / name).read_bytes() for name in names(run)}
    assert after == before


@pytest.fixture
def fitted(write_parameters: Callable[..., Path], tmp_path: Path) -> Fit:
    """Return a stage ready to be fitted for 60 steps, with three averages."""
    tree = cascade_of(8)
    ema = {"kind": "power", "sigma_rels": [0.05, 0.1, 0.07]}
    optimizer = {"kind": "adamw", "learning_rate": 0.01, "warmup_steps": 1}
    tree["training"] |= {"images": 120, "ema": ema, "optimizer": optimizer}
    files = write_parameters(tree)
    cascade, training = CascadeConfig.read(files), TrainingConfig.read(files)
    directory = TrainingDirectory.create(tmp_path, "run", cascade, training)
    materials = gather(cascade, training, CPU)
    started = begin(directory, cascade, training, materials, device=CPU, workers=0)
    return Fit(started, starting_stage(cascade, 0, CPU, 0, None), Stopper())


def test_an_average_of_a_real_run_is_the_one_that_was_tracked_within_the_stated_error(
    fitted: Fit,
) -> None:
    """The mismatch times the profile's norm times how far the weights went, by Cauchy and Schwarz.

    The averages themselves are the naive sum over all steps, to 1e-5 of float32 rounding; 1.2 is
    for profiles of 60 steps in place of continuous ones.
    """
    stream, trajectory = fitted.stream(), []
    for step in range(1, fitted.steps + 1):
        fitted.step(islice(stream, 1))
        trajectory.append(flat(fitted.learner.network.state_dict()))
        if step % fitted.snapshot_steps == 0:
            fitted.take_snapshots()
    run, theta = fitted.run.directory.path, torch.stack(trajectory)
    tracked = fitted.learner.ema.by_sigma_rel
    for sigma_rel, network in tracked.items():
        weights = torch.from_numpy(Profile(sigma_rel, fitted.steps).weights())
        torch.testing.assert_close(flat(network.state_dict()), weights @ theta, atol=1e-5, rtol=0)

    for path in run.glob("ema/unet_0/*_0.07.safetensors"):
        path.unlink()
    made = make_average(run, 0, 0.07)
    error = flat(read_weights(made.path)) - flat(tracked[0.07].state_dict())
    weights = torch.from_numpy(Profile(0.07, fitted.steps).weights())
    spread = (theta - theta.mean(dim=0)).norm()
    assert made.snapshots == 40
    assert 0 < error.norm() <= 1.2 * made.mismatch * weights.norm() * spread
    moved = flat(tracked[0.07].state_dict()) - theta[-1]
    assert error.norm() < 0.01 * moved.norm()  # and nothing beside what averaging changes


class TestMaking:
    def test_a_tracked_length_gives_its_snapshot_back(self, run: Path) -> None:
        """To float32: the sum is taken in float64, with one coefficient that is not about 0."""
        made = make_average(run, 0, 0.1)
        assert made.path.name == "unet_0_ema_0.1.safetensors"
        kept = read_weights(run / "ema/unet_0/step_00000004_0.1.safetensors")
        torch.testing.assert_close(read_weights(made.path), kept, atol=1e-7, rtol=1e-6)

    def test_it_is_made_once_and_again_when_the_run_has_gone_on(self, run: Path) -> None:
        assert ensure_average(run, 0, 0.07) is not None
        assert ensure_average(run, 0, 0.07) is None
        for path in run.glob("ema/unet_0/step_00000004_*"):
            path.unlink()
        made = ensure_average(run, 0, 0.07)
        assert made is not None
        assert made.note.step == 3

    def test_a_file_without_snapshots_is_enough(self, run: Path) -> None:
        make_average(run, 0, 0.07)
        shutil.rmtree(run / "ema")
        assert ensure_average(run, 0, 0.07) is None

    def test_equal_snapshots_give_equal_bytes(self, run: Path) -> None:
        first, second = (make_average(run, 0, 0.07).path.read_bytes() for _ in range(2))
        assert first == second

    def test_a_damaged_snapshot_is_left_out_and_named(self, run: Path) -> None:
        path = run / "ema/unet_0/step_00000002_0.1.safetensors"
        path.write_bytes(path.read_bytes()[:-1])
        made = make_average(run, 0, 0.08)
        assert made.snapshots == 7
        assert len(made.complaints) == 1
        assert "step_00000002_0.1.safetensors: is no whole safetensors file" in made.complaints[0]

    def test_one_too_far_from_the_snapshots_is_refused_in_one_line(self, run: Path) -> None:
        with pytest.raises(UsageError) as caught:
            make_average(run, 0, 0.005)
        assert "the 8 snapshots of stage 0, of sigma_rel 0.05 and 0.1, miss" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_without_snapshots_it_says_what_there_is(self, run: Path) -> None:
        make_average(run, 0, 0.07)
        shutil.rmtree(run / "ema")
        with pytest.raises(CheckpointError) as caught:
            make_average(run, 0, 0.08)
        assert "there is ema, best, raw, ema:0.07; train with --SET" in str(caught.value)
        with pytest.raises(CheckpointError, match="no snapshots of averages in it"):
            stages_with_snapshots(run)
