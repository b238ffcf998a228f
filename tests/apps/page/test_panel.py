"""What a visitor sees of a job, as HTML."""

import base64
import io
import re

import pytest
from PIL import Image

from minimagen.apps.page import panel


def test_no_text_becomes_markup() -> None:
    hostile = "<img src=x onerror=alert(1)> & 'so' \"on\""
    shown = panel.complaint(hostile), panel.note(hostile), panel.empty(hostile, hostile)
    shown += (panel.progress(hostile, []),)
    assert not any("<img" in html for html in shown)
    assert all("&lt;img" in html for html in shown)


def test_a_preview_travels_inside_the_html_and_is_reduced() -> None:
    html = panel.progress("", [panel.Card(512, 3, 10, Image.new("RGB", (2000, 500), "red"))])
    (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    preview = Image.open(io.BytesIO(base64.b64decode(data)))
    assert preview.size == (panel.LARGEST, panel.LARGEST // 4)


def test_a_stage_waits_goes_and_is_done() -> None:
    cards = [panel.Card(64, 0, 0), panel.Card(64, 3, 10), panel.Card(64, 10, 10)]
    html = panel.progress("", cards)
    assert re.findall(r'class="stage (\w+)"', html) == ["waiting", "going", "done"]
    assert "3 of 10" in html
    assert "0 of 0" not in html


@pytest.mark.parametrize(
    ("count", "said"),
    [(-1, "0 s"), (7.6, "8 s"), (59.6, "1 min 0 s"), (100, "1 min 40 s"), (7500, "2 h 5 min")],
)
def test_times_are_said_as_people_do(count: float, said: str) -> None:
    assert panel.seconds(count) == said
