"""The three scripts as a user calls them, in this process: what they leave, and every bad input.

Subprocesses cost seconds of imports each, so there is one, for what needs a process of its own.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import inference
import train
from minimagen import Imagen
from minimagen.release.manifest import About
from tests.conftest import ROOT, cascade_of, stage_of, unet_of

Write = Callable[..., Path]
Errors = Callable[[list[str]], tuple[int, str]]


@pytest.fixture
def parameters(write_parameters: Write) -> Path:
    return write_parameters(cascade_of(16, 32))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a training directory of two tiny stages, fitted once for all that only read it."""
    directory = tmp_path_factory.mktemp("trained")
    (directory / "parameters").mkdir()
    for stem, value in cascade_of(16, 32).items():
        (directory / "parameters" / f"{stem}_params.json").write_text(json.dumps(value))
    flags = ["-p", str(directory / "parameters"), "-o", str(directory), "-ts", "run"]
    return train.train(train.parse(flags))


@pytest.fixture
def error_of(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a script's main and return its exit code and its one line of complaint."""

    def run(main: Callable[[list[str]], int], *flags: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(list(flags))
        lines = [
            line
            for line in capsys.readouterr().err.splitlines()
            if line.startswith(("train.py:", "inference.py:"))
        ]
        assert len(lines) == 1, lines
        return code, lines[0]

    return run


class TestInference:
    def test_it_leaves_what_the_interface_says(self, trained: Path, tmp_path: Path) -> None:
        captions = tmp_path / "captions.txt"
        captions.write_text("a red circle\n\na blue square\n", encoding="utf-8")
        flags = ["-d", str(trained), "-c", str(captions), "-o", str(tmp_path), "-sd", "5"]
        out = inference.infer(inference.parse(flags))
        assert (out / "captions.txt").read_text() == "a red circle\na blue square\n"
        assert (out / "imagen_training_directory.txt").read_text() == f"{trained}\n"
        images = sorted((out / "generated_images").iterdir())
        assert [path.name for path in images] == ["image_0.png", "image_1.png"]
        with Image.open(images[1]) as picture:
            assert picture.size == (32, 32)
            assert picture.text["caption"] == "a blue square"
            assert picture.text["seed"] == "5"
            assert {"sampler", "steps", "guidance_scale", "weights_sha256"} <= picture.text.keys()
        settings = json.loads((out / "settings.json").read_text())
        assert settings["seed"] == 5
        assert settings["steps"] == [2, 2]
        with Image.open(out / "grid.png") as grid:
            assert grid.width > 2 * 192

    def test_one_value_or_one_for_each_stage(self, trained: Path, tmp_path: Path) -> None:
        flags = ["-d", str(trained), "-c", "a red circle", "-o", str(tmp_path)]
        out = inference.infer(
            inference.parse([*flags, "-ns", "3,1", "-g", "2", "-sm", "ddim,heun"])
        )
        settings = json.loads((out / "settings.json").read_text())
        assert settings["steps"] == [3, 1]
        assert settings["sampler"] == ["ddim", "heun"]

    def test_only_fitted_stages_are_drawn_and_it_says_so(
        self, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(trained, tmp_path / "training_half")
        (tmp_path / "training_half/state_dicts/unet_1_state.safetensors").unlink()
        flags = ["-d", str(tmp_path / "training_half"), "-c", "a red circle", "-o", str(tmp_path)]
        out = inference.infer(inference.parse(flags))
        assert "only 1 of 2 stages are fitted: drawing at 16 px" in capsys.readouterr().out
        with Image.open(out / "generated_images" / "image_0.png") as picture:
            assert picture.size == (16, 16)

    def test_the_newest_training_directory_here_is_the_default(
        self, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copytree(trained, tmp_path / "training_here")
        monkeypatch.chdir(tmp_path)
        out = inference.infer(inference.parse(["-s", "16"]))
        assert (out / "imagen_training_directory.txt").read_text() == "training_here\n"

    def test_without_one_the_bundled_model_draws_and_it_says_so(
        self,
        trained: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        Imagen.load(trained).save_pretrained(tmp_path / "bundle", about=About(name="shapes"))
        monkeypatch.setattr("minimagen.release.finding.BUNDLED_PLACE", tmp_path / "bundle")
        monkeypatch.chdir(tmp_path)
        for flags in ([], ["-d", "bundled"]):
            out = inference.infer(inference.parse(["-c", "a red circle", "-s", "16", *flags]))
            assert (out / "generated_images" / "image_0.png").is_file()
        assert capsys.readouterr().out.count("using the bundled 'shapes' (") == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-d", "nowhere"], "nowhere: no such directory"),
        (["-d", "."], ": no training directory, it has no parameters/"),
        (["-d", "TRAINED", "-c", "none.txt"], "--CAPTIONS none.txt: cannot be read"),
        (["-d", "TRAINED", "-c", "empty.txt"], "--CAPTIONS empty.txt: holds no caption"),
        (["-d", "TRAINED", "-c", "latin.txt"], "--CAPTIONS latin.txt: no UTF-8 text at byte 1"),
        (["-d", "TRAINED", "-s", "64"], "--IMG_SIDE_LEN 64: no fitted stage has this size; choose"),
        (["-d", "TRAINED", "-ns", "1,2,3"], "steps: 3 values for 2 stages; give 1 or 2"),
        (
            ["-d", "TRAINED", "-sm", "magic"],
            "--SAMPLER magic: no sampler of this name; choose one of ddpm, ",
        ),
        (["-d", "TRAINED", "-nc", "red", "-g", "1"], "--NEGATIVE_CAPTION: guidance is 1 in every"),
        (["-d", "TRAINED", "-dv", "cuda:77"], "--DEVICE cuda:77: not on this machine"),
        (["-d", "TRAINED", "-o", "latin.txt/x"], "--OUTPUT latin.txt/x: no directory can be made"),
        ([], "no training_* directory here; train one with train.py, or give -d"),
    ],
)
def test_inference_says_what_is_wrong_in_one_line(
    flags: list[str],
    message: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error_of: Callable[..., tuple[int, str]],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minimagen.release.finding.BUNDLED_PLACE", tmp_path / "none")
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "latin.txt").write_bytes(b"r\xf6d")
    code, line = error_of(inference.main, *[str(trained) if f == "TRAINED" else f for f in flags])
    assert code == 2
    assert message in line
    assert not list(tmp_path.glob("generated_images_*"))


def test_damaged_weights_are_named(
    trained: Path, tmp_path: Path, error_of: Callable[..., tuple[int, str]]
) -> None:
    shutil.copytree(trained, tmp_path / "training_bad")
    path = tmp_path / "training_bad/state_dicts/unet_0_state.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    code, line = error_of(inference.main, "-d", str(tmp_path / "training_bad"), "-c", "x")
    assert code == 2
    assert "unet_0_state.safetensors" in line


def test_when_no_checkpoint_verifies_the_run_is_not_started_again(
    trained: Path, tmp_path: Path, error_of: Callable[..., tuple[int, str]]
) -> None:
    run = shutil.copytree(trained, tmp_path / "training_bad")
    for manifest in run.glob("tmp/unet_0/step_*/MANIFEST.json"):
        manifest.write_text("{}")
    code, _ = error_of(train.main, "-rd", str(run))
    assert code == 3


class TestTrainingOnBadInput:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    def _assert_nothing_was_made(self) -> None:
        assert not list(Path().glob("**/training_[!p]*"))

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            (None, "pictures"),
            ({}, "pictures"),
            ({"a.png": None, "b.png": None}, "caption"),
            ({"a.png": None, "a.txt": ""}, "caption"),
            ({"a.png": None, "metadata.jsonl": ""}, "metadata.jsonl"),
        ],
    )
    def test_data_that_cannot_be_trained_on(
        self,
        parameters: Path,
        files: dict[str, str | None] | None,
        message: str,
        error_of: Callable[..., tuple[int, str]],
    ) -> None:
        if files is not None:
            Path("pictures").mkdir()
        for name, text in (files or {}).items():
            if text is None:
                Image.new("RGB", (40, 40), "red").save(f"pictures/{name}")
            else:
                Path(f"pictures/{name}").write_text(text)
        code, line = error_of(train.main, "-p", str(parameters), "-ds", "pictures")
        assert code == 2
        assert message in line
        self._assert_nothing_was_made()

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["-p", "nowhere"], "nowhere: no such directory"),
            (["-rd", "nowhere"], "--RESTART_DIRECTORY nowhere: no training directory"),
            (["-p", "PARAMETERS", "-s", "17"], "--IMG_SIDE_LEN 17: no stage has this size"),
            (["-p", "PARAMETERS", "-t5", "no/such-encoder"], "no/such-encoder"),
            (["-p", "PARAMETERS", "-id", "nowhere"], "--INIT_DIRECTORY nowhere: has no weights"),
            (["-p", "PARAMETERS", "-dv", "abacus"], "--DEVICE abacus: not on this machine"),
        ],
    )
    def test_wrong_flags(
        self,
        parameters: Path,
        flags: list[str],
        message: str,
        error_of: Callable[..., tuple[int, str]],
    ) -> None:
        given = [str(parameters) if flag == "PARAMETERS" else flag for flag in flags]
        code, line = error_of(train.main, *given)
        assert code == 2
        assert message in line
        self._assert_nothing_was_made()

    def test_an_unknown_key_names_the_nearest(
        self, write_parameters: Write, error_of: Callable[..., tuple[int, str]]
    ) -> None:
        tree = cascade_of(16)
        tree["training"]["batchsize"] = 3
        code, line = error_of(train.main, "-p", str(write_parameters(tree)))
        assert code == 2
        assert "unknown key batchsize; did you mean 'batch_size'?" in line

    def test_an_impossible_value_is_named(
        self, write_parameters: Write, error_of: Callable[..., tuple[int, str]]
    ) -> None:
        tree = cascade_of(16)
        tree["imagen"]["stages"][0]["text_dropout"] = 1.5
        code, line = error_of(train.main, "-p", str(write_parameters(tree)))
        assert code == 2
        assert "text_dropout is 1.5" in line


