"""The record of all that images follow from: read as it was written; what is wrong is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from minimagen.drawing.edits import Region, Regions, Towards
from minimagen.drawing.settings import ImageRecord, Settings, difference, read_settings, written
from minimagen.errors import ConfigError, DataError

PROMPTS = (
    ImageRecord(given="a {red|blue} (ring:2)", expanded="a red (ring:2)", weights=((6, 10, 2.0),)),
    ImageRecord(given="ein Kreis, größer", expanded="ein Kreis, größer", number=7, amount=0.25),
)
MASK = f"{'0' * 64}.png"


@pytest.mark.parametrize(
    "edit", [None, Towards(seed=8), Regions(parts=(Region(mask=MASK, caption="a dot"),))]
)
def test_what_is_written_is_read_again(edit: Any, tmp_path: Path) -> None:
    settings = Settings(
        training_directory="training_x",
        steps=(3, 1),
        guidance_scale=(2.0, 1.0),
        edit=edit,
        prompts=PROMPTS,
        batches=((0, 1), (1, 1)),
    )
    (tmp_path / "settings.json").write_text(written(settings), encoding="utf-8")
    assert read_settings(tmp_path / "settings.json") == settings


def test_settings_of_the_first_version_are_read(tmp_path: Path) -> None:
    """They had no edit, batches or threads; whatever they lack is as it was then."""
    first = {
        "training_directory": "training_x",
        "weights": "ema",
        "weights_sha256": "0" * 64,
        "sizes": [64, 256],
        "aspect_ratio": 1.0,
        "pixels": ["64 x 64", "256 x 256"],
        "seed": 5,
        "sampler": ["dpmpp_2m", "ddim"],
        "steps": [10, 4],
        "guidance_scale": [3.0, 1.0],
        "negative_caption": None,
        "images_per_caption": 1,
        "batch_size": 16,
        "device": "cpu",
        "precision": "no",
        "literal": False,
        "style": None,
        "expand": "all",
        "windows": 1,
        "prompts": [{"given": "x", "expanded": "x", "weights": []}],
    }
    (tmp_path / "settings.json").write_text(json.dumps(first))
    assert read_settings(tmp_path / "settings.json").how["steps"] == (10, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": [3]}, "unknown key step; did you mean 'steps'?"),
        ({"seed": -1}, "seed is -1"),
        ({"prompts": []}, "prompts is []"),
        ({"batches": [[0, 1]]}, "batches that hold each image and no other"),
        ({"batches": [[0, 2], [2, 1]]}, "batches that hold each image and no other"),
        (
            {"edit": {"kind": "image_to_image", "image": "../../etc/passwd", "strength": 0.5}},
            "edit.image_to_image.image",
        ),
        ({"edit": {"kind": "image_to_image", "image": MASK, "strength": 2.0}}, "strength is 2.0"),
        ({"edit": {"kind": "magic"}}, "edit"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    good = json.loads(written(Settings(training_directory="x", prompts=PROMPTS)))
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(good | change))
    with pytest.raises(ConfigError, match=r"settings\.json: ") as caught:
        read_settings(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: cannot be read"):
        read_settings(tmp_path / "none.json")
    (tmp_path / "noise.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"noise\.json: no UTF-8 text"):
        read_settings(tmp_path / "noise.json")


def test_draws_are_keyed_by_the_place_unless_the_record_says_otherwise() -> None:
    settings = Settings(training_directory="x", prompts=PROMPTS)
    assert [settings.number(place) for place in (0, 1)] == [0, 7]
    assert settings.prompt(0).text == "a red ring"


def test_what_may_round_otherwise_is_said() -> None:
    before = Settings(training_directory="x", prompts=PROMPTS, threads=2, torch="2.13.0")
    now = Settings(training_directory="x", prompts=PROMPTS, threads=4, torch="2.13.0", device="cpu")
    assert difference(before, now) == ["threads 2 then, 4 now"]
