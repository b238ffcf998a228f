"""The third tab: everything that was drawn, newest first, its favourites and its settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from minimagen.apps.history import MAX_ARCHIVED, Entry, History, Shot
from minimagen.apps.page import panel
from minimagen.apps.page.choice import Choice, Named, build_choice, looked_up, shown, wire_choice
from minimagen.apps.page.how import Updates
from minimagen.apps.page.looks import Looks, build_looks, wire_looks
from minimagen.apps.studio import Studio
from minimagen.errors import UsageError

PAGE = 40  # jobs that are looked up at a time
ALL, FAVOURITES = "Everything", "Favourites"
NOTHING = panel.empty("Nothing was drawn yet", "Go to Draw, write a caption and press Draw.")
NO_FAVOURITES = panel.empty(
    "No favourites yet", "Choose a picture, and press the star below it to find it here again."
)
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
DOWNLOAD = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name ?? "";
  link.click();
}"""  # is handed the file itself: it need not wait for the page to draw a button for it


@dataclass(frozen=True)
class HistoryTab:
    """The thumbnails, and the one that was chosen."""

    which: gr.Radio
    empty: gr.HTML
    choice: Choice
    older: gr.Button
    zip_all: gr.Button
    zip_job: gr.Button
    file: gr.DownloadButton
    large: gr.Image
    facts: gr.HTML
    looks: Looks

    @property
    def detailed(self) -> list[Block]:
        """What changes with the chosen picture."""
        return [self.large, self.facts, self.zip_job, *self.looks.components]

    @property
    def changing(self) -> list[Block]:
        """What changes when other pictures are shown."""
        return [*self.choice.components, self.empty, self.older, *self.detailed]


def build_history_tab() -> HistoryTab:
    """Lay the tab out."""
    with gr.Row(equal_height=True):
        which = gr.Radio(
            [ALL, FAVOURITES], value=ALL, show_label=False, container=False, scale=3,
            min_width=200, elem_id="history-which",
        )  # fmt: skip
        zip_all = gr.Button("Zip of what is shown", size="sm", min_width=130, elem_id="zip-all")
        zip_job = gr.Button(
            "Zip of this job", size="sm", min_width=110, visible=False, elem_id="zip-job"
        )
    empty = gr.HTML(NOTHING, elem_id="history-empty")
    with gr.Row():
        with gr.Column(scale=6, min_width=320):
            choice = build_choice("history", large=False)
            older = gr.Button("Older ones", size="sm", visible=False, elem_id="older")
        with gr.Column(scale=5, min_width=320):
            large = gr.Image(
                label="Picture", show_label=False, interactive=False, visible=False,
                buttons=["download", "fullscreen"], elem_id="history-large",
            )  # fmt: skip
            facts = gr.HTML(elem_classes="facts", elem_id="history-facts")
    looks = build_looks("history")
    file = gr.DownloadButton(visible="hidden", elem_id="history-file")
    return HistoryTab(which, empty, choice, older, zip_all, zip_job, file, large, facts, looks)


def wire_history_tab(tab: HistoryTab, studio: Studio, opening: Sequence[Any]) -> None:
    """Let the tab show, choose and download.

    Args:
        tab: the tab.
        studio: has the history that it shows, and looks at pictures.
        opening: events upon which it is read anew, besides its own.
    """
    history = studio.history
    wire_choice(tab.choice, history)
    _wire_reading(tab, history, opening)
    tab.choice.one.change(
        lambda one: _detail(tab, history, one), tab.choice.one, tab.detailed, **QUIET
    )
    wire_looks(tab.looks, tab.choice.one, studio)
    for button, given, named in (
        (tab.zip_all, tab.choice.named, list),
        (tab.zip_job, tab.choice.one, lambda one: _of_job(history, one)),
    ):
        _wire_zip(button, given, tab.file, partial(_zipped, history, named))


