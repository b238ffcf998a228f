"""The first tab: captions to pictures."""

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from minimagen.apps.page.desk import Desk, build_buttons, build_desk, wire_desk
from minimagen.apps.page.follow import Moment
from minimagen.apps.page.how import How, Updates, Values, build_how
from minimagen.apps.requests import MAX_CAPTION, MAX_CAPTIONS, DrawRequest
from minimagen.apps.studio import Studio

EXAMPLES = ["a red circle", "a large blue square on the left", "two small green triangles"]


@dataclass(frozen=True)
class DrawTab:
    """What is typed, and the desk beside it."""

    caption: gr.Textbox
    several: gr.Textbox
    how: How
    desk: Desk

    @property
    def inputs(self) -> list[Component]:
        """What is typed into."""
        return [self.caption, self.several, *self.how.components]


def build_draw_tab(studio: Studio) -> DrawTab:
    """Lay the tab out: what is typed on the left, what comes of it on the right."""
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            caption = gr.Textbox(
                label="Caption", lines=2, max_lines=6, autofocus=True, elem_id="caption",
                placeholder="What should be in the picture?", max_length=MAX_CAPTION,
            )  # fmt: skip
            buttons = build_buttons("draw", "Draw")
            how = build_how(list(studio.runs), "draw")
            with gr.Accordion("Many captions", open=False, elem_id="draw-many"):
                several = gr.Textbox(
                    label="One caption a line", lines=6, max_lines=16, elem_id="captions",
                    info=f"Drawn in place of the caption above; at most {MAX_CAPTIONS}.",
                )  # fmt: skip
                file = gr.UploadButton("Read a .txt file", file_types=[".txt"], type="binary")
        with gr.Column(scale=6, min_width=320):
            desk = build_desk(
                "draw", buttons, "Write a caption and press Draw",
                f"for example: {', or: '.join(EXAMPLES)}. Each stage shows here what it draws.",
            )  # fmt: skip
    file.upload(_text_of, file, several, api_visibility="private")
    return DrawTab(caption, several, how, desk)


def wire_draw_tab(tab: DrawTab, studio: Studio, run: gr.Dropdown, draft: gr.BrowserState) -> None:
    """Let the tab draw, and the browser remember what was drawn last."""

    def ask(values: Values) -> DrawRequest:
        how = tab.how.read(values, studio.runs.run(values[run]))
        return DrawRequest(captions=captions_of(values[tab.caption], values[tab.several]), **how)

    def also(moment: Moment) -> Updates:
        if moment.request is None:
            return {}
        seed, captions = moment.request.seed, moment.request.captions
        return {tab.how.seed: seed, draft: {"caption": captions[0], "seed": seed}}

    wire_desk(tab.desk, studio, [*tab.inputs, run], ask, also, (tab.how.seed, draft))


def captions_of(one: str, several: str) -> tuple[str, ...]:
    """Return the captions to draw: the list's lines, where there are any; else the one."""
    lines = tuple(line.strip() for line in (several or "").splitlines() if line.strip())
    return lines or ((one or "").strip(),)


def _text_of(content: bytes) -> str:
    return content.decode("utf-8-sig", "replace")
