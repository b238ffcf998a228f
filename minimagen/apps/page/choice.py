"""Pictures of the history in a gallery, one of them chosen, and what can be done with that one.

What a visitor chooses is named by its job's id and its place there; files are looked up again each
time, for somebody may have removed them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from minimagen.apps.history import History, Shot, UnknownEntryError
from minimagen.apps.page.how import Updates

Named = tuple[str, int]
"""A picture of the history: its job's id and its place there."""


@dataclass(frozen=True)
class Choice:
    """The pictures and the buttons below them.

    Args:
        gallery: the pictures.
        named: what is in the gallery, as a list of :data:`Named`.
        one: the chosen one; None while there is none.
        row: of the buttons; there once one is chosen.
        star: makes the chosen one a favourite, or none.
        load: puts its settings back into the fields.
        edit: takes it to be edited.
        enlarge: likewise, to be enlarged.
        vary: likewise, to be varied.
    """

    gallery: gr.Gallery
    named: gr.State
    one: gr.State
    row: gr.Row
    star: gr.Button
    load: gr.Button
    edit: gr.Button
    enlarge: gr.Button
    vary: gr.Button

    @property
    def components(self) -> list[Block]:
        """What changes when there are other pictures."""
        return [self.gallery, self.named, self.one, self.row, self.star]


def build_choice(name: str, *, large: bool = True) -> Choice:
    """Lay out a gallery and its buttons.

    Args:
        name: of the tab; begins the ids of the elements.
        large: whether the chosen picture is shown large, the others beside it.
    """
    gallery = gr.Gallery(
        label="Pictures", show_label=False, visible=False, columns=4,
        preview=large, allow_preview=large, height=440 if large else 560, object_fit="contain",
        buttons=["download", "fullscreen"], fit_columns=large, elem_id=f"{name}-pictures",
    )  # fmt: skip
    with gr.Row(visible=False, elem_id=f"{name}-actions") as row:
        buttons = [
            gr.Button(label, size="sm", min_width=88, elem_id=f"{name}-{kind}")
            for kind, label in {
                "star": _star(False),
                "load": "Load settings",
                "edit": "Edit",
                "enlarge": "Enlarge",
                "vary": "Variations",
            }.items()
        ]
    return Choice(gallery, gr.State([]), gr.State(None), row, *buttons)


def shown(choice: Choice, shots: Sequence[Shot], captioned: bool = False) -> Updates:
    """Put pictures into the gallery; none of them is chosen yet.

    Args:
        choice: where.
        shots: the pictures.
        captioned: show thumbnails with the captions, in place of the pictures.
    """
    files: list[Any] = [(s.thumbnail, s.caption) if captioned else s.path for s in shots]
    return {
        choice.gallery: gr.update(value=files, visible=bool(files), selected_index=None),
        choice.named: [(shot.entry, shot.index) for shot in shots],
        choice.one: None,
        choice.row: gr.update(visible=False),
        choice.star: gr.update(),
    }


def chosen(choice: Choice, shots: Sequence[Shot]) -> Updates:
    """Put new pictures into the gallery and choose the first."""
    first = (shots[0].entry, shots[0].index)
    return shown(choice, shots) | {
        choice.gallery: gr.update(
            value=[shot.path for shot in shots], visible=True, selected_index=0
        ),
        choice.one: first,
        choice.row: gr.update(visible=True),
        choice.star: _star(False),
    }


def wire_choice(choice: Choice, history: History) -> None:
    """Let a picture be chosen, and made a favourite."""

    def choose(named: list[Named], event: gr.SelectData) -> Updates:
        if not isinstance(event.index, int) or not 0 <= event.index < len(named):
            return {choice.one: None, choice.row: gr.update(visible=False)}
        one = named[event.index]
        shot = looked_up(history, one)
        if shot is None:
            return {choice.one: None, choice.row: gr.update(visible=False)}
        star = _star(history.is_favourite(shot))
        return {choice.one: one, choice.row: gr.update(visible=True), choice.star: star}

    def toggle(one: Named | None) -> str:
        shot = looked_up(history, one)
        if shot is None:
            return _star(False)
        is_one = not history.is_favourite(shot)
        history.favourite(shot.entry, shot.index, is_one)
        return _star(is_one)

    choice.gallery.select(
        choose, choice.named, [choice.one, choice.row, choice.star],
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    choice.star.click(
        toggle, choice.one, choice.star, show_progress="hidden", api_visibility="private"
    )


def looked_up(history: History, one: Named | None) -> Shot | None:
    """Find a chosen picture; where it is gone, say so and return None."""
    if one is None:
        gr.Warning("Choose a picture first.")
        return None
    try:
        return history.shot(*one)
    except UnknownEntryError:
        gr.Warning("This picture is not in the history any more.")
        return None


def _star(is_one: bool) -> str:
    return "★ Favourite" if is_one else "☆ Favourite"
