"""What the history tab shows of a picture's words."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from minimagen.apps.page.looks import FIRST, Looks, build_looks, looked
from minimagen.apps.requests import DrawRequest
from minimagen.apps.studio import Studio
from tests.apps.conftest import LONGEST_S, picture_file


@pytest.fixture
def looks() -> Iterator[Looks]:
    with gr.Blocks(analytics_enabled=False):
        yield build_looks("history")


def drawn(studio: Studio, **fields: Any) -> str:
    asked = DrawRequest.model_validate({"captions": ["a red circle"], "steps": 2, **fields})
    entry = studio.wait(studio.submit(asked).id, LONGEST_S).entry
    assert entry is not None
    return entry.id


def test_the_sheets_come_once_they_are_asked_for_and_at_once_the_next_time(
    studio: Studio, looks: Looks
) -> None:
    entry = drawn(studio)
    shot = studio.history.shot(entry, 0)
    assert looks.of(shot, studio.history.looks(shot))[looks.panel]["value"] == FIRST
    *before, last = looked(looks, studio, (entry, 0), "")
    assert before, "nothing was seen while it was looked at"
    paths = [last[sheet]["value"] for sheet in looks.sheets.values()]
    assert all(path.is_file() and path.is_relative_to(studio.history.root) for path in paths)
    assert list(looked(looks, studio, (entry, 0), "")) == [last]


def test_what_cannot_be_looked_at_is_said_in_one_sentence(studio: Studio, looks: Looks) -> None:
    entry = drawn(studio, edit={"kind": "image_to_image", "picture": picture_file()})
    [moment] = looked(looks, studio, (entry, 0), "")
    assert "from a caption alone" in moment[looks.panel]
    assert moment[looks.panel].count('role="alert"') == 1


def test_whoever_leaves_ends_the_looking(studio: Studio, looks: Looks) -> None:
    entry = drawn(studio, steps=[250, 1])
    looking = looked(looks, studio, (entry, 0), "")
    next(looking)
    looking.close()
    assert {job.state for job in studio.jobs()} == {"done", "cancelled"}
