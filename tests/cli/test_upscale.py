"""``python -m minimagen upscale``: what it leaves behind, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minimagen import Imagen
from minimagen.__main__ import main


@pytest.fixture
def here(imagen: Imagen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go where a cascade of 16 and 32 px and three pictures are, two of them in a folder."""
    imagen.save(tmp_path / "training_run")
    (tmp_path / "album").mkdir()
    for name, sides in {
        "wide.png": (40, 20),
        "album/b.jpg": (16, 16),
        "album/a.png": (20, 31),
    }.items():
        pixels = np.random.default_rng(3).integers(0, 256, (*sides[::-1], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    Image.new("RGB", (16, 9)).save(tmp_path / "small.png")
    Image.new("1", (6000, 6000)).save(tmp_path / "large.png")  # soon written
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "two.txt").write_text("a red circle\na blue square\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def only_output(directory: Path) -> Path:
    [output] = directory.glob("generated_images_*")
    return output


def test_it_leaves_what_inference_leaves(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["upscale", "wide.png", "-i", "album", "-d", "training_run", "-c", "a red circle"]
    assert main([*command, "-sd", "5", "-ns", "1"]) == 0
    output = only_output(here)
    assert capsys.readouterr().out == f"generated images: {output.name}\n"
    assert (output / "captions.txt").read_text() == "a red circle\n" * 3
    assert (output / "imagen_training_directory.txt").read_text() == "training_run\n"
    assert Image.open(output / "grid.png").width > 256
    settings = json.loads((output / "settings.json").read_text())
    files = [picture["file"] for picture in settings["pictures"]]
    assert files == ["wide.png", "album/a.png", "album/b.jpg"]
    made = [Image.open(output / "generated_images" / f"image_{i}.png") for i in range(3)]
    assert [picture.size for picture in made] == [(80, 40), (40, 62), (32, 32)]
    text = made[1].text  # type: ignore[attr-defined]
    assert text["caption"] == "a red circle"
    assert (json.loads(text["seed"]), json.loads(text["steps"])) == (5, [1])
    assert text["weights_sha256"] == json.dumps(settings["weights_sha256"])


def test_it_draws_what_python_draws(here: Path, imagen: Imagen) -> None:
    assert main(["upscale", "wide.png", "-d", "training_run", "-sd", "5", "-a", "0"]) == 0
    with Image.open("wide.png") as picture:
        [expected] = imagen.upscale([picture], seed=5, augmentation=0.0)
    found = Image.open(only_output(here) / "generated_images" / "image_0.png")
    assert np.array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--IMAGE: missing"),
        (["nowhere.png"], "--IMAGE nowhere.png: file is missing; give a PNG or JPEG file"),
        (["text.png"], "--IMAGE text.png: not an image of a known kind"),
        (["empty"], "--IMAGE empty: no picture in this folder"),
        (["small.png"], "--IMAGE small.png: is 16 x 9 pixels; give one of at least 16 each way"),
        (["large.png"], "--IMAGE large.png: would become 12000 x 12000 pixels, more than 64 mill"),
        (["wide.png", "-d", "nowhere"], "nowhere: no such directory"),
        (["wide.png", "-st", "2"], "stages 2: the fitted ones that enlarge are 1; choose of them"),
        (["wide.png", "-st", "0"], "--STAGES 0: give a whole number from 1 to 99"),
        (["wide.png", "-c", "two.txt"], "--CAPTIONS two.txt: 2 captions for 1 pictures; give one"),
        (["wide.png", "-c", "none.txt"], "--CAPTIONS none.txt: cannot be read"),
        (["wide.png", "-a", "2"], "--AUGMENTATION 2: give a number from 0 to 1"),
        (["wide.png", "-ns", "0"], "--STEPS 0: give a whole number from 1 to 10000"),
        (["wide.png", "-ns", "1,2"], "steps: 2 values for 1 stage; give 1"),
        (["wide.png", "-sm", "best"], "--SAMPLER best: no sampler of this name"),
        (["wide.png", "--tile", "0"], "--TILE 0: give a whole number from 1 to 100000"),
        (["wide.png", "-o", "text.png"], "--OUTPUT text.png: no directory can be made there"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    here: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [] if "-d" in flags else ["-d", "training_run"]
    assert main(["upscale", *flags, *run]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"python -m minimagen upscale: {message}")
    assert list(here.glob("generated_images_*")) == []
