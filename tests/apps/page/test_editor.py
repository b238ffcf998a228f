"""From what was painted to a picture and its mask."""

import io
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio.data_classes import FileData
from PIL import Image

from minimagen.apps.page.editor import brush_for, painted, picture_editor
from minimagen.apps.uploads import MAX_PIXELS


def test_the_mask_is_white_where_any_layer_was_touched() -> None:
    background = Image.new("RGB", (8, 6), "green")
    layers = [Image.new("RGBA", (8, 6), (0, 0, 0, 0)) for _ in range(2)]
    layers[0].putpixel((1, 2), (230, 0, 126, 255))
    layers[1].putpixel((7, 5), (230, 0, 126, 3))
    found = painted({"background": background, "layers": layers, "composite": None})
    assert found is not None
    picture, mask = found
    assert picture.tobytes() == background.tobytes()
    assert np.argwhere(np.asarray(mask) == 255).tolist() == [[2, 1], [5, 7]]
    assert mask.size == picture.size


@pytest.mark.parametrize("value", [None, {}, {"background": None, "layers": []}])
def test_without_a_picture_there_is_nothing_to_paint_on(value: dict[str, None] | None) -> None:
    assert painted(value) is None


def test_a_brush_covers_a_small_part_of_any_picture() -> None:
    for side in (16, 64, 512, 4000):
        assert brush_for(side).default_size <= side / 8


def test_a_picture_is_measured_before_it_is_decoded(tmp_path: Path) -> None:
    """A few kilobytes can say that they are a hundred million pixels."""
    editor = picture_editor()
    side = int(MAX_PIXELS**0.5) + 1
    bomb = io.BytesIO()
    Image.new("1", (side, side)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    for content, said in ((bomb.getvalue(), "pixels"), (b"no picture", "The picture")):
        path = tmp_path / "sent.png"
        path.write_bytes(content)
        with pytest.raises(gr.Error, match=said):
            editor.convert_and_format_image(FileData(path=str(path)))
    Image.new("RGB", (9, 5), "red").save(tmp_path / "good.png")
    good = editor.convert_and_format_image(FileData(path=str(tmp_path / "good.png")))
    assert good.size == (9, 5)
