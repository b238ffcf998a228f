"""Where a drawing is asked for, watched and shown: what the tabs that draw have in common."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from minimagen.apps.page import panel
from minimagen.apps.page.choice import Choice, build_choice, chosen
from minimagen.apps.page.follow import Moment, follow
from minimagen.apps.page.how import Updates, Values
from minimagen.apps.requests import DrawRequest
from minimagen.apps.studio import Studio

WATCHERS = 16  # visitors that may watch a job at a time; others wait for one of them


@dataclass(frozen=True)
class Desk:
    """Two buttons, a panel and the pictures.

    Args:
        draw: begins.
        stop: ends what was begun.
        panel: previews, how far it is, what went wrong; or what to do first.
        pictures: what was drawn last, and which of it is chosen.
        job: id of the job that is being drawn, for this visitor.
    """

    draw: gr.Button
    stop: gr.Button
    panel: gr.HTML
    pictures: Choice
    job: gr.State


def build_buttons(name: str, label: str) -> tuple[gr.Button, gr.Button]:
    """Lay out the button that begins and the one that stops."""
    with gr.Row(elem_classes="within-reach"):
        draw = gr.Button(
            label, variant="primary", scale=3, elem_id=f"{name}-draw", elem_classes="key-draw"
        )
        stop = gr.Button(
            "Stop", variant="stop", scale=1, interactive=False, min_width=80,
            elem_id=f"{name}-stop", elem_classes="key-stop",
        )  # fmt: skip
    return draw, stop


def build_desk(name: str, buttons: tuple[gr.Button, gr.Button], first: str, then: str) -> Desk:
    """Lay out panel and pictures; the sentences say what to do while there is nothing."""
    shown = gr.HTML(panel.empty(first, then), elem_id=f"{name}-panel")
    return Desk(*buttons, shown, build_choice(name), gr.State(""))


def wire_desk(
    desk: Desk,
    studio: Studio,
    inputs: list[Component],
    ask: Callable[[Values], DrawRequest],
    also: Callable[[Moment], Updates] = lambda moment: {},
    outputs: tuple[Component, ...] = (),
) -> None:
    """Let the buttons begin and stop.

    Args:
        desk: the tab's.
        studio: draws.
        inputs: what ``ask`` reads.
        ask: makes a request of what was typed.
        also: what else changes at each moment.
        outputs: the components that ``also`` changes.
    """

    def draw(values: dict[Component, Any], visitor: gr.Request) -> Iterator[Updates]:
        client = visitor.client.host if visitor.client else ""
        with closing(follow(studio, lambda: ask(values), client)) as moments:
            for moment in moments:
                yield _shown(desk, moment) | also(moment)

    def stop(job: str) -> None:
        if job:
            studio.cancel(job)

    desk.draw.click(
        draw,
        inputs=set(inputs),
        outputs=[desk.draw, desk.stop, desk.panel, desk.job, *desk.pictures.components, *outputs],
        show_progress="hidden",
        concurrency_limit=WATCHERS,
        trigger_mode="once",
        api_visibility="private",
    )
    desk.stop.click(stop, inputs=desk.job, outputs=None, queue=False, api_visibility="private")


def _shown(desk: Desk, moment: Moment) -> Updates:
    is_going = bool(moment.job)
    updates: Updates = {
        desk.draw: gr.update(interactive=not is_going),
        desk.stop: gr.update(interactive=is_going),
        desk.panel: moment.html,
        desk.job: moment.job,
    }
    if moment.entry is not None:
        updates |= chosen(desk.pictures, moment.entry.shots)
    return updates
