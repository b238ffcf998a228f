"""A training directory that was damaged or tampered with: refused in one line, or gone around."""

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import inference
import train
from minimagen.text.locate import bundled_directory
from tests.tiny_runs import files_of, tiny_run

Tree = dict[str, Any]
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of one stage, checkpoints of steps 2 and 4; only read it."""
    return tiny_run(tmp_path_factory.mktemp("whole"), 16)


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """Return a copy to damage."""
    return shutil.copytree(whole, tmp_path / "training_run")


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run a script that must end with exit code 2 and one line; return that line."""

    def main_of(main: Callable[[list[str]], int], *flags: object) -> str:
        capsys.readouterr()
        assert main([str(flag) for flag in flags]) == 2
        lines = [
            line
            for line in capsys.readouterr().err.splitlines()
            if line.startswith(("train.py:", "inference.py:"))
        ]
        assert len(lines) == 1
        return lines[0]

    return main_of


# Damage


def test_a_run_whose_newest_checkpoint_is_damaged_goes_on_from_the_one_before_to_the_same_bytes(
    run: Path, whole: Path
) -> None:
    damaged = run / "tmp/unet_0/step_00000004/optimizer.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert train.main(["-rd", str(run)]) == 0
    said = (run / "training_progress.txt").read_text()
    assert f"skipped a damaged checkpoint: {damaged}: has " in said
    assert "continues from step_00000002" in said
    assert files_of(run) == files_of(whole)


# Pickles and lies about sizes, in the place of weights


class Malice:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.path}'",)


def test_the_malice_of_these_tests_is_real(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Malice(tmp_path / "pwned")))
    assert (tmp_path / "pwned").exists()


def forged(kind: str, pwned: Path) -> bytes:
    """Return what somebody puts in the place of a file of weights."""
    sizes = {"header of 4 TiB": 2**42, "header of 2^62": 2**62, "header of -1": 2**64 - 1}
    if kind == "pickle":
        return pickle.dumps(Malice(pwned))
    return struct.pack("<Q", sizes[kind]) + b'{"a":' * 100


@pytest.mark.parametrize("kind", ["pickle", "header of 4 TiB", "header of 2^62", "header of -1"])
def test_forged_weights_are_refused_and_nothing_in_them_runs(
    run: Path, tmp_path: Path, kind: str, refused: Refused
) -> None:
    """By inference, and by a new run that is to start from them."""
    path = run / "state_dicts/unet_0_state.safetensors"
    path.write_bytes(forged(kind, tmp_path / "pwned"))
    for line in (
        refused(inference.main, "-d", run, "-c", "x", "-o", tmp_path),
        refused(train.main, "-p", run / "parameters", "-id", run, "-o", tmp_path),
    ):
        assert f"{path}: is no whole safetensors file" in line
    assert not (tmp_path / "pwned").exists()


def test_a_forged_checkpoint_is_passed_over_and_nothing_in_it_runs(
    run: Path, whole: Path, tmp_path: Path
) -> None:
    for path in (run / "tmp/unet_0/step_00000004").iterdir():
        path.write_bytes(forged("pickle", tmp_path / "pwned"))
    assert train.main(["-rd", str(run)]) == 0
    assert files_of(run) == files_of(whole)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("suffix", ["pt", "bin", "pkl", "ckpt", "npy"])
def test_pickles_lying_about_in_a_run_are_never_opened(
    run: Path, whole: Path, tmp_path: Path, suffix: str
) -> None:
    for place in ("", "state_dicts", "parameters", "tmp", "tmp/unet_0", "tmp/unet_0/step_00000004"):
        forgery = run / place / f"unet_0_state.{suffix}"
        forgery.write_bytes(forged("pickle", tmp_path / "pwned"))
    assert train.main(["-rd", str(run)]) == 0
    inference.infer(inference.parse(["-d", str(run), "-c", "x", "-o", str(tmp_path)]))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")  # torch's, on its way to refusing
def test_a_text_encoder_s_pickled_weights_run_nothing(
    run: Path, tmp_path: Path, refused: Refused
) -> None:
    encoder = shutil.copytree(bundled_directory(), tmp_path / "encoder")
    (encoder / "model.safetensors").unlink()
    (encoder / "pytorch_model.bin").write_bytes(forged("pickle", tmp_path / "pwned"))
    line = refused(train.main, "-p", run / "parameters", "-t5", encoder, "-o", tmp_path / "out")
    assert "its weights are a pickle of more than tensors" in line
    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "out").exists()


