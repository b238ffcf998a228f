"""``python -m minimagen models``, and names wherever a directory is asked for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import inference
import train
from minimagen import Imagen
from minimagen.__main__ import main
from minimagen.cli.serve import _offered
from minimagen.release.manifest import About
from tests.tiny_runs import drawn_cascade

Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Ran:
    """Run the command where two releases lie; its exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIMAGEN_MODELS", raising=False)
    cascade = Imagen.load(drawn_cascade(tmp_path / "training_x", 16), "cpu")
    about = About(captions=("a red circle", "a blue square"))
    cascade.save_pretrained("full", about=about)
    cascade.save_pretrained("small", dtype="int8", about=about)

    def ran(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["models", *words])
        return code, *capfd.readouterr()

    return ran


def test_a_model_goes_from_a_directory_to_a_name_that_draws(models: Ran) -> None:
    assert "no models in models" in models()[1]
    for source, word in (("full", "shapes:v1"), ("small", "shapes:v2"), ("shapes:v1", "old:v1")):
        assert models("tag", source, word)[0] == 0
    assert models("promote", "shapes:v2")[1].startswith("shapes is models/shapes/")
    code, out, _ = models()
    assert code == 0
    [second] = [line for line in out.splitlines() if line.startswith("shapes:v2 (promoted)")]
    assert "int8" in second
    drawn = {}
    for word in ("shapes", "shapes:v2", "shapes:v1", "full"):
        images = inference.infer(inference.parse(["-d", word, "-c", "a red circle"]))
        drawn[word] = (images / "generated_images/image_0.png").read_bytes()
    assert drawn["shapes"] == drawn["shapes:v2"] != drawn["shapes:v1"]
    again = inference.infer(inference.parse(["--repeat", str(images / "settings.json")]))
    assert (again / "generated_images/image_0.png").read_bytes() == drawn["full"]
    assert models("rollback", "shapes")[0] == 0
    assert _offered([Path("shapes"), Path("full")])[1] == ["shapes", "full"]
    assert _offered([Path("shapes")])[0] == _offered([Path("shapes:v1")])[0]


def test_a_name_can_be_pruned_and_trained_from(models: Ran) -> None:
    models("tag", "full", "shapes:v1")
    words = (
        "-d",
        "shapes:v1",
        "-c",
        "a red circle",
        "-o",
        "smaller",
        "--keep",
        "0.5",
        "-dv",
        "cpu",
    )
    assert main(["prune", *words]) == 0
    assert Imagen.load("smaller", "cpu").stages
    [kept] = Path("models/shapes").glob("*/RELEASE.json")
    asked = train.parse(["-p", str(kept.parent / "parameters"), "-id", "shapes:v1"])
    assert Path(asked.init_directory).resolve() == kept.parent.resolve()
    assert train.main(["-p", "parameters", "-id", "shapes:v9"]) == 2
    assert main(["compare", "shapes:v1", "other:v1"]) == 2


def test_a_server_without_a_run_offers_the_bundled_model(
    models: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minimagen.release.finding.BUNDLED_PLACE", tmp_path / "full")
    assert [path.name for path in _offered(None)[0]] == ["training_x"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert _offered(None) == ([tmp_path / "full"], ["bundled"])


def test_compared_models_draw_the_same_captions_with_the_same_seeds(models: Ran) -> None:
    models("tag", "full", "shapes:v1")
    code, out, _ = models("compare", "shapes:v1", "full", "small", "-sd", "3")
    assert code == 0
    folder = Path(out.splitlines()[-1])
    found = json.loads((folder / "compared.json").read_text())
    assert found["captions"] == ["a red circle", "a blue square"]
    _, same, rounded = found["models"]
    assert (same["same"], same["decibels"]) == (2, None)
    assert rounded["same"] < 2
    assert rounded["decibels"] > 20
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.width >= 2 * 3 * 160


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["sell"],
            "models sell: no such verb; choose one of list, tag, compare, promote, rollback",
        ),
        (["tag", "full"], "models tag: takes a DIRECTORY or NAME:TAG, and a NAME:TAG for it"),
        (["tag", "training_x", "shapes:v1"], "training_x: no released cascade"),
        (["promote", "shapes:v9"], "shapes has no such tag; its tags are v0"),
        (["rollback", "shapes"], "shapes: nothing else was promoted before"),
        (["rollback", "shapes:v0"], "give the name alone, shapes"),
        (["compare", "training_x", "training_x"], "--CAPTIONS: missing"),
        (["list", "-sd", "3"], "--SEED: means nothing with models list"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(
    words: list[str], complaint: str, models: Ran
) -> None:
    models("tag", "full", "shapes:v0")
    code, _, err = models(*words)
    assert code == 2
    [line] = [line for line in err.splitlines() if line.startswith("python -m minimagen models: ")]
    assert complaint in line


def test_a_damaged_model_is_listed_as_such(models: Ran) -> None:
    models("tag", "full", "shapes:v1")
    [weights] = Path("models").glob("shapes/*/state_dicts/*")
    weights.write_bytes(b"")
    code, out, err = models()
    assert code == 2
    assert "damaged" in out
    assert "unet_0_state.safetensors: has 0 bytes" in err
