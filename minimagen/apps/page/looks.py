"""Below a chosen picture: what each word of its caption did, once somebody asks."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import gradio as gr
from gradio.blocks import Block

from minimagen.apps.history import Shot
from minimagen.apps.page import panel
from minimagen.apps.page.choice import Named, looked_up
from minimagen.apps.page.desk import WATCHERS
from minimagen.apps.page.follow import watch
from minimagen.apps.page.how import Updates
from minimagen.apps.studio import Studio

TITLES = {
    "words": "What each word decides",
    "tokens": "What reads which token",
}
FIRST = panel.empty(
    "Not looked at yet", "Press the button above: the first stage draws the picture once more."
)
SAID = panel.note(
    "Pixels that change when a word is left out, then positions that read each token: yellow is "
    "most, dark is least. It was the first stage that was looked at."
)


@dataclass(frozen=True)
class Looks:
    """A button, a sentence, and the sheets, by what they show."""

    button: gr.Button
    panel: gr.HTML
    sheets: dict[str, gr.Image]

    @property
    def components(self) -> list[Block]:
        """What changes with the chosen picture."""
        return [self.button, self.panel, *self.sheets.values()]

    def of(self, shot: Shot | None, sheets: dict[str, Path]) -> Updates:
        """Show what is known of a picture; None hides everything."""
        return {
            self.button: gr.update(visible=shot is not None),
            self.panel: gr.update(value=SAID if sheets else FIRST, visible=shot is not None),
            **{
                shown: gr.update(value=sheets.get(what), visible=what in sheets)
                for what, shown in self.sheets.items()
            },
        }


def build_looks(name: str) -> Looks:
    """Lay the part out; ``name`` begins the ids of its elements."""
    button = gr.Button("What read which word", size="sm", visible=False, elem_id=f"{name}-look")
    shown = gr.HTML(visible=False, elem_id=f"{name}-look-panel")
    sheets = {
        what: gr.Image(
            label=title, show_label=False, interactive=False, visible=False,
            buttons=["download", "fullscreen"],
            elem_id=f"{name}-look-{what}",
        )
        for what, title in TITLES.items()
    }  # fmt: skip
    return Looks(button, shown, sheets)


def wire_looks(looks: Looks, one: gr.State, studio: Studio) -> None:
    """Let the button look at the chosen picture; whoever leaves ends that."""

    def look(named: Named | None, visitor: gr.Request) -> Iterator[Updates]:
        client = visitor.client.host if visitor.client else ""
        yield from looked(looks, studio, named, client)

    looks.button.click(
        look, one, looks.components, show_progress="hidden", concurrency_limit=WATCHERS,
        trigger_mode="once", api_visibility="private",
    )  # fmt: skip


def looked(looks: Looks, studio: Studio, named: Named | None, client: str) -> Iterator[Updates]:
    """Look at a picture, or bring what was seen before; gives what the page shows meanwhile."""
    shot = looked_up(studio.history, named)
    if shot is None:
        return
    if sheets := studio.history.looks(shot):
        yield looks.of(shot, sheets)
        return
    begin = partial(studio.look, shot.entry, shot.index, client)
    with closing(watch(studio, begin)) as moments:
        for moment in moments:
            if moment.entry is None:
                yield {looks.panel: moment.html}
            else:
                yield looks.of(shot, studio.history.looks(shot))
