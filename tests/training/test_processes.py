"""Two processes do what one does: same draws, same decisions, one voice. Real ones, over gloo."""

import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import train
from minimagen.cascade import CascadeConfig
from minimagen.errors import ConfigError, UsageError
from minimagen.runtime import Processes
from minimagen.runtime.devices import pick_own_device
from minimagen.training.bystander import Bystander
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.draws import draw
from minimagen.training.fit import Fit
from minimagen.training.run import begin, gather, starting_stage
from minimagen.training.signals import Stopper
from tests.conftest import ROOT, Tree, cascade_of, stage_of
from tests.launched import Launched, fitted, launch
from tests.tiny_runs import files_of, write_parameters

CPU = torch.device("cpu")
STEPS = 20
needs_proc = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks processes up in /proc")


def everything() -> Tree:
    """Return a base with all that is told to a network, and all that is learnt beside it."""
    tree = cascade_of(16)
    chance = {"self_conditioning": 0.5, "learned_log_variance": True}
    tree["imagen"]["stages"] = [stage_of(16, **chance)]
    tree["training"] |= {"images": 8 * STEPS, "batch_size": 4, "checkpoint_every": 10}
    return tree


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parameters(tmp_path_factory.mktemp("two") / "parameters", everything())


@pytest.fixture(scope="module")
def two(parameters: Path) -> Launched:
    """Return a finished run of two processes with batches of four; only read it."""
    return fitted(parameters)


def the_run(launched: Launched) -> Path:
    return launched.output / "training_run"


def test_two_processes_learn_what_one_learns_from_the_same_images(
    two: Launched, parameters: Path, tmp_path: Path
) -> None:
    """Batches of 4 in two processes against batches of 8 in one: same images, same draws.

    Sums are taken in another order: float32 rounding grew to 3.4e-6 in 20 steps of Muon, each of
    which moves weights by 1e-4 and more; 2e-5 leaves a margin.
    """
    alone = train.train(
        train.parse(["-p", str(parameters), "-o", str(tmp_path), "-dv", "cpu", "-b", "8"])
    )
    for kind in ("raw", "state"):
        name = f"state_dicts/unet_0_{kind}.safetensors"
        one, other = load_file(alone / name), load_file(the_run(two) / name)
        assert one.keys() == other.keys()
        for key, value in one.items():
            torch.testing.assert_close(value, other[key], atol=2e-5, rtol=2e-5)


def test_one_of_two_processes_writes_and_prints(two: Launched) -> None:
    """Each line of both logs is there once, and both processes' images count in the speed."""
    assert two.printed == f"training directory: {the_run(two)}\n"
    lines = (the_run(two) / "metrics.jsonl").read_text().splitlines()
    losses = [json.loads(line)["step"] for line in lines if '"loss"' in line]
    assert losses == list(range(1, STEPS + 1))
    noted = (the_run(two) / "training_progress.txt").read_text()
    assert noted.count("20 steps of 8 images, from step 0") == 1
    assert noted.count("2 processes") == 1
    assert "FutureWarning" not in two.errors