@pytest.mark.parametrize("sizes", [(128,), (32, 128), (16, 32, 64, 128)])
def test_other_cascades_work_from_parameter_files_alone(
    sizes: tuple[int, ...], write_parameters: Write, tmp_path: Path
) -> None:
    tree = cascade_of(*sizes)
    tree["training"] |= {"images": 2, "data": {"shapes": {"size": 4}}}
    directory = write_parameters(tree)
    run = train.train(train.parse(["-p", str(directory), "-o", str(tmp_path)]))
    flags = ["-d", str(run), "-c", "a red circle", "-o", str(tmp_path)]
    out = inference.infer(inference.parse(flags))
    with Image.open(out / "generated_images" / "image_0.png") as picture:
        assert picture.size == (sizes[-1], sizes[-1])


def test_objectives_schedules_and_flow_train_and_sample(
    write_parameters: Write, tmp_path: Path
) -> None:
    """An eps base on a linear schedule, a flow stage, and a v stage with discrete times."""
    tree = cascade_of(8, 16, 32)
    changes = [
        {"schedule": {"kind": "linear_beta"}, "objective": {"kind": "eps"}},
        {"schedule": {"kind": "flow"}, "objective": {"kind": "flow"}},
        {"objective": {"kind": "v"}, "times": {"kind": "discrete", "timesteps": 10}},
    ]
    tree["imagen"]["stages"] = [stage_of(s, **c) for s, c in zip((8, 16, 32), changes, strict=True)]
    tree["unet_0"] = unet_of(patch=2)
    run = train.train(train.parse(["-p", str(write_parameters(tree)), "-o", str(tmp_path)]))
    flags = ["-d", str(run), "-c", "a red circle", "-o", str(tmp_path)]
    assert inference.infer(inference.parse(flags)).is_dir()


