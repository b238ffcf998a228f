"""From a command line to a run: every flag reaches its parameter, a wrong one is told in a line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minimagen.cli.settings import Settings, continued_run, new_run
from minimagen.cli.train import FLAGS, parse
from minimagen.config import dump
from minimagen.errors import UsageError
from tests.conftest import ROOT, cascade_of


@pytest.fixture
def settle(write_parameters: Callable[..., Path]) -> Callable[..., Settings]:
    directory = write_parameters(cascade_of(16, 32))
    return lambda *flags: new_run(parse(["-p", str(directory), *flags]))


@pytest.mark.parametrize(
    ("flags", "read", "expected"),
    [
        (["-b", "7"], lambda s: s.training.batch_size, 7),
        (["--batch-size", "7"], lambda s: s.training.batch_size, 7),
        (["--BATCH_SIZE", "7"], lambda s: s.training.batch_size, 7),
        (["-e", "3"], lambda s: s.training.epochs, 3),
        (["-ai", "4"], lambda s: s.training.accumulate, 4),
        (["-lr", "0.5"], lambda s: s.training.optimizer.learning_rate, 0.5),
        (["-cn", "9"], lambda s: s.training.checkpoint_every, 9),
        (["-vn", "5"], lambda s: s.training.validation_images, 5),
        (["-f", "0.5"], lambda s: s.training.train_fraction, 0.5),
        (["-ds", "folder"], lambda s: s.training.data.dataset, "folder"),
        (["-pr", "bf16"], lambda s: s.training.precision, "bf16"),
        (["-sd", "3"], lambda s: s.training.seed, 3),
        (["-t5", "t5_base"], lambda s: s.cascade.imagen.text_encoder.name, "t5_base"),
        (["-mw", "9"], lambda s: s.cascade.imagen.text_encoder.max_tokens, 9),
        (["-s", "16"], lambda s: [stage.size for stage in s.cascade.imagen.stages], [16]),
        (["-t", "25"], lambda s: s.cascade.imagen.stages[1].times.timesteps, 25),
        (["-t", "1"], lambda s: s.cascade.imagen.stages[0].sampling.steps, 1),
        (["-st", "1"], lambda s: s.stages, (1,)),
        (["--SET", "training.ema.decay=0.5"], lambda s: s.training.ema.decay, 0.5),
        (
            ["--SET", 'training.ema={"kind":"power"}'],
            lambda s: s.training.ema.sigma_rels,
            (0.05, 0.1),
        ),
        (["--SET", "data.max_rejected=0.3"], lambda s: s.training.data.max_rejected, 0.3),
        (["--SET", "unet_1.embedding=32"], lambda s: s.cascade.unets[1].embedding, 32),
        (
            ["--SET", 'imagen.stages.0.objective={"kind":"v"}'],
            lambda s: s.cascade.imagen.stages[0].objective.kind,
            "v",
        ),
    ],
)
def test_a_flag_reaches_its_parameter(
    settle: Callable[..., Settings], flags: list[str], read: Callable[[Any], Any], expected: Any
) -> None:
    assert read(settle(*flags)) == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-s", "48"], "--IMG_SIDE_LEN 48: no stage has this size; choose one of 16, 32"),
        (["-st", "0,2"], "--STAGES 0,2: this cascade's stages are 0 to 1"),
        (["-b", "0"], "--BATCH_SIZE 0: give a whole number from 1 to 1000000"),
        (["-b", "two"], "--BATCH_SIZE two: give a whole number from 1 to 1000000"),
        (["-lr", "nan"], "--OPTIM_LR nan: give a number above 0 to 100"),
        (["-f", "1.5"], "--TRAIN_VALID_FRAC 1.5: give a number above 0 to 1"),
        (["-pr", "fp8"], "--PRECISION fp8: choose one of no, bf16"),
        (["-ts", "a/b"], "--TIMESTAMP a/b: give letters, digits, - and _ only"),
        (
            ["--SET", "ema=1"],
            "--SET ema: starts with none of imagen, unet_0, unet_1, training, data",
        ),
        (["--SET", "training.emma=1"], "unknown key emma; did you mean 'ema'?"),
        (["--SET", "training"], "--SET training: give NAME=VALUE"),
        (["--SET", "imagen.stages.7.size=8"], "7 is no place from 0 to 1"),
        (["--SET", "training.ema.decay=2"], "decay is 2: input should be less than 1"),
        (["--NO_SUCH"], "unrecognized arguments: --NO_SUCH; see train.py --help"),
    ],
)
def test_a_wrong_flag_is_told_in_one_line(
    settle: Callable[..., Settings], flags: list[str], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        settle(*flags)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_every_flag_has_both_spellings_and_help() -> None:
    for flag in FLAGS:
        assert f"--{flag.name}" in flag.spellings()
        assert f"--{flag.name.lower().replace('_', '-')}" in flag.spellings()
        assert flag.help
    names = [spelling for flag in FLAGS for spelling in flag.spellings()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("timesteps", "steps"), [(1000, 16), (7, 7)])
def test_discrete_times_keep_the_default_steps_where_they_fit(
    write_parameters: Callable[..., Path], timesteps: int, steps: int
) -> None:
    """Never all timesteps just because the file names no steps."""
    tree = cascade_of(16)
    del tree["imagen"]["stages"][0]["sampling"]
    settings = new_run(parse(["-p", str(write_parameters(tree)), "-t", str(timesteps)]))
    assert settings.cascade.imagen.stages[0].sampling.steps == steps


def test_testing_takes_the_tiny_networks_and_flags_win(settle: Callable[..., Settings]) -> None:
    settings = settle("--TESTING", "-b", "3", "-t", "7", "-e", "2")
    tiny = json.loads((ROOT / "parameters/tiny/unet_0_params.json").read_text())
    assert settings.cascade.unets[0].patch == tiny["patch"]
    assert settings.training.batch_size == 3
    assert settings.training.epochs == 2
    assert settings.training.data.limit == 32
    assert [stage.size for stage in settings.cascade.imagen.stages] == [16, 32]


class TestContinuing:
    @pytest.fixture
    def run(self, settle: Callable[..., Settings], tmp_path: Path) -> Path:
        settings = settle("-e", "2", "-b", "2")
        settings.cascade.write(tmp_path / "run" / "parameters")
        text = dump(settings.training)
        (tmp_path / "run" / "parameters" / "training_params.json").write_text(text)
        return tmp_path / "run"

    @pytest.mark.parametrize("flags", [[], ["-cn", "7"], ["-n", "2"], ["-st", "1"], ["-e", "5"]])
    def test_what_may_differ_may(self, run: Path, flags: list[str]) -> None:
        continued_run(parse(flags), run)

    def test_repeating_what_is_so_is_no_difference(self, run: Path) -> None:
        continued_run(parse(["-b", "2", "-sd", "0"]), run)

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["-sd", "3"], "training.seed is 0 in the run and 3 here"),
            (["-lr", "0.5"], "training.optimizer.learning_rate is 0.001 in the run and 0.5 here"),
            (["-s", "16"], 'imagen.stages.1 is {"size": 32, '),
            (["--TESTING"], "--TESTING: means nothing with --RESTART_DIRECTORY"),
            (["-id", "x"], "--INIT_DIRECTORY: means nothing with --RESTART_DIRECTORY"),
        ],
    )
    def test_another_run_is_wrong_use(self, run: Path, flags: list[str], message: str) -> None:
        with pytest.raises(UsageError) as error:
            continued_run(parse(flags), run)
        assert message in str(error.value)

    def test_a_few_of_many_differences_are_told(self, run: Path) -> None:
        with pytest.raises(UsageError, match=r"and \d+ more\. Leave these out") as error:
            continued_run(parse(["-p", "parameters/photos"]), run)
        assert len(str(error.value)) < 1500
        assert ".about" not in str(error.value)
