"""``python -m minimagen release``: from a run to a directory that draws without it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import inference
from minimagen.__main__ import main
from minimagen.release.manifest import read_release, release_id, verify
from tests.tiny_runs import bytes_below, drawn_cascade, tiny_run

Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of two stages; only read it."""
    return tiny_run(tmp_path_factory.mktemp("run"), 16, 32)


@pytest.fixture
def release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Ran:
    """Run the command in a fresh directory; its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def ran(*flags: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["release", *flags])
        return code, *capfd.readouterr()

    return ran


def test_a_release_of_a_run_draws_without_it(run: Path, release: Ran, tmp_path: Path) -> None:
    """And says where it comes from, how good it is, and shows a sheet."""
    moved = shutil.copytree(run, tmp_path / "training_run")
    flags = ("--dtype", "int8", "--measure", "6", "--samples", "2", "--name", "small things")
    code, out, _ = release(str(moved), "-o", "released", *flags)
    assert code == 0
    shutil.rmtree(moved)
    said = verify(Path("released"))
    assert release_id(Path("released")) in out
    assert (said.dtype, said.sizes, said.about.name) == ("int8", (16, 32), "small things")
    assert said.about.data == "shapes, 12 built-in pictures, single"
    assert sum(found.count for found in said.about.measured) == 6
    made = said.about.provenance
    assert made is not None
    assert (made.seed, made.steps, made.threads) == (0, (4, 4), 1)
    assert str(tmp_path) not in json.dumps((Path("released") / "RELEASE.json").read_text())
    with Image.open("released/samples.png") as sheet:
        assert sheet.width >= 2 * 192
    images = inference.infer(inference.parse(["-d", "released", "-c", "a red circle"]))
    with Image.open(images / "generated_images" / "image_0.png") as picture:
        assert picture.size == (32, 32)


def test_the_same_run_gives_the_same_release(run: Path, release: Ran) -> None:
    """Of one identity, so whoever makes it again can compare; of fewer bits another."""
    for name in ("one", "two"):
        assert release(str(run), "-o", name, "--measure", "0", "--samples", "1")[0] == 0
    assert bytes_below(Path("one")) == bytes_below(Path("two"))
    assert read_release(Path("one")).dtype == "bf16"
    assert release("one", "-o", "three", "--dtype", "int8", "--measure", "0")[0] == 0
    origins = [read_release(Path(name)).about.provenance for name in ("one", "three")]
    assert origins[0] == origins[1] is not None


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "--TRAINING_DIRECTORY: missing"),
        (["nowhere"], "nowhere: no such directory"),
        (["CASCADE", "--samples", "3"], "--SAMPLES 3: .* give some with --CAPTIONS"),
        (["CASCADE", "--measure", "3"], "--MEASURE 3: .* was not trained on the built-in data"),
        (["RELEASE", "--push", "a/b", "-dt", "int8"], "--DTYPE: means nothing for a release that"),
        (["CASCADE", "-o", "mine"], "--OUTPUT mine: holds something else than a release"),
        (["CASCADE", "-dt", "int4"], "--DTYPE int4: choose one of fp32, bf16, fp16, int8"),
        (["CASCADE", "-w", "best"], "unet_0_best.safetensors: no such file"),
        (["RELEASE"], "is a release already; give -o to make another, or --PUSH"),
        (["RELEASE", "--push", "nobody"], "nobody: no such directory, and no ORGANISATION/NAME"),
    ],
)
def test_what_cannot_be_released_is_refused_in_a_line(
    flags: list[str], complaint: str, release: Ran, tmp_path: Path
) -> None:
    cascade = drawn_cascade(tmp_path / "training_x", 16)
    if "RELEASE" in flags:
        assert release(str(cascade), "-o", "release")[0] == 0
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years")
    before = bytes_below(mine)
    named = {"CASCADE": str(cascade), "RELEASE": "release"}
    code, _, err = release(*[named.get(flag, flag) for flag in flags])
    assert code == 2
    lines = [line for line in err.splitlines() if line.startswith("python -m minimagen release: ")]
    assert len(lines) == 1
    assert re.search(complaint, lines[0]), lines
    assert bytes_below(mine) == before
