"""Steps whose loss or gradient is no number change nothing and are counted; a few end the run.

Such losses come from captions whose embeddings are infinite.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from minimagen.cascade import CascadeConfig
from minimagen.checkpoint import newest_checkpoint, read_checkpoint
from minimagen.conditioning import TextEmbedding
from minimagen.data.stream import Order
from minimagen.errors import TrainingError
from minimagen.models import UNet
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.fit import Fit
from minimagen.training.run import Run, begin, gather, starting_stage
from minimagen.training.signals import StoppedError, Stopper
from minimagen.training.skipping import file_names
from tests.conftest import cascade_of

CPU = torch.device("cpu")
Make = Callable[..., Run]


class Embed:
    """Embeddings of a data set, those of some captions infinite.

    Args:
        table: the true ones.
        broken: which captions.
    """

    def __init__(self, table: Callable[[tuple[str, ...]], TextEmbedding], broken: set[str]) -> None:
        self.table, self.broken = table, broken

    def __call__(self, captions: tuple[str, ...]) -> TextEmbedding:
        text = self.table(captions)
        factor = torch.tensor([float("inf") if c in self.broken else 1.0 for c in captions])
        return TextEmbedding(text.tokens * factor[:, None, None], text.mask)


@pytest.fixture
def make_run(write_parameters: Callable[..., Path], tmp_path: Path) -> Make:
    """Begin a run of one stage in which the captions of some samples are infinite."""

    def make(name: str, broken: tuple[int, ...] = (), **training: Any) -> Run:
        tree = cascade_of(16)
        tree["training"] |= {"checkpoint_every": 1, **training}
        files = write_parameters(tree, f"{name}_parameters")
        cascade, config = CascadeConfig.read(files), TrainingConfig.read(files)
        directory = TrainingDirectory.create(tmp_path, name, cascade, config)
        return break_captions(continued(directory), broken)

    return make


def continued(directory: TrainingDirectory) -> Run:
    cascade, training = directory.configuration()
    materials = gather(cascade, training, CPU)
    return begin(directory, cascade, training, materials, device=CPU, workers=0)


def break_captions(run: Run, samples: tuple[int, ...]) -> Run:
    """Make the captions of these samples of the stream infinite, wherever else they come too."""
    assert run.embed is not None
    broken = {run.source.captions(index_of(run, number))[0] for number in samples}
    return replace(run, embed=Embed(run.embed, broken))


def index_of(run: Run, number: int) -> int:
    return Order(tuple(run.training), run.config.seed, 0).index_of(number)


def fit(run: Run, prepare: Callable[[UNet], object] = lambda network: None) -> None:
    cascade, _ = run.directory.configuration()
    stage = starting_stage(cascade, 0, CPU, run.config.seed, None)
    prepare(stage.network)
    Fit(run, stage, Stopper()).fit()


def fit_one_step(run: Run) -> None:
    """Take one step, as a run does that is asked to stop at once."""
    cascade, _ = run.directory.configuration()
    stopper = Stopper()
    stopper.name = "SIGTERM"
    with pytest.raises(StoppedError):
        Fit(run, starting_stage(cascade, 0, CPU, run.config.seed, None), stopper).fit()


def saved(run: Run, step: int) -> dict[str, dict[str, Tensor]]:
    return read_checkpoint(run.directory.checkpoints(0) / f"step_{step:08d}").tensors


def skips(run: Run) -> list[dict[str, Any]]:
    lines = (run.directory.path / "metrics.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if "skipped" in line]


def assert_same(one: dict[str, dict[str, Tensor]], other: dict[str, dict[str, Tensor]]) -> None:
    assert {group: set(named) for group, named in one.items()} == {
        group: set(named) for group, named in other.items()
    }
    for group, named in one.items():
        for name, tensor in named.items():
            assert torch.equal(tensor, other[group][name]), f"{group}: {name}"


def test_a_skipped_step_changes_neither_weights_nor_average_nor_optimizer(make_run: Make) -> None:
    """Sample 6 is in step 4, the last one; the step is counted all the same."""
    run = make_run("run", broken=(6,))
    fit(run)
    assert_same(saved(run, 3), saved(run, 4))
    state = read_checkpoint(run.directory.checkpoints(0) / "step_00000004").state
    assert (state["step"], state["skipped"], state["skipped_in_a_row"]) == (4, 1, 1)
    for path in (run.directory.path / "state_dicts").iterdir():
        assert all(tensor.isfinite().all() for tensor in load_file(path).values())


def test_a_skipped_step_is_written_down_with_the_image_that_caused_it(make_run: Make) -> None:
    run = make_run("run", broken=(6,))
    fit(run)
    name = run.source.name(index_of(run, 6))
    assert skips(run) == [{"stage": 0, "step": 4, "skipped": [6], "file_names": [name]}]
    text = (run.directory.path / "training_progress.txt").read_text()
    assert f"skipped step 4: loss nan, gradient norm nan, samples 6 ({name})" in text
    assert "finished after 4 steps, 1 of them skipped" in text


def test_where_only_the_gradient_is_no_number_all_images_are_named(make_run: Make) -> None:
    """Outputs of 1e15 have a loss that float32 can hold, and a gradient that it cannot."""
    run = make_run("run", accumulate=2, max_skipped=1)
    with pytest.raises(TrainingError, match=r"loss \d.*, gradient norm inf, samples 0 .* 3 "):
        fit(run, lambda network: torch.nn.init.constant_(network.conv_out.weight, 1e15))
    assert skips(run)[0]["skipped"] == [0, 1, 2, 3]


def test_resuming_before_and_after_a_skipped_step_changes_nothing(make_run: Make) -> None:
    """Stopped and continued after each step; sample 3 is in the second of four."""
    whole, cut = make_run("whole", broken=(3,)), make_run("cut", broken=(3,))
    fit(whole)
    for _ in range(3):
        fit_one_step(cut)
    fit(cut)
    assert_same(saved(whole, 4), saved(cut, 4))
    assert skips(whole) == skips(cut)
    assert len(skips(cut)) == 1


def test_too_many_in_a_row_end_the_run_with_its_last_checkpoint_intact(make_run: Make) -> None:
    run = make_run("run", images=40, checkpoint_every=100)
    fit_one_step(run)
    before = saved(run, 1)
    all_broken = break_captions(run, tuple(range(11)))
    with pytest.raises(TrainingError, match=r"3 in a row.*lower --OPTIM_LR") as caught:
        fit(all_broken)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    newest, damaged = newest_checkpoint(run.directory.checkpoints(0))
    assert newest is not None
    assert (newest.name, damaged) == ("step_00000001", [])
    assert_same(before, saved(run, 1))
    assert [skip["step"] for skip in skips(run)] == [2, 3, 4]


def test_the_count_of_a_row_goes_on_where_a_run_was_cut(make_run: Make) -> None:
    run = make_run("run", broken=tuple(range(11)))
    fit_one_step(run)
    fit_one_step(run)
    with pytest.raises(TrainingError, match=r"stage 0, after step 3: .* 3 in a row"):
        fit(run)


def test_skipped_steps_that_are_not_in_a_row_do_not_end_a_run(make_run: Make) -> None:
    """The item of sample 6 comes once in each pass of 11 over the data: 4 times in 44 samples."""
    run = make_run("run", broken=(6,), images=44, checkpoint_every=100)
    fit(run)
    assert len(skips(run)) == 4
    assert "4 of them skipped" in (run.directory.path / "training_progress.txt").read_text()


def test_an_image_that_stood_in_for_another_is_named_itself(make_run: Make, tmp_path: Path) -> None:
    """One picture is lost after the data were opened; its samples are other pictures then."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in "abcdef":
        Image.new("RGB", (16, 16)).save(pictures / f"{name}.png")
        (pictures / f"{name}.txt").write_text("a black square")
    run = make_run("run", data={"dataset": str(pictures)})
    stage = starting_stage(run.directory.configuration()[0], 0, CPU, 0, None)
    numbers = range(len(run.training))
    named = file_names(run, stage, numbers)
    lost = named[2]
    (pictures / lost).unlink()
    now = file_names(run, stage, numbers)
    assert lost not in now
    assert [name for i, name in enumerate(now) if i != 2] == named[:2] + named[3:]
