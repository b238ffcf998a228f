from pathlib import Path
from typing import Any

import pytest

import inference
import train
from minimagen.cascade import CascadeConfig
from minimagen.cli.encoders import encoder_tree, leave_learned
from minimagen.errors import ConfigError
from tests.conftest import cascade_of
from tests.text.pretrained import save_clip
from tests.tiny_runs import write_parameters

T5 = {"kind": "t5", "name": "t5-tiny", "max_tokens": 9}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", None),
        ("words", {"kind": "words"}),
        ("labels", {"kind": "labels"}),
        ("t5-tiny", T5),
        ("xxl1.1", {**T5, "name": "xxl1.1"}),
    ],
)
def test_a_name_says_which_encoder_is_meant(name: str, expected: Any) -> None:
    assert encoder_tree(T5, name) == expected


@pytest.mark.parametrize("before", [None, {"name": "t5-tiny"}, "nonsense", {"kind": "words"}])
def test_a_name_replaces_whatever_was_there(before: Any) -> None:
    assert encoder_tree(before, "t5_small")["name"] == "t5_small"
    assert encoder_tree(before, "t5_small").get("kind", "t5") == "t5"


def test_a_directory_s_own_config_says_that_it_is_a_clip(tmp_path: Path) -> None:
    save_clip(tmp_path)
    assert encoder_tree(T5, str(tmp_path)) == {"kind": "clip", "name": str(tmp_path)}


def test_a_model_that_is_nowhere_is_told_before_a_run_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such directory"):
        encoder_tree(T5, str(tmp_path / "nothing"))


def test_what_a_run_has_learned_is_asked_for_where_it_is_left_open() -> None:
    words = {"kind": "words", "vocabulary": ["a"]}
    asked = {"kind": "ensemble", "parts": [{"kind": "words"}, dict(T5)]}
    leave_learned(asked, {"kind": "ensemble", "parts": [words, T5]})
    assert asked["parts"] == [words, T5]
    other = {"kind": "words", "vocabulary": ["b"]}
    leave_learned(other, words)
    assert other["vocabulary"] == ["b"]


@pytest.mark.parametrize("name", ["words", "labels", "none"])
def test_a_run_with_it_goes_on_and_draws_with_nothing_but_its_directory(
    tmp_path: Path, name: str
) -> None:
    """What it learned from captions is in the run's own parameter files."""
    parameters = write_parameters(tmp_path / "parameters", cascade_of(16))
    flags = ["-p", str(parameters), "-t5", name]
    run = train.train(train.parse([*flags, "-o", str(tmp_path), "-ts", "run"]))
    encoder = CascadeConfig.read(run / "parameters").imagen.text_encoder
    learned = {"words": "vocabulary", "labels": "labels"}.get(name)
    assert (encoder is None) == (name == "none")
    assert learned is None or len(getattr(encoder, learned)) > 3
    assert train.main(["-rd", str(run), *flags]) == 0
    caption = encoder.labels[0] if name == "labels" else "a red circle"
    assert inference.main(["-d", str(run), "-c", caption, "-o", str(tmp_path)]) == 0


def test_a_caption_that_is_no_label_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = write_parameters(tmp_path / "parameters", cascade_of(16))
    run = train.train(
        train.parse(["-p", str(parameters), "-t5", "labels", "-o", str(tmp_path), "-ts", "run"])
    )
    assert inference.main(["-d", str(run), "-c", "a rod circle", "-o", str(tmp_path)]) == 2
    assert "no label of this cascade; did you mean" in capsys.readouterr().err
    assert not list(tmp_path.glob("generated_images_*"))
