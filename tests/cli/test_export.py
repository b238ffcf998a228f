"""``python -m minimagen export`` and ``prune``."""

from collections.abc import Callable
from pathlib import Path

import pytest

import inference
from minimagen import Imagen
from minimagen.__main__ import main
from minimagen.export import load_exported
from tests.tiny_runs import drawn_cascade

Shown = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cascade of one stage; only read it."""
    return drawn_cascade(tmp_path_factory.mktemp("there") / "training_run", 16)


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Run a command; its exit code, standard output and standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*map(str, words)])
        return code, *capsys.readouterr()

    return call


def test_a_run_is_exported_and_draws(run: Path, tmp_path: Path, shown: Shown) -> None:
    code, out, err = shown("export", run, "-o", tmp_path / "made", "--format", "torch")
    assert (code, err) == (0, "")
    assert "unet_0.pt2" in out
    assert "from the network's" in out
    assert len(load_exported(tmp_path / "made").generate(["a red circle"])) == 1


def test_a_run_is_pruned_and_draws(run: Path, tmp_path: Path, shown: Shown) -> None:
    captions = tmp_path / "captions.txt"
    captions.write_text("a red circle\na blue square\n")
    made = tmp_path / "made"
    code, out, _ = shown("prune", run, "-c", captions, "-o", made, "--keep", "0.5")
    assert code == 0
    assert "16 px: " in out
    before, after = (Imagen.load(where).stages[0].network for where in (run, made))
    count, fewer = (sum(p.numel() for p in one.parameters()) for one in (before, after))
    assert fewer < count
    inference.infer(inference.parse(["-d", str(made), "-c", "a red circle", "-o", str(tmp_path)]))
    assert len(list(tmp_path.glob("generated_images_*/generated_images/*.png"))) == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("export",), "--TRAINING_DIRECTORY: missing"),
        (("export", "{run}"), "--OUTPUT: missing"),
        (("export", "{run}", "-o", "{run}"), "exists"),
        (("export", "{run}", "-o", "x", "-f", "tflite"), "choose one of onnx, torch"),
        (("export", "{run}/parameters", "-o", "{run}/x", "-f", "torch"), "no training directory"),
        (("prune",), "--TRAINING_DIRECTORY: missing"),
        (("prune", "{run}", "-o", "{run}/x"), "--CAPTIONS: missing"),
        (("prune", "{run}", "-c", "a", "-o", "{run}"), "exists"),
        (
            ("prune", "{run}", "-c", "a", "-o", "{run}/x", "-k", "0"),
            "--KEEP 0: give a number above 0",
        ),
    ],
)
def test_what_cannot_be_is_one_line_and_code_2(
    words: tuple[str, ...], line: str, run: Path, shown: Shown
) -> None:
    code, out, err = shown(*(word.format(run=run) for word in words))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert line in err
    assert not (run / "x").exists()