# Parameter files


def change(run: Path, name: str, edit: Callable[[Tree], object]) -> None:
    path = run / "parameters" / f"{name}_params.json"
    tree = json.loads(path.read_text())
    edit(tree)
    path.write_text(json.dumps(tree))


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("unet_0", lambda t: t.update(widht=8), "unknown key widht"),
        ("unet_0", lambda t: t.update(__class__="os.system"), "unknown key __class__; remove it"),
        ("unet_0", lambda t: t["levels"][0].update(width=10**9), "levels.0.width is 1000000000"),
        ("unet_0", lambda t: t["levels"][0].update(width=-8), "levels.0.width is -8"),
        ("unet_0", lambda t: t.update(levels=[]), "levels is []"),
        ("unet_0", lambda t: t.update(levels=t["levels"] * 1000), "levels is [{"),
        ("unet_0", lambda t: t.update(patch="4"), 'patch is "4"'),
        ("imagen", lambda t: t["stages"][0].update(size=10**9), "stages.0.size is 1000000000"),
        ("imagen", lambda t: t["stages"][0].update(text_dropout=float("nan")), "finite number"),
        ("imagen", lambda t: t["stages"][0]["sampling"].update(steps=-1), "steps is -1"),
        ("imagen", lambda t: t["stages"][0].update(objective={"kind": "os.system"}), "objective"),
        ("imagen", lambda t: t.update(stages=[]), "stages is []"),
        ("imagen", lambda t: t.update(text_encoder={"kind": "t5", "name": ""}), "name is"),
    ],
)
def test_tampered_parameters_are_refused_before_anything_is_made(
    run: Path,
    tmp_path: Path,
    name: str,
    edit: Callable[[Tree], object],
    said: str,
    refused: Refused,
) -> None:
    change(run, name, edit)
    for line in (
        refused(inference.main, "-d", run, "-c", "x", "-o", tmp_path / "out"),
        refused(train.main, "-rd", run),
        refused(train.main, "-p", run / "parameters", "-o", tmp_path / "out"),
    ):
        assert f"{name}_params.json: " in line
        assert said in line
    assert not (tmp_path / "out").exists()


def test_a_network_of_a_trillion_weights_is_refused_before_it_takes_memory(
    run: Path, tmp_path: Path, refused: Refused
) -> None:
    """Each of its numbers alone is allowed."""
    levels = [{"width": 2**16, "blocks": 64}] * 3
    change(run, "unet_0", lambda tree: tree.update(levels=levels, patch=1))
    for line in (
        refused(inference.main, "-d", run, "-c", "x", "-o", tmp_path / "out"),
        refused(train.main, "-rd", run),
    ):
        assert "stage 0: its network would have 38," in line
        assert "give its levels less width or fewer blocks" in line


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda t: t.update(images=-5), "images"),
        (lambda t: t.update(batch_size=0), "batch_size"),
        (lambda t: t["ema"].update(decay=float("nan")), "finite number"),
        (lambda t: t.update(seed=1e400), "seed is Infinity"),
        (lambda t: t.update(__class__="TrainingConfig"), "unknown key __class__"),
        (lambda t: t["optimizer"].update(kind="eval"), "input tag 'eval'"),
        (lambda t: t["data"].update(cache_gb="all"), 'data.cache_gb is "all"'),
    ],
)
def test_tampered_training_parameters_are_refused(
    run: Path, edit: Callable[[Tree], object], said: str, refused: Refused
) -> None:
    change(run, "training", edit)
    line = refused(train.main, "-rd", run)
    assert "training_params.json: " in line
    assert said in line


@pytest.mark.parametrize("text", ["", "null", "[]", "3", '{"a": ', "\x00", "[" * 100_000])
def test_parameter_files_that_are_no_object_are_refused(
    run: Path, tmp_path: Path, text: str, refused: Refused
) -> None:
    for name in ("imagen", "unet_0", "training"):
        shutil.copytree(run, tmp_path / name)
        (tmp_path / name / f"parameters/{name}_params.json").write_text(text)
        assert f"{name}_params.json" in refused(train.main, "-rd", tmp_path / name)
        if name != "training":
            line = refused(inference.main, "-d", tmp_path / name, "-c", "x", "-o", tmp_path)
            assert f"{name}_params.json" in line
