"""From a caption as it is written to settings.json and a PNG's text fields."""

import argparse
import json
from pathlib import Path

import pytest
from PIL import Image

import inference
from minimagen.cli.prompting import Drawn, read_prompts
from minimagen.errors import UsageError
from tests.tiny_runs import tiny_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_run(tmp_path_factory.mktemp("run"), 16)


def options(*flags: str) -> argparse.Namespace:
    return inference.parse(list(flags))


def draw(run: Path, out: Path, *flags: str) -> Path:
    return inference.infer(options("-d", str(run), "-o", str(out), *flags))


def pixels(directory: Path) -> list[bytes]:
    return [Image.open(p).tobytes() for p in sorted(directory.glob("generated_images/*.png"))]


def expanded(drawn: list[Drawn]) -> list[str]:
    return [one.expanded for one in drawn]


def test_each_caption_that_choices_make_is_drawn_as_often_as_asked() -> None:
    drawn = read_prompts(["a {red|blue} ring"], options("-ni", "2"))
    assert expanded(drawn) == ["a red ring"] * 2 + ["a blue ring"] * 2


def test_one_choice_an_image_follows_from_the_seed() -> None:
    drawn = [
        expanded(read_prompts(["a {red|blue} ring"], options("-ni", "8", "--expand", "one", *seed)))
        for seed in ((), ("-sd", "0"), ("-sd", "1"))
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert set(drawn[0]) == {"a red ring", "a blue ring"}


def test_style_then_choices_then_weights(tmp_path: Path) -> None:
    (tmp_path / "styles.json").write_text('{"big": "a (large:2) {{}|big ring}"}')
    (tmp_path / "colour.txt").write_text("red\nblue")
    flags = ("--styles", str(tmp_path / "styles.json"), "--style", "big")
    drawn = read_prompts(["__colour__ dot"], options(*flags, "--wildcards", str(tmp_path)))
    assert [one.prompt.text for one in drawn] == [
        "a large red dot",
        "a large blue dot",
        "a large big ring",
    ]
    assert all(one.prompt.weights for one in drawn)


@pytest.mark.parametrize("flag", [("--style", "x"), ("--expand", "all"), ("--wildcards", ".")])
def test_literal_captions_have_no_markup_and_take_none(flag: tuple[str, str]) -> None:
    caption = "a (red:1.4) {x|y} __c__"
    (drawn,) = read_prompts([caption], options("--literal"))
    assert (drawn.prompt.text, drawn.prompt.weights) == (caption, ())
    with pytest.raises(UsageError, match=f"{flag[0].upper()}: means nothing with --LITERAL"):
        read_prompts([caption], options("--literal", *flag))


def test_settings_and_text_fields_say_how_each_caption_was_read(run: Path, tmp_path: Path) -> None:
    out = draw(run, tmp_path, "-c", "a {red|blue} (circle:1.5)", "-nc", "(ring:2)", "-g", "3")
    record = {
        "given": "a {red|blue} (circle:1.5)",
        "expanded": "a blue (circle:1.5)",
        "weights": [[7, 13, 1.5]],
    }
    settings = json.loads((out / "settings.json").read_text())
    assert settings["prompts"][1] == record
    assert settings["negative_caption"] == "(ring:2)"
    assert (out / "captions.txt").read_text() == "a red circle\na blue circle\n"
    with Image.open(out / "generated_images" / "image_1.png") as picture:
        assert picture.text["caption"] == "a blue circle"
        assert {name: picture.text[name] for name in ("given", "expanded")} == {
            name: record[name] for name in ("given", "expanded")
        }
        assert json.loads(picture.text["weights"]) == record["weights"]


def test_a_weight_changes_the_picture_and_the_same_prompt_draws_it_again(
    run: Path, tmp_path: Path
) -> None:
    plain, weighted, again = (
        pixels(draw(run, tmp_path, "-c", caption, "-g", "3"))
        for caption in ("a red circle", "a (red:3) circle", "a (red:3) circle")
    )
    assert weighted == again != plain


def test_captions_with_parentheses_draw_what_they_drew_before_there_was_markup(
    run: Path, tmp_path: Path
) -> None:
    caption = "a circle (red), {small}: left"
    assert pixels(draw(run, tmp_path, "-c", caption)) == pixels(
        draw(run, tmp_path, "-c", caption, "--literal")
    )


def test_windows_read_on_where_the_encoder_stops(run: Path, tmp_path: Path) -> None:
    caption = "a red circle " * 30
    one, two = (
        pixels(draw(run, tmp_path, "-c", caption, "-g", "3", "--windows", n)) for n in ("1", "2")
    )
    assert one != two


def test_a_malformed_weight_leaves_with_2_and_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = inference.main(["-d", str(run), "-c", "a (red:1.x) circle", "-o", str(tmp_path)])
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "inference.py" in one]
    assert code == 2
    assert "character 8: weight '1.x'" in line
    assert list(tmp_path.iterdir()) == []
