"""The second tab: what can be done with a picture that is there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component
from PIL import Image

from minimagen.apps.history import History
from minimagen.apps.page.choice import Named
from minimagen.apps.page.desk import Desk, build_buttons, build_desk, wire_desk
from minimagen.apps.page.editor import painted, picture_editor
from minimagen.apps.page.follow import Moment
from minimagen.apps.page.how import How, Updates, Values, build_how
from minimagen.apps.requests import (
    MAX_CAPTION,
    DrawRequest,
    ImageToImage,
    Inpaint,
    Outpaint,
    Upscale,
    Vary,
)
from minimagen.apps.studio import Studio
from minimagen.errors import UsageError

KINDS = {
    "inpaint": "Paint a part anew",
    "image_to_image": "Begin with it",
    "outpaint": "Paint around it",
    "upscale": "Enlarge it",
    "vary": "Vary it",
}
HELP = {
    "inpaint": "Paint over what is to be drawn anew; the caption says what comes there.",
    "image_to_image": "The picture is noised and drawn anew as the caption says.",
    "outpaint": "The picture is set into a larger frame, and what lies around it is drawn.",
    "upscale": "The stages that draw larger pictures enlarge it; it keeps its shape.",
    "vary": "Pictures near one of the history: its noise, turned a little towards another.",
}
PLACES = {
    "middle": (0.5, 0.5),
    "left": (0.5, 0.0),
    "right": (0.5, 1.0),
    "top": (0.0, 0.5),
    "bottom": (1.0, 0.5),
}
LOOK, ALIKE = (32, 32), 8.0  # a picture is known again by so many pixels, and levels between them


@dataclass(frozen=True)
class EditTab:
    """The picture, what to do with it, and the desk.

    Args:
        editor: the picture, and what was painted on it.
        origin: which picture of the history it is; None when it was uploaded.
        kind: what is done.
        caption: of what is drawn.
        strength: of beginning with it.
        share: of the frame that it takes.
        place: in the frame.
        resample: how often each step is taken.
        amount: of a variation.
        how: seed, size and the rest.
        desk: where it is drawn.
    """

    editor: gr.ImageEditor
    origin: gr.State
    kind: gr.Radio
    caption: gr.Textbox
    strength: gr.Slider
    share: gr.Slider
    place: gr.Radio
    resample: gr.Slider
    amount: gr.Slider
    how: How
    desk: Desk

    @property
    def inputs(self) -> list[Component]:
        """What is typed into."""
        what = [self.editor, self.origin, self.kind, self.caption, self.strength, self.share]
        return [*what, self.place, self.resample, self.amount, *self.how.components]

    @property
    def shown(self) -> list[Component]:
        """What changes with the kind."""
        return [self.kind, self.strength, self.share, self.place, self.resample, self.amount]

    def of_kind(self, kind: str) -> Updates:
        """Show the fields of a kind of edit."""
        return {
            self.kind: gr.update(value=kind, info=HELP[kind]),
            self.strength: gr.update(visible=kind == "image_to_image"),
            self.share: gr.update(visible=kind == "outpaint"),
            self.place: gr.update(visible=kind == "outpaint"),
            self.resample: gr.update(visible=kind in ("inpaint", "outpaint")),
            self.amount: gr.update(visible=kind == "vary"),
        }


def build_edit_tab(studio: Studio) -> EditTab:
    """Lay the tab out: picture and fields on the left, what comes of them on the right."""
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            editor = picture_editor(
                label="Picture", show_label=False, sources=["upload", "clipboard"],
                layers=False, transforms=(), height=400, elem_id="editor",
                placeholder="Drop a picture here",
            )  # fmt: skip
            kind = gr.Radio(
                [(label, key) for key, label in KINDS.items()], value="inpaint",
                label="What to do with it", info=HELP["inpaint"], elem_id="edit-kind",
            )  # fmt: skip
            caption = gr.Textbox(
                label="Caption", lines=2, max_lines=6, max_length=MAX_CAPTION,
                placeholder="What should be there?", elem_id="edit-caption",
            )  # fmt: skip
            strength = gr.Slider(
                0.05, 1, 0.6, step=0.05, label="How free", visible=False,
                info="Little noise keeps the picture; at 1 hardly a trace is left.",
            )  # fmt: skip
            share = gr.Slider(
                0.1, 0.9, 0.6, step=0.05, visible=False, label="Of the frame it takes"
            )
            place = gr.Radio(
                list(PLACES), value="middle", label="Where in the frame", visible=False
            )
            resample = gr.Slider(
                1, 10, 1, step=1, label="Times each step is taken",
                info="More fit the parts better to each other, and take as much longer.",
            )  # fmt: skip
            amount = gr.Slider(
                0.05, 1, 0.3, step=0.05, label="How far", visible=False, elem_id="edit-amount"
            )
            buttons = build_buttons("edit", "Draw")
            how = build_how(list(studio.runs), "edit")
        with gr.Column(scale=6, min_width=320):
            desk = build_desk(
                "edit", buttons, "Bring a picture",
                "Drop one on the left, or press Edit below a picture that was drawn. "
                "Then say what to do with it.",
            )  # fmt: skip
    fields = (caption, strength, share, place, resample, amount)
    return EditTab(editor, gr.State(None), kind, *fields, how, desk)


def wire_edit_tab(tab: EditTab, studio: Studio, run: gr.Dropdown) -> None:
    """Let the tab draw, and show the fields that its kind of edit has."""

    def ask(values: Values) -> DrawRequest:
        how = tab.how.read(values, studio.runs.run(values[run]))
        if values[tab.kind] == "vary":
            amount, each = values[tab.amount], values[tab.how.each]
            origin = _still_shown(studio.history, values[tab.origin], values[tab.editor])
            return variations(studio.history, origin, amount, each, how["seed"])
        edit = _EDITS[values[tab.kind]](tab, values, _picture_and_mask(values[tab.editor]))
        return DrawRequest(captions=((values[tab.caption] or "").strip(),), edit=edit, **how)

    def also(moment: Moment) -> Updates:
        if moment.request is None:
            return {}
        edit = moment.request.edit
        return {tab.how.seed: edit.seed if isinstance(edit, Vary) else moment.request.seed}

    tab.kind.input(
        tab.of_kind, tab.kind, tab.shown, show_progress="hidden", queue=False,
        api_visibility="private",
    )  # fmt: skip
    wire_desk(tab.desk, studio, [*tab.inputs, run], ask, also, (tab.how.seed,))


def variations(
    history: History, origin: Named | None, amount: float, each: int, seed: int
) -> DrawRequest:
    """Ask for neighbours of a picture of the history, drawn as it was.

    Args:
        history: has the picture.
        origin: which one.
        amount: how far, in [0, 1].
        each: how many.
        seed: of the noise that they are turned towards.

    Raises:
        UsageError: for a picture that has no seed of its own to go out from.
    """
    if origin is None:
        raise UsageError(
            "An uploaded picture has no noise to vary; choose one of the history, or begin with it."
        )
    shot, before = history.shot(*origin), history.request(origin[0])
    if before.edit is not None:
        raise UsageError("This picture was drawn from another one; begin with it instead.")
    changes = {
        "captions": (shot.caption,),
        "first_number": shot.number,
        "images_per_caption": each,
        "edit": Vary(amount=amount, seed=seed),
    }
    return DrawRequest.model_validate({**before.model_dump(), **changes})


def _still_shown(
    history: History, origin: Named | None, value: dict[str, Any] | None
) -> Named | None:
    """Return which picture of the history the editor shows; None once another one was uploaded."""
    found = painted(value)
    if origin is None or found is None:
        return None
    with Image.open(history.shot(*origin).path) as kept:
        known = np.asarray(kept.convert("RGB").resize(LOOK), dtype=np.float32)
    shown = np.asarray(found[0].resize(LOOK), dtype=np.float32)
    return origin if np.abs(shown - known).mean() < ALIKE else None


def _picture_and_mask(value: dict[str, Any] | None) -> tuple[Image.Image, Image.Image]:
    found = painted(value)
    if found is None:
        raise UsageError(
            "There is no picture yet; upload one, or press Edit below one that was drawn."
        )
    return found


Painted = tuple[Image.Image, Image.Image]
_EDITS: dict[str, Callable[[EditTab, Values, Painted], Any]] = {
    "inpaint": lambda tab, values, it: Inpaint(
        picture=it[0], mask=it[1], resample=values[tab.resample]
    ),
    "image_to_image": lambda tab, values, it: ImageToImage(
        picture=it[0], strength=values[tab.strength]
    ),
    "outpaint": lambda tab, values, it: Outpaint(
        picture=it[0],
        share=values[tab.share],
        place=PLACES[values[tab.place]],
        resample=values[tab.resample],
    ),
    "upscale": lambda tab, values, it: Upscale(picture=it[0]),
}
