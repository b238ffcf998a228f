"""``python -m minimagen average`` and ``inference.py -w ema:0.08``, on a run of two stages."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import inference
from minimagen import Imagen
from minimagen.__main__ import main
from minimagen.checkpoint import sha256_of
from minimagen.errors import UsageError
from minimagen.training.posthoc import LONGEST
from minimagen.weights import weights_path
from tests.tiny_runs import tiny_run

Shown = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of two stages with snapshots of two averages; only read it."""
    return tiny_run(tmp_path_factory.mktemp("whole"), 16, 32, ema={"kind": "power"})


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """Return a copy to change."""
    return shutil.copytree(whole, tmp_path / "training_run")


@pytest.fixture
def average(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Run the command; its exit code, standard output and standard error."""

    def run(*flags: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["average", *map(str, flags)])
        return code, *capsys.readouterr()

    return run


def made(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "state_dicts").glob("*_ema_*"))


def draw(run: Path, weights: str) -> Path:
    """Draw a picture and return its directory."""
    flags = ["-d", str(run), "-c", "a red circle", "-w", weights, "-o", str(run)]
    return inference.infer(inference.parse(flags))


def test_all_stages_and_several_lengths_are_made_and_told(run: Path, average: Shown) -> None:
    code, out, err = average(run, "--sigma-rel", "0.08,0.1")
    assert (code, err) == (0, "")
    assert made(run) == [f"unet_{i}_ema_{s}.safetensors" for i in (0, 1) for s in ("0.08", "0.1")]
    lines = out.splitlines()
    assert len(lines) == 4
    path = run / "state_dicts/unet_0_ema_0.08.safetensors"
    assert lines[0].startswith(f"{path}: after step 4, of 8 snapshots, ")
    assert lines[1].endswith("0.00% off its profile")


def test_only_the_stages_that_are_named_are_made(run: Path, average: Shown) -> None:
    assert average("-d", run, "-sr", "0.08", "-st", "1")[0] == 0
    assert made(run) == ["unet_1_ema_0.08.safetensors"]


def test_inference_makes_what_is_missing_and_says_what_it_drew_with(run: Path) -> None:
    """The weights' hash is that of the averages; from Python the files are loaded likewise."""
    settings = json.loads((draw(run, "ema:0.080") / "settings.json").read_text())
    assert made(run) == ["unet_0_ema_0.08.safetensors", "unet_1_ema_0.08.safetensors"]
    hashes = "".join(sha256_of(weights_path(run, i, "ema:0.08")) for i in (0, 1))
    assert settings["weights"] == "ema:0.08"
    assert settings["weights_sha256"] == hashlib.sha256(hashes.encode()).hexdigest()
    assert len(Imagen.load(run, "cpu", weights="ema:0.08").stages) == 2


def test_inference_says_what_there_is_where_nothing_can_be_made(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "ema")
    assert inference.main(["-d", str(run), "-w", "ema:0.08", "-c", "x", "-o", str(run)]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "no average of sigma_rel 0.08 for stage 0, and no snapshots to make it of" in line
    assert "there is ema, best, raw; train with --SET 'training.ema=" in line


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--TRAINING_DIRECTORY: missing"),
        (["RUN"], "--SIGMA_REL: missing; give a length, as 0.08"),
        (["RUN", "-sr", "0.5"], "--SIGMA_REL 0.5: give a number above 0 to 0.28"),
        (["RUN", "-sr", "0.08,x"], "--SIGMA_REL 0.08,x: give a number above 0 to 0.28"),
        (["RUN", "-sr", "0.001"], "snapshots of stage 0, of sigma_rel 0.05 and 0.1, miss that"),
        (["RUN", "-sr", "0.08", "-st", "5"], "no average of sigma_rel 0.08 for stage 5"),
        (["nowhere", "-sr", "0.08"], "nowhere: no snapshots of averages in it"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    whole: Path, average: Shown, flags: list[str], message: str
) -> None:
    code, _, err = average(*[whole if flag == "RUN" else flag for flag in flags])
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("emma", "--WEIGHTS emma: choose one of ema, best, raw, or ema:SIGMA_REL as ema:0.08"),
        ("ema:", "--WEIGHTS ema:: give a number above 0 to 0.28"),
        ("ema:0.3", "--WEIGHTS ema:0.3: give a number above 0 to 0.28"),
    ],
)
def test_other_weights_are_wrong_use(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        inference.parse(["-w", text])
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["emma", "best:0.1", "ema:", "ema:0.1/../../x", "ema:1"])
def test_from_python_they_are_too_and_no_path_is_made_of_them(text: str) -> None:
    with pytest.raises(UsageError, match="choose one of ema, best, raw, or ema:SIGMA_REL"):
        weights_path(Path("run"), 0, text)


def test_the_longest_is_the_one_that_training_knows() -> None:
    with pytest.raises(UsageError, match=f"to {LONGEST}"):
        inference.parse(["-w", f"ema:{LONGEST + 0.001}"])
    assert inference.parse(["-w", f"ema:{LONGEST}"]).weights == f"ema:{LONGEST}"
