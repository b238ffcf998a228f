"""Images drawn again, and drawn to the end: the same bytes each time."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

import inference
from tests.conftest import ROOT
from tests.launched import launch
from tests.tiny_runs import bytes_below, drawn_cascade

EDITS = {
    "plain": "-nc (noise:1.2) -g 2 -ns 3,1 -sm heun,ddim -sd 5",
    "inpainting": "-i photo.png -m mask.png --resample 2",
    "outpainting": "-i photo.png --margin 0.25",
    "image to image": "-i photo.png --strength 0.4",
    "inversion": "-i photo.png --source-caption dots",
    "captions": "--towards-caption (red:1.5) --amount 0,1",
    "seeds": "--towards-seed 9",
    "regions": "--region mask.png=dots",
}


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_cascade(tmp_path_factory.mktemp("cascade") / "training_x", 16, 32)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((32, 32)).convert("RGB").save("photo.png")
    Image.radial_gradient("L").resize((32, 32)).save("mask.png")


def draw(*flags: str) -> Path:
    return inference.infer(inference.parse(list(flags)))


@pytest.mark.parametrize("flags", EDITS.values(), ids=EDITS)
def test_repeated_images_have_the_same_bytes_without_the_files_they_came_from(
    flags: str, cascade: Path, tmp_path: Path
) -> None:
    """The whole directory: images, their text fields, grid, settings, the inputs of an edit."""
    Path("captions.txt").write_text("a {red|blue} circle\na square\n")
    first = draw("-d", str(cascade), "-c", "captions.txt", "-b", "2", *flags.split(" "))
    kept = shutil.move(first, tmp_path / "kept")
    for path in ("photo.png", "mask.png", "captions.txt"):
        Path(path).unlink()
    again = draw("--repeat", str(Path(kept) / "settings.json"), "-o", "elsewhere")
    assert bytes_below(again) == bytes_below(Path(kept))


def test_repeated_images_find_a_training_directory_that_moved_with_them(
    cascade: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(cascade, "here/training_x")
    monkeypatch.chdir("here")
    first = draw("-d", "training_x", "-c", "a dot")
    monkeypatch.chdir(tmp_path)
    again = draw("--repeat", f"here/{first}/settings.json")
    assert bytes_below(again) == bytes_below(Path("here") / first)


def test_what_is_finished_is_not_drawn_again_and_the_rest_has_the_same_bytes(
    cascade: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As if killed in the middle of a batch: a picture half-written, no grid."""
    out = draw("-d", str(cascade), "-c", "a (red:2) circle", "-ni", "5", "-b", "2")
    whole = bytes_below(out)
    (out / "grid.png").unlink()
    for place in (1, 4):
        (out / f"generated_images/image_{place}.png").unlink()
    half = out / "generated_images/image_4.png.tmp-1-ab"
    half.mkdir()
    (half / "image_4.png").write_bytes(b"half")
    before = (out / "generated_images/image_2.png").stat().st_mtime_ns
    assert draw("--resume", str(out)) == out
    assert bytes_below(out) == whole
    assert (out / "generated_images/image_2.png").stat().st_mtime_ns == before
    assert draw("--resume", str(out)) == out  # nothing is missing
    assert bytes_below(out) == whole


