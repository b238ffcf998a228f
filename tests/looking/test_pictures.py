"""What is seen, as pictures: overlays, sheets, films."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from minimagen import Imagen
from minimagen.errors import UsageError
from minimagen.looking.film import LAST_MS, STEP_MS, frames, write_film
from minimagen.looking.moments import Moment, noting
from minimagen.looking.overlays import overlay, time_sheet, token_sheet

GREY = Image.new("RGB", (60, 30), (128, 128, 128))


def test_an_overlay_is_brightest_where_the_map_is() -> None:
    attention = torch.zeros(4, 8)
    attention[1, 6] = 0.01
    light = np.asarray(overlay(GREY, attention, cell=80).convert("L"))
    assert light.shape == (40, 80)
    row, column = np.unravel_index(light.argmax(), light.shape)
    assert (row // 10, column // 10) == (1, 6)


def test_a_map_without_differences_is_shown_dark() -> None:
    assert np.asarray(overlay(GREY, torch.full((4, 4), 0.2))).max() < 100


def test_sheets_hold_a_cell_for_every_token_level_and_moment() -> None:
    maps = {4: torch.rand(3, 16, 16), 8: torch.rand(3, 8, 8)}
    one_row = token_sheet(GREY, ["(null)", "red"], maps)
    assert one_row.width > 6 * 192  # three entries of two levels
    by_time = time_sheet([GREY] * 4, "red", [{4: maps[4][0]}] * 4, ["1", "2", "3", "4"])
    assert by_time.size > (3 * 2 * 192, 2 * 96)  # three pairs in a row, then one


@pytest.mark.parametrize("name", ["film.png", "film.gif"])
def test_a_film_has_a_frame_for_every_call_and_rests_at_its_end(
    imagen: Imagen, tmp_path: Path, name: str
) -> None:
    seen: list[Moment] = []
    imagen.sample(["a red circle"], steps=2, edit=noting(seen))
    write_film(tmp_path / name, frames(seen, cell=64))
    with Image.open(tmp_path / name) as film:
        shown = [frame.info["duration"] for frame in ImageSequence.Iterator(film)]
    assert shown == [STEP_MS] * 3 + [LAST_MS]


def test_another_ending_and_nothing_to_show_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"film\.jpg: cannot tell what to write; end its name in"):
        write_film(tmp_path / "film.jpg", [GREY])
    with pytest.raises(UsageError, match="nothing was drawn"):
        write_film(tmp_path / "film.png", [])
