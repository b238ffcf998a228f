"""The fields of a drawing, and the request that they are."""

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from minimagen.apps.page.draw_tab import captions_of
from minimagen.apps.page.how import How, build_how
from minimagen.apps.requests import DrawRequest
from minimagen.apps.runs import Run


@pytest.fixture
def how(run: Path) -> How:
    """Return the fields of a page for the tiny run."""
    with gr.Blocks(analytics_enabled=False):
        return build_how([Run(run.name, run)], "draw")


def values(how: How, updates: dict[Any, Any] | None = None) -> dict[Any, Any]:
    """Return what a visitor would send: the fields as they are laid out, with updates."""
    now = {field: getattr(field, "value", None) for field in how.components}
    for field, update in (updates or {}).items():
        now[field] = update.get("value") if isinstance(update, dict) else update
    return {field: now[field] for field in how.components}


def test_untouched_fields_leave_all_to_the_stages(how: How, run: Path) -> None:
    read = how.read(values(how, {how.fresh: False}), Run(run.name, run))
    asked = DrawRequest(captions=("a",), **read)
    assert asked == DrawRequest(captions=("a",), run=run.name, size=32)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 12345, "images_per_caption": 3, "size": 16},
        {"steps": (3, 2), "sampler": ("ddim", "heun"), "guidance_scale": (2.5, 1.0)},
        {"negative": "noise", "weighted": True, "aspect_ratio": 1.37},
    ],
)
def test_settings_loaded_again_ask_for_the_same(
    how: How, run: Path, changes: dict[str, Any]
) -> None:
    offered = Run(run.name, run)
    before = DrawRequest(captions=("a",), run=run.name, **{"size": 32, **changes})
    read = how.read(values(how, how.filled(before, offered)), offered)
    assert DrawRequest(captions=("a",), **read) == before


def test_a_stage_s_value_of_its_own_is_kept_when_another_stage_s_changes(
    how: How, run: Path
) -> None:
    typed = values(how, {how.fresh: False, how.stages[1].steps: 9, how.stages[0].steps: None})
    offered = Run(run.name, run)
    assert how.read(typed, offered)["steps"] == (offered.stages()[0].steps, 9)


def test_a_new_seed_is_another_every_time(how: How, run: Path) -> None:
    typed, offered = values(how, {how.fresh: True}), Run(run.name, run)
    assert len({how.read(typed, offered)["seed"] for _ in range(5)}) == 5


def test_a_list_of_captions_takes_the_place_of_the_one() -> None:
    assert captions_of(" a red circle ", "") == ("a red circle",)
    assert captions_of("a", "one\n\n  two \r\n") == ("one", "two")
    assert captions_of("", "") == ("",)
