"""``python -m minimagen evaluate``: what it leaves, what it says, what it refuses."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from minimagen import Imagen
from minimagen.__main__ import main
from minimagen.evaluation.pictures import found_in
from minimagen.training.config import TrainingConfig

DISTANCES = {"frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"}
SECTIONS = [
    "How good it is",
    "What it draws",
    "Copies?",
    "Best and worst",
    "Error by noise level",
    "Guidance",
    "Enlargement",
    "Real and drawn, seen by features",
    "Few pictures make a distance too large",
]


@pytest.fixture(scope="session")
def evaluated(short_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what evaluating everything left, once for all that only read it."""
    output = tmp_path_factory.mktemp("output")
    flags = ["-n", "20", "-g", "2", "-ns", "2", "--sweep", "1,4", "-sd", "5", "-o", str(output)]
    assert main(["evaluate", str(short_run), *flags]) == 0
    [folder] = output.glob("evaluation_*")
    return folder


def test_it_leaves_a_report_a_page_and_the_pictures(evaluated: Path) -> None:
    report = json.loads((evaluated / "report.json").read_text())
    assert report["pictures_judged"] == 20
    assert set(report["measures"]) >= DISTANCES | {"caption_accuracy", "authenticity"}
    for found in report["measures"].values():
        assert found["low"] <= found["high"]
    assert set(report["held_out_real"]) >= DISTANCES
    assert report["sampling"] == ["dpmpp_2m, 2 steps, guidance 2"] * 2
    assert [row["scale"] for row in report["guidance"]] == [1, 4]
    assert [row["way"] for row in report["enlargement"]] == ["the stage", "bicubic", "lanczos"]
    assert list(report["errors_by_noise_level"]) == ["stage 0, 16 px", "stage 1, 32 px"]
    assert len(report["pictures"]) == 20
    assert report["warnings"], "20 pictures are few"
    page = (evaluated / "report.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", page) == SECTIONS
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)


def test_its_pictures_are_those_that_are_drawn(evaluated: Path, short_run: Path) -> None:
    pictures = found_in(evaluated / "pictures")
    assert len(set(pictures.captions)) > 5
    drawn = Imagen.load(short_run, "cpu").generate(
        pictures.captions, guidance_scale=2.0, steps=2, seed=5
    )
    for place, picture in enumerate(drawn):
        off = np.asarray(picture).astype(int) - np.asarray(pictures.picture(place))
        assert abs(off).max() <= 1  # other batches: a rounding


def test_neighbours_are_of_the_training_split(evaluated: Path, short_run: Path) -> None:
    from minimagen.data.sources import open_source
    from minimagen.data.split import split

    report = json.loads((evaluated / "report.json").read_text())
    config = TrainingConfig.read(short_run / "parameters")
    source, _ = open_source(config.data, check_size=32)
    training, _ = split(len(source), config.train_fraction, config.seed)
    assert {row["nearest_trained"] for row in report["pictures"]} <= set(training)


def test_the_same_pictures_brought_have_the_same_measures(
    evaluated: Path, short_run: Path, tmp_path: Path
) -> None:
    flags = ["-d", str(short_run), "--only", "nothing", "-sd", "5", "-o", str(tmp_path)]
    assert main(["evaluate", "-i", str(evaluated / "pictures"), *flags]) == 0
    [folder] = tmp_path.glob("evaluation_*")
    before, after = (json.loads((f / "report.json").read_text()) for f in (evaluated, folder))
    assert after["measures"] == before["measures"]
    assert after["guidance"] == after["enlargement"] == []
    assert not (folder / "pictures").exists()


def test_pictures_without_a_run_or_captions(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs, real = tmp_path / "theirs", tmp_path / "real"
    for folder in (theirs, real):
        shutil.copytree(evaluated / "pictures", folder)
        (folder / "captions.txt").unlink()
    for picture in real.iterdir():
        picture.with_suffix(".txt").write_text("noise")
    assert main(["evaluate", "-i", str(theirs), "-ds", str(real), "-o", str(tmp_path)]) == 0
    [folder] = tmp_path.glob("evaluation_*")
    report = json.loads((folder / "report.json").read_text())
    assert "caption_accuracy" not in report["measures"]
    assert report["dataset"] == str(real)
    assert "Fréchet distance, tiny" in capsys.readouterr().out


def test_drawing_without_captions(short_run: Path, tmp_path: Path) -> None:
    flags = ["--unconditional", "-n", "6", "-s", "16", "-o", str(tmp_path)]
    assert main(["evaluate", str(short_run), *flags]) == 0
    [folder] = tmp_path.glob("evaluation_*")
    report = json.loads((folder / "report.json").read_text())
    assert report["size"] == 16
    assert {row["caption"] for row in report["pictures"]} == {""}
    assert report["guidance"] == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-d", "nowhere"], "nowhere: no such directory"),
        (["-s", "24"], "--IMG_SIDE_LEN 24: no fitted stage has this size"),
        (["-n", "3"], "--NUM_IMAGES 3: give a whole number from 6"),
        (["-f", "nobody/nothing"], "feature network"),
        (["--only", "everything"], "--ONLY everything: choose one of loss, enlarging, sweep"),
        (["--map", "globe"], "--MAP globe: choose one of pca, tsne"),
        (["-w", "newest"], "--WEIGHTS newest: choose one of"),
        (["-sm", "best"], "--SAMPLER best: no sampler of this name"),
        (["-ds", "nowhere"], "nowhere: does not exist"),
        (["--unconditional", "-c", "a"], "--UNCONDITIONAL: draws without --CAPTIONS"),
        (["-i", "empty"], "--PICTURES empty: 0 pictures in it"),
        (["-i", "missing"], "--PICTURES missing: no such folder"),
        (["-i", "empty", "-n", "9"], "--NUM_IMAGES: means nothing with --PICTURES"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    short_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    where = [] if "-d" in flags else ["-d", str(short_run)]
    assert main(["evaluate", *flags, *where]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "evaluate:" in line]
    assert len(lines) == 1
    assert message in lines[0]
    assert list(tmp_path.glob("evaluation_*")) == []


def test_pictures_alone_must_be_told_what_is_real(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "-i", str(tmp_path)]) == 2
    assert "--DATASET: missing" in capsys.readouterr().err