def test_a_run_goes_on_in_as_many_processes_as_take_the_same_images_a_step(
    two: Launched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused before anything is changed; said aloud where it is allowed."""
    run = tmp_path / "training_run"
    shutil.copytree(the_run(two), run)
    shutil.rmtree(run / "tmp/unet_0/step_00000020")
    before = files_of(run)
    assert train.main(["-rd", str(run)]) == UsageError.exit_code
    told = capsys.readouterr().err
    assert "stage 0 takes 8 images in each step, in 2 processes, and would take 4 in 1" in told
    assert files_of(run) == before
    assert train.main(["-rd", str(run), "-ai", "2"]) == 0
    noted = (run / "training_progress.txt").read_text()
    assert "processes was 2 and is 1: results may differ in their last digits" in noted


Layout = tuple[int, int, int]  # processes, batch size, accumulation


@pytest.mark.parametrize("layout", [(2, 4, 1), (1, 4, 2), (2, 2, 2), (4, 1, 2)])
def test_draws_follow_sample_numbers_however_a_step_is_shared_out(
    layout: Layout, parameters: Path, tmp_path: Path
) -> None:
    """Exactly: numbers, images and every draw of the third step are those of one batch of eight."""
    one = third_step(parameters, tmp_path / "one", (1, 8, 1))
    other = third_step(parameters, tmp_path / "other", layout)
    assert one.keys() == other.keys() == set(range(16, 24))
    for number, tensors in one.items():
        assert all(torch.equal(a, b) for a, b in zip(tensors, other[number], strict=True))


def third_step(parameters: Path, where: Path, layout: Layout) -> dict[int, list[Tensor]]:
    """Return image and draws of each sample of the third step, by number."""
    count, batch_size, accumulate = layout
    cascade, config = CascadeConfig.read(parameters), TrainingConfig.read(parameters)
    config = replace(config, batch_size=batch_size, accumulate=accumulate)
    found = {}
    for rank in range(count):
        processes = Processes(CPU)
        processes.rank, processes.count = rank, count
        fit = fit_of(where / str(rank), cascade, config, processes)
        fit.progress.step = 2
        for batch in islice(fit.stream(), accumulate):
            draws = draw(fit.stage, batch.numbers, fit.learner.images_per_step, config.seed)
            drawn = [batch.images, draws.t, draws.eps, draws.keep, draws.show_estimate]
            found |= {n: [x[i] for x in drawn] for i, n in enumerate(batch.numbers)}
    return found


def fit_of(
    where: Path, cascade: CascadeConfig, config: TrainingConfig, processes: Processes
) -> Fit:
    where.mkdir(parents=True)
    directory = TrainingDirectory.create(where, "run", cascade, config)
    materials = gather(cascade, config, CPU)
    run = begin(directory, cascade, config, materials, device=CPU, workers=0, processes=processes)
    return Fit(run, starting_stage(cascade, 0, CPU, config.seed, None), Stopper())


def test_a_bystander_takes_part_in_no_writing() -> None:
    """Whatever a training directory does besides these is writing, and is overridden."""
    reading = {"create", "open", "configuration", "data_record", "processes_of", "checkpoints"}
    reading |= {"snapshots", "require_free", "note_own"}
    public = {
        name
        for name, _ in inspect.getmembers(TrainingDirectory, callable)
        if not name.startswith("_")
    }
    assert public - reading == {name for name in vars(Bystander) if not name.startswith("_")}


@pytest.mark.parametrize(("flags", "code"), [(["--help"], 0), (["-b", "x"], 2)])
def test_of_several_processes_one_prints_help_and_wrong_use(flags: list[str], code: int) -> None:
    said = []
    for rank in (0, 1):
        launched = {"RANK": str(rank), "WORLD_SIZE": "2"}
        done = subprocess.run(
            [sys.executable, str(ROOT / "train.py"), *flags],
            env=os.environ | launched,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code
        said.append(done.stdout + done.stderr)
    assert said[0]
    assert not said[1]


@pytest.mark.parametrize("name", ["cuda:1", "mps"])
def test_several_processes_take_a_gpu_each_or_the_cpu(name: str) -> None:
    with pytest.raises(UsageError, match=f"--DEVICE {name}: several processes take a GPU each"):
        pick_own_device(name, 0, 2)
    assert pick_own_device("cpu", 1, 2) == CPU


# Ends of all kinds


@pytest.fixture
def begun(parameters: Path, tmp_path: Path) -> Iterator[Launched]:
    """Start a run of two processes that is far from its end; it has taken a few steps."""
    flags = ["-p", str(parameters), "-o", str(tmp_path), "-ts", "run", "-dv", "cpu", "-cn", "3"]
    launched = launch(tmp_path, "train.py", *flags, "--SET", "training.images=8000")
    launched.until(lambda: measured(launched) >= 4)
    yield launched
    launched.launcher.kill()


def measured(launched: Launched) -> int:
    path = the_run(launched) / "metrics.jsonl"
    return path.read_text().count('"loss"') if path.exists() else 0


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("rank", [0, 1])
def test_when_one_of_two_is_killed_both_end_and_the_run_goes_on_as_if_nothing_was(
    rank: int, parameters: Path, tmp_path: Path
) -> None:
    """The bytes are those of a run of two that was left alone."""
    tree = everything()
    tree["training"]["images"] = 8 * 40
    files = write_parameters(tmp_path / "parameters", tree)
    flags = ["-p", str(files), "-ts", "run", "-dv", "cpu", "-cn", "3"]
    whole = launch(tmp_path / "whole", "train.py", *flags, "-o", str(tmp_path / "whole"))
    assert whole.ended() == 0, whole.errors

    cut = launch(tmp_path / "cut", "train.py", *flags, "-o", str(tmp_path / "cut"))
    cut.until(lambda: measured(cut) >= 8)
    os.kill(cut.processes()[rank], 9)
    assert cut.ended() != 0
    assert any("another one is gone, and so all stop" in line for line in cut.lines())
    assert measured(cut) < 40
    again = launch(tmp_path / "cut", "train.py", "-rd", str(the_run(cut)), "-dv", "cpu")
    assert again.ended() == 0, again.errors
    assert files_of(the_run(cut)) == files_of(the_run(whole))


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize(
    ("name", "to_all"), [("SIGTERM", False), ("SIGINT", False), ("SIGUSR1", True)]
)
def test_a_signal_to_the_launcher_or_to_all_saves_the_same_step_once(
    begun: Launched, name: str, to_all: bool
) -> None:
    """torch's launcher passes on SIGTERM and SIGINT; its own exit code is 1 whatever theirs is."""
    number = getattr(signal, name)
    for process in begun.processes() if to_all else [begun.launcher.pid]:
        os.kill(process, number)
    assert begun.ended() == 1
    stopped = re.findall(rf"stopped by {name} after step (\d+) of", begun.errors)
    assert len(stopped) == 1
    step = int(stopped[0])
    assert (the_run(begun) / f"tmp/unet_0/step_{step:08d}/MANIFEST.json").is_file()


@pytest.mark.slow
def test_all_processes_skip_a_step_in_which_one_met_a_loss_that_is_no_number(
    parameters: Path, tmp_path: Path
) -> None:
    """The image is the second process's; both skip, and the first one writes down which it was."""
    script = ["-m", "tests.training.broken_caption"]
    launched = launch(tmp_path, *script, str(parameters), str(tmp_path))
    assert launched.ended() == 0, launched.errors
    number = int(launched.printed)
    lines = (the_run(launched) / "metrics.jsonl").read_text().splitlines()
    skipped = [json.loads(line) for line in lines if '"skipped"' in line]
    assert (skipped[0]["step"], skipped[0]["skipped"]) == (number // 8 + 1, [number])


# Sharding


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": {"kind": "muon"}}, "divides the optimizer adamw alone"),
        ({"precision": "fp16"}, "does not go with precision 'fp16'"),
    ],
)
def test_what_sharding_cannot_do_is_said_before_anything_begins(
    change: Tree, message: str, tmp_path: Path
) -> None:
    tree = {"training": {"sharding": "full"} | change}
    with pytest.raises(ConfigError, match=message):
        TrainingConfig.read(write_parameters(tmp_path / "parameters", tree))
