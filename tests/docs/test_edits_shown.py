"""The pages on drawing and editing: their commands run as they stand, on a tiny cascade."""

import re
from pathlib import Path

import pytest

import inference
from benchmarks.edited import HOW_TO, PAGES, PICTURES, commands, files_of, run, write_files
from minimagen.cli.inference import FLAGS
from tests.conftest import ROOT
from tests.tiny_runs import bytes_below, drawn_cascade

DRAW = (HOW_TO / "draw.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_cascade(tmp_path_factory.mktemp("cascade") / "training_x", 16, 32)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, 32)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_draws(page: str, cascade: Path) -> None:
    drawn = [image.tobytes() for flags in commands(page) for image, _ in run(flags, cascade)]
    assert len(drawn) > 1
    assert len(set(drawn)) > 1


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_a_picture_that_is_there_and_is_linked(page: str) -> None:
    text = (HOW_TO / f"{page}.md").read_text(encoding="utf-8")
    (picture,) = re.findall(r"!\[.+\]\((.+)\)", text)
    assert (HOW_TO / picture).resolve() == PICTURES / f"{page}.png"
    assert (PICTURES / f"{page}.png").is_file()
    assert f"({page}.md)" in DRAW


def test_every_file_that_a_command_names_is_made(tmp_path: Path) -> None:
    named = {name for page in PAGES for flags in commands(page) for name in files_of(flags)}
    assert named == {path.name for path in tmp_path.glob("*.png")}


def test_drawing_repeating_and_resuming_as_the_page_says(cascade: Path, tmp_path: Path) -> None:
    Path("captions.txt").write_text("a red circle\na blue square\n")
    draw, repeat, resume = commands("draw")
    made = inference.infer(
        inference.parse([f.replace("training_<TIMESTAMP>", str(cascade)) for f in draw])
    )
    name = "generated_images_<TIMESTAMP>"
    again, rest = (
        inference.infer(inference.parse([flag.replace(name, str(made)) for flag in flags]))
        for flags in (repeat, resume)
    )
    assert rest == made
    assert bytes_below(again) == bytes_below(made)


def test_the_page_names_every_alias_and_every_edit() -> None:
    rows = re.findall(r"^\| .*`--([\w-]+)` \| `--(\w+)` \|$", DRAW, flags=re.M)
    listed = {(ours.replace("-", "_").upper(), theirs) for ours, theirs in rows}
    known = {(flag.name, alias) for flag in FLAGS for alias in flag.aliases}
    assert listed == known | {("GUIDANCE_SCALE", "guidance_scale")}


def test_readme_points_to_the_page() -> None:
    assert "docs/how-to/draw.md" in (ROOT / "README.md").read_text(encoding="utf-8")
