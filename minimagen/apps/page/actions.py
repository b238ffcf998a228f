"""What is done with a chosen picture in another tab: load its settings, edit it."""

from collections.abc import Callable

import gradio as gr
from gradio.blocks import Block
from PIL import Image

from minimagen.apps.history import History, UnknownEntryError
from minimagen.apps.page import panel
from minimagen.apps.page.choice import Choice, Named, looked_up
from minimagen.apps.page.draw_tab import DrawTab
from minimagen.apps.page.edit_tab import EditTab
from minimagen.apps.page.editor import brush_for
from minimagen.apps.page.how import Updates
from minimagen.apps.runs import Runs, UnknownRunError

BROUGHT = panel.empty(
    "Say what to do with it", "Choose on the left, write what should be there, and press Draw."
)


def wire_actions(
    choice: Choice, history: History, runs: Runs, tabs: gr.Tabs, draw: DrawTab, edit: EditTab
) -> None:
    """Let the buttons below some pictures reach the tabs that draw."""
    fields: list[Block] = [tabs, draw.caption, draw.several, *draw.how.changing]
    choice.load.click(
        _loading(history, runs, tabs, draw), choice.one, fields, api_visibility="private"
    )
    taken: list[Block] = [
        tabs, edit.editor, edit.origin, edit.caption, edit.desk.panel, *edit.shown
    ]  # fmt: skip
    for button, kind in (
        (choice.edit, "inpaint"),
        (choice.enlarge, "upscale"),
        (choice.vary, "vary"),
    ):
        button.click(
            _taking(history, tabs, edit, kind), choice.one, taken, api_visibility="private"
        )


def _loading(
    history: History, runs: Runs, tabs: gr.Tabs, draw: DrawTab
) -> Callable[[Named | None], Updates]:
    def load(one: Named | None) -> Updates:
        shot = looked_up(history, one)
        if shot is None:
            return {tabs: gr.update()}
        try:
            request = history.request(shot.entry)
            run = runs.run(request.run)
        except UnknownRunError:
            run = runs.first
            gr.Warning(f"Its run {request.run} is not on offer now; this draws with another one.")
        except UnknownEntryError as error:
            gr.Warning(f"{error}.")
            return {tabs: gr.update()}
        captions = list(dict.fromkeys(request.captions))
        return draw.how.filled(request, run) | {
            tabs: gr.update(selected="draw"),
            draw.caption: captions[0],
            draw.several: "\n".join(request.captions) if len(captions) > 1 else "",
        }

    return load


def _taking(
    history: History, tabs: gr.Tabs, edit: EditTab, kind: str
) -> Callable[[Named | None], Updates]:
    def take(one: Named | None) -> Updates:
        shot = looked_up(history, one)
        if shot is None:
            return {tabs: gr.update()}
        with Image.open(shot.path) as picture:
            taken = picture.convert("RGB")
        return edit.of_kind(kind) | {
            tabs: gr.update(selected="edit"),
            edit.editor: gr.update(value=taken, brush=brush_for(max(taken.size))),
            edit.origin: one,
            edit.caption: shot.caption,
            edit.desk.panel: BROUGHT,
        }

    return take