def _wire_reading(tab: HistoryTab, history: History, opening: Sequence[Any]) -> None:
    def read(which: str) -> Updates:
        return _read(tab, history, which, [])

    def older(which: str, named: list[Named]) -> Updates:
        return _read(tab, history, which, named)

    gr.on([tab.which.change, *opening], read, tab.which, tab.changing, **QUIET)
    tab.older.click(older, [tab.which, tab.choice.named], tab.changing, **QUIET)


def _wire_zip(
    button: gr.Button, given: gr.State, file: gr.DownloadButton, zipped: Callable[[Any], Any]
) -> None:
    """Let a button pack what is given, and the browser fetch it once it is there."""
    packed = button.click(zipped, given, file, **QUIET)
    packed.success(None, file, None, js=DOWNLOAD)


def _read(tab: HistoryTab, history: History, which: str, named: Sequence[Named]) -> Updates:
    """Read the history from its newest job, or go on after what is shown."""
    before = [history.shot(*one) for one in named]
    if which == FAVOURITES:
        shots, more = history.favourites(), False
    else:
        last = before[-1].entry if before else None
        entries = history.entries(PAGE + 1, before=last)
        more = len(entries) > PAGE
        shots = [shot for entry in entries[:PAGE] for shot in entry.shots]
    hint = NOTHING if which == ALL else NO_FAVOURITES
    return shown(tab.choice, [*before, *shots], captioned=True) | {
        tab.empty: gr.update(value=hint, visible=not (before or shots)),
        tab.older: gr.update(visible=more),
        tab.large: gr.update(visible=False),
        tab.facts: "",
        tab.zip_job: gr.update(visible=False),
        **tab.looks.of(None, {}),
    }


def _detail(tab: HistoryTab, history: History, one: Named | None) -> Updates:
    """Show the chosen picture large, and how it was drawn."""
    if one is None:
        return {tab.facts: gr.update()}
    shot = looked_up(history, one)
    if shot is None:
        return {tab.facts: "", tab.large: gr.update(visible=False), **tab.looks.of(None, {})}
    return tab.looks.of(shot, history.looks(shot)) | {
        tab.large: gr.update(value=shot.path, visible=True),
        tab.facts: facts(history.entry(shot.entry), shot),
        tab.zip_job: gr.update(visible=True),
    }


def _zipped(history: History, named: Callable[[Any], list[Named]], given: Any) -> Path | None:
    """Pack the pictures that are named by what the page gives."""
    try:
        return history.archive(named(given)[:MAX_ARCHIVED])
    except UsageError as error:
        gr.Warning(f"{error}.")
        return None


def _of_job(history: History, one: Named | None) -> list[Named]:
    """Name all pictures of the chosen one's job."""
    if one is None:
        return []
    shot = history.shot(*one)
    return [(other.entry, other.index) for other in history.entry(shot.entry).shots]


def facts(entry: Entry, shot: Shot) -> str:
    """Show how a picture was drawn, as a table."""
    settings = entry.settings
    rows = {
        "caption": shot.caption,
        "steered away from": settings.get("negative_caption"),
        "seed": f"{shot.seed}, picture {shot.number}" if shot.number else f"{shot.seed}",
        "size": f"{shot.width} x {shot.height} px",
        "sampler": _listed(settings.get("sampler")),
        "steps": _listed(settings.get("steps")),
        "guidance": _listed(settings.get("guidance_scale")),
        "edit": str(settings.get("edit") or "").replace("_", " "),
        "run": entry.run,
        "drawn": f"{entry.created[:16].replace('T', ' ')} UTC, in {panel.seconds(entry.seconds)}",
    }
    return table(rows)


def table(rows: Mapping[str, Any]) -> str:
    """Lay out names and values; what is empty is left out."""
    cells = (
        f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
        if value not in (None, "")
    )
    return f"<table>{''.join(cells)}</table>"


def _listed(values: Any) -> str:
    """Say one value for all stages, or one for each."""
    if not isinstance(values, list | tuple):
        return "" if values is None else str(values)
    parts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return parts[0] if len(set(parts)) == 1 else ", ".join(parts)
