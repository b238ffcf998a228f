"""The page as a whole: its head, its tabs, and what they tell each other."""

from typing import Any

import gradio as gr

from minimagen.apps.page.actions import wire_actions
from minimagen.apps.page.choice import wire_choice
from minimagen.apps.page.draw_tab import DrawTab, build_draw_tab, wire_draw_tab
from minimagen.apps.page.edit_tab import build_edit_tab, wire_edit_tab
from minimagen.apps.page.history_tab import build_history_tab, wire_history_tab
from minimagen.apps.page.how import How, Updates
from minimagen.apps.page.runs_tab import build_runs_tab, wire_runs_tab
from minimagen.apps.runs import Runs
from minimagen.apps.studio import Studio

KEPT_S = 86_400  # how long an uploaded picture is kept, in seconds
HEAD = """<h1>minimagen</h1><span>Write what should be in the picture. Watch it appear.</span>"""
KEYS = (
    "<kbd>Ctrl</kbd> <kbd>Enter</kbd> draws · <kbd>Esc</kbd> stops · "
    "<kbd>Alt</kbd> <kbd>1</kbd> to <kbd>4</kbd> change the tab"
)


def build_page(studio: Studio) -> gr.Blocks:
    """Lay the page out and wire it."""
    runs, history = studio.runs, studio.history
    names = [run.name for run in runs]
    page = gr.Blocks(
        title="minimagen", analytics_enabled=False, delete_cache=(KEPT_S // 24, KEPT_S)
    )
    with page:
        gr.HTML(HEAD, elem_id="head")
        run = gr.Dropdown(names, value=names[0], label="Run", visible=len(names) > 1, elem_id="run")
        # Nothing secret: the key is fixed so that a restarted server can still read the draft.
        draft = gr.BrowserState({}, storage_key="minimagen-draft", secret="minimagen")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Draw", id="draw"):
                draw = build_draw_tab(studio)
            with gr.Tab("Edit", id="edit"):
                edit = build_edit_tab(studio)
            with gr.Tab("History", id="history") as history_item:
                past = build_history_tab()
            with gr.Tab("Runs", id="runs") as runs_item:
                trained = build_runs_tab(runs)
        gr.HTML(KEYS, elem_id="keys")
        wire_draw_tab(draw, studio, run, draft)
        wire_edit_tab(edit, studio, run)
        wire_history_tab(past, studio, [page.load, history_item.select])
        wire_runs_tab(trained, runs, run, runs_item)
        for choice in (draw.desk.pictures, edit.desk.pictures):
            wire_choice(choice, history)
        for choice in (draw.desk.pictures, edit.desk.pictures, past.choice):
            wire_actions(choice, history, runs, tabs, draw, edit)
        _wire_run(run, runs, [draw.how, edit.how])
        _wire_draft(page, draft, draw)
    return page


def _wire_run(run: gr.Dropdown, runs: Runs, hows: list[How]) -> None:
    """Show the stages of another run when one is chosen."""

    def choose(name: str) -> Updates:
        return hows[0].of_run(runs.run(name)) | hows[1].of_run(runs.run(name))

    shown = [part for how in hows for part in how.changing]
    run.change(choose, run, shown, show_progress="hidden", api_visibility="private")


def _wire_draft(page: gr.Blocks, draft: gr.BrowserState, draw: DrawTab) -> None:
    """Bring back what this browser drew last."""

    def bring_back(last: Any) -> Updates:
        caption = last.get("caption") if isinstance(last, dict) else None
        seed = last.get("seed") if isinstance(last, dict) else None
        return {
            draw.caption: caption if isinstance(caption, str) else gr.update(),
            draw.how.seed: seed if isinstance(seed, int) else gr.update(),
        }

    page.load(
        bring_back, draft, [draw.caption, draw.how.seed], show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