def test_a_new_run_can_start_from_another_ones_weights(
    trained: Path, parameters: Path, tmp_path: Path
) -> None:
    """One step at a rate of next to nothing leaves the other run's averaged weights unchanged."""
    flags = ["-p", str(parameters), "-id", str(trained), "-o", str(tmp_path), "-lr", "1e-30"]
    run = train.train(train.parse([*flags, "--SET", "training.images=2"]))
    name = "state_dicts/unet_0_state.safetensors"
    assert (run / name).read_bytes() == (trained / name).read_bytes()


def test_ctrl_c_loses_nothing_and_help_needs_no_torch(parameters: Path, tmp_path: Path) -> None:
    """In a process of its own, from another directory: exit code 130, then the rest with -rd."""
    script = str(ROOT / "train.py")
    started = time.monotonic()
    shown = subprocess.run([sys.executable, script, "--help"], capture_output=True, check=True)
    assert b"--BATCH_SIZE" in shown.stdout
    assert time.monotonic() - started < 10  # torch alone takes longer on a busy machine
    flags = ["-p", str(parameters), "-ts", "run", "--SET", "training.images=100000", "-st", "0"]
    process = subprocess.Popen(
        [sys.executable, script, *flags], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    run = tmp_path / "training_run"
    while not (run / "metrics.jsonl").is_file():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(2)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "continue with -rd training_run" in errors
    assert list(run.glob("tmp/unet_0/step_*/MANIFEST.json"))
    assert (run / "state_dicts" / "unet_0_state.safetensors").is_file()
