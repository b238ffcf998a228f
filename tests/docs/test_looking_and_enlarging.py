"""The pages on looking inside and on enlarging run as they stand, on a tiny cascade."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minimagen import Imagen
from minimagen.cli import look, upscale
from minimagen.cli.flags import parse_flags
from minimagen.cli.shared import named
from tests.commands import commands
from tests.conftest import ROOT

PAGES = {
    name: (ROOT / f"docs/how-to/{name}.md").read_text(encoding="utf-8")
    for name in ("look-inside", "enlarge-pictures")
}
SIDE = 32  # of the tiny cascade's last stage


@pytest.fixture
def here(imagen: Imagen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go where a cascade and a photo are, as the pages name them."""
    imagen.save(tmp_path / "training_20261121_101500")
    pixels = np.random.default_rng(3).integers(0, 256, (24, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_python(page: str) -> dict[str, Any]:
    """Run all blocks of a page one after another."""
    scope: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGES[page], flags=re.M | re.S):
        exec(block, scope)
    return scope


def test_the_python_of_looking_inside_runs(here: Path) -> None:
    scope = run_python("look-inside")
    [maps] = scope["maps"].values()
    tokens = len(scope["imagen"].pieces("a red circle")) + 1
    assert maps.shape[1] == tokens
    assert len(scope["levels"]) == 16
    assert scope["seen"][-1].x_0.shape == (1, 3, SIDE, SIDE)
    assert (here / "film.gif").stat().st_size > 0


def test_the_python_of_enlarging_runs(here: Path) -> None:
    assert run_python("enlarge-pictures")["bigger"].size == (2 * SIDE, 48)


@pytest.mark.parametrize(
    ("page", "command"), [("look-inside", look), ("enlarge-pictures", upscale)]
)
def test_their_commands_are_understood(page: str, command: Any) -> None:
    name = command.__name__.rpartition(".")[2]
    lines = commands(PAGES[page], f"-m minimagen {name}")
    assert len(lines) == 2
    for line in lines:
        words = named(line, command.FLAGS, command.FLAGS[0].short)
        options = parse_flags("", "", command.FLAGS, "", words)
        assert options.training_directory == Path("training_<TIMESTAMP>")


def test_the_tables_of_enlarging_are_what_was_measured() -> None:
    measured = json.loads((ROOT / "docs/measured/upscaling.json").read_text())
    for part in {"quality", "seams", "memory"} & measured.keys():
        for row, cells in measured[part].items():
            assert (
                f"| {' | '.join([row, *map(str, cells.values())])} |" in PAGES["enlarge-pictures"]
            )


def test_the_table_of_attention_is_what_was_measured() -> None:
    measured = json.loads((ROOT / "docs/measured/attention_maps.json").read_text())["right"]
    for row, cells in measured.items():
        assert f"| {' | '.join([row, *map(str, cells.values())])} |" in PAGES["look-inside"]
