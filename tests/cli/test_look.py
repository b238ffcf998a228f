"""``python -m minimagen look``: every view of a drawing and of a picture, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minimagen import Imagen
from minimagen.__main__ import main


@pytest.fixture
def here(imagen: Imagen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go where a cascade of 16 and 32 px and a picture are."""
    imagen.save(tmp_path / "training_run")
    pixels = np.random.default_rng(3).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_in(directory: Path) -> set[str]:
    """Return what is in the one directory that was made, without those of single tokens."""
    [output] = directory.glob("looked_inside_*")
    names = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    return {name for name in names if "_token_" not in name}


def test_everything_of_a_drawing(here: Path) -> None:
    assert main(["look", "training_run", "-c", "a red circle", "-st", "0,1", "-ns", "2"]) == 0
    assert files_in(here) == {
        "picture_stage_0.png",
        "picture_stage_1.png",
        "attention/stage_0.png",
        "attention/stage_1.png",
        "words_stage_0.png",
        "words_stage_1.png",
        "trajectory.png",
        "loss_by_noise_level.png",
        "loss_by_noise_level.json",
    }
    [output] = here.glob("looked_inside_*")
    tokens = sorted(path.stem for path in output.glob("attention/stage_0_token_*"))
    assert tokens == [
        "stage_0_token_0_null",
        "stage_0_token_1_a",
        "stage_0_token_2_red",
        "stage_0_token_3_circle",
        "stage_0_token_4_end",
    ]
    with Image.open(output / "trajectory.png") as film:
        assert film.n_frames == 4  # type: ignore[attr-defined]
    losses = json.loads((output / "loss_by_noise_level.json").read_text())
    assert list(losses) == ["stage 0, 16 px", "stage 1, 32 px"]
    assert list(losses["stage 0, 16 px"]) == ["a red circle", "no caption"]


def test_the_picture_is_the_one_that_is_drawn(here: Path, imagen: Imagen) -> None:
    assert (
        main(["look", "training_run", "-c", "a red circle", "-sd", "7", "--only", "attention"]) == 0
    )
    [expected] = imagen.generate(["a red circle"], size=16, seed=7)
    [output] = here.glob("looked_inside_*")
    assert np.array_equal(Image.open(output / "picture_stage_0.png"), expected)


def test_a_picture_that_is_there(here: Path) -> None:
    assert main(["look", "-d", "training_run", "-i", "photo.png", "-c", "a street"]) == 0
    assert files_in(here) == {
        "picture_stage_0.png",
        "attention/stage_0.png",
        "words_stage_0.png",
        "loss_by_noise_level.png",
        "loss_by_noise_level.json",
    }


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--CAPTION: missing; say what to draw, or give an --IMAGE"),
        (["-i", "nowhere.png"], "--IMAGE nowhere.png: file is missing"),
        (["-i", "text.png"], "--IMAGE text.png: not an image of a known kind"),
        (["-i", "photo.png", "-ns", "3"], "--STEPS: means nothing with --IMAGE"),
        (["-i", "photo.png", "--only", "trajectory"], "--ONLY trajectory: --IMAGE is not drawn"),
        (["--only", "colours"], "--ONLY colours: choose one of attention, words,"),
        (["--film", "mp4"], "--FILM mp4: choose one of apng, gif"),
        (["-st", "2"], "stages 2: choose of the fitted ones, 0 to 1"),
        (["-ns", "0"], "--STEPS 0: give a whole number"),
        (["-sm", "best"], "--SAMPLER best: no sampler of this name"),
        (["-d", "nowhere"], "nowhere: no such directory"),
        (["-o", "text.png"], "--OUTPUT text.png: no directory can be made there"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    here: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [] if "-d" in flags else ["-d", "training_run"]
    caption = [] if not flags or "-i" in flags else ["-c", "a red circle"]
    assert main(["look", *flags, *run, *caption]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"python -m minimagen look: {message}")
    assert list(here.glob("looked_inside_*")) == []