def test_names_that_other_programs_have_mean_the_same() -> None:
    ours = "-d run -c dot -nc red -ns 4 -g 2 -o out -s 64 -ni 2 -i a.png -m b.png -b 3"
    theirs = (
        "--checkpoint_path run --prompt dot --negative_prompt red --num_inference_steps 4 "
        "--guidance_scale 2 --output_path out --image_size 64 --num_images_per_prompt 2 "
        "--init_image a.png --mask_image b.png --batch_size 3"
    )
    one, two = (inference.parse(flags.split(" ")) for flags in (ours, theirs))
    assert vars(one) == vars(two)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--repeat none.json", "none.json: cannot be read (No such file or directory)"),
        ("--repeat mask.png", "mask.png: no UTF-8 text; give the settings.json of an earlier run"),
        ("--repeat bad.json", "bad.json: training_directory is missing"),
        ("--repeat OUT/settings.json -sd 3", "--SEED: means nothing with --REPEAT, which takes"),
        ("--resume OUT -o x", "--OUTPUT: means nothing with --RESUME, which takes everything"),
        ("--resume nowhere", "nowhere: no settings.json and generated_images/ in it; name a"),
        ("--repeat DAMAGED/settings.json", "is not what it was, its SHA-256 differs; restore it"),
        ("--repeat BARE/settings.json", ": file is missing; give a PNG or JPEG file"),
        ("--repeat OUT/settings.json -d OTHER", "OTHER: its ema weights are no longer those that"),
        ("--repeat OUT/settings.json -d gone", "gone: no such directory"),
    ],
)
def test_what_cannot_be_drawn_again_is_one_line(
    flags: str, message: str, cascade: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.json").write_text("{}")
    shutil.copytree(cascade, "OTHER")
    weights = Path("OTHER/state_dicts/unet_0_state.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    out = draw("-d", str(cascade), "-c", "a dot", "-i", "photo.png", "-s", "16")
    for name in ("OUT", "DAMAGED", "BARE"):
        shutil.copytree(out, name)
    (kept,) = Path("DAMAGED/inputs").iterdir()
    kept.write_bytes(kept.read_bytes() + b"\0")
    shutil.rmtree("BARE/inputs")
    capsys.readouterr()
    code = inference.main(flags.split(" "))
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 2
    assert line.startswith("inference.py: ")
    assert message in line


def test_a_run_that_ends_early_says_how_to_go_on(
    cascade: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the second batch is written."""
    save, written = Image.Image.save, list[int]()

    def interrupted(image: Image.Image, *how: object, **options: object) -> None:
        written.append(1)
        if len(written) == 2:
            raise KeyboardInterrupt
        save(image, *how, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "save", interrupted)
    code = inference.main(["-d", str(cascade), "-c", "a dot", "-ni", "3", "-b", "1"])
    monkeypatch.undo()
    told = capsys.readouterr().out
    assert code == 130
    assert "what is drawn is kept; the rest comes with --RESUME generated_images_" in told


def test_one_bar_says_which_image_stage_and_step_and_how_long_still(
    cascade: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw("-d", str(cascade), "-c", "a dot", "-ni", "3", "-b", "2", "-ns", "4,2")
    shown = capsys.readouterr().err.replace("\r", "\n").splitlines()
    assert shown[-1].startswith("image 2 of 3, stage 2 of 2, step 2 of 2, 00:00 left 100%|")


@pytest.mark.slow
def test_two_processes_share_the_images_and_leave_the_same_bytes_as_one(
    cascade: Path, tmp_path: Path
) -> None:
    flags = ["-d", str(cascade), "-c", "a {red|blue|green} circle", "-ni", "3", "-b", "2"]
    one = draw(*flags)
    command = [str(ROOT / "inference.py"), *flags, "-dv", "cpu", "-o", str(tmp_path / "two")]
    two = launch(tmp_path / "said", *command)
    assert two.ended() == 0, two.errors
    (out,) = (tmp_path / "two").iterdir()
    assert bytes_below(out) == bytes_below(one)
    assert two.printed == f"generated images: {out}\n"


@pytest.mark.slow
@pytest.mark.timeout(900)  # three processes one after the other, on a busy machine
def test_killed_again_and_again_it_ends_with_the_bytes_of_one_that_was_not(
    cascade: Path, tmp_path: Path
) -> None:
    """SIGKILL as soon as another image is there, twice; --RESUME draws the rest."""
    flags = ["-d", str(cascade), "-c", "a dot", "-ni", "4", "-b", "1", "-ns", "40,20"]
    whole = bytes_below(draw(*flags))
    command = [sys.executable, str(ROOT / "inference.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, *flags, "-o", "killed"], env=environment)
    for _ in range(2):
        seen = len(images())
        while len(images()) <= seen:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        (out,) = Path("killed").iterdir()
        process = subprocess.Popen([*command, "--resume", str(out)], env=environment)
    process.wait()
    assert process.returncode == 0
    assert bytes_below(next(Path("killed").iterdir())) == whole


def images() -> list[Path]:
    return list(Path("killed").glob("*/generated_images/image_?.png"))
