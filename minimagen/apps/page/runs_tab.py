"""The fourth tab: the runs that can be drawn with, and how their training went."""

import io
from dataclasses import dataclass
from itertools import groupby, islice

import gradio as gr
from gradio.components import Component
from PIL import Image

from minimagen.apps.page import panel
from minimagen.apps.page.history_tab import table
from minimagen.apps.page.how import Updates
from minimagen.apps.runs import Run, Runs, SampleGrid, StageAbout

GRIDS = 3  # sample grids that are shown of each stage


@dataclass(frozen=True)
class RunsTab:
    """One run at a time."""

    which: gr.Dropdown
    use: gr.Button
    facts: gr.HTML
    plot: gr.Image
    no_plot: gr.HTML
    grids: gr.Gallery
    no_grids: gr.HTML
    configuration: gr.JSON


def build_runs_tab(runs: Runs) -> RunsTab:
    """Lay the tab out."""
    names = [run.name for run in runs]
    with gr.Row(equal_height=True):
        which = gr.Dropdown(
            names, value=runs.first.name, label="Run", scale=4, min_width=220, elem_id="runs-which"
        )
        use = gr.Button("Draw with this run", variant="primary", min_width=140, elem_id="runs-use")
    facts = gr.HTML(elem_classes="facts", elem_id="runs-facts")
    plot = gr.Image(
        label="Curves", show_label=False, visible=False, interactive=False, format="png",
        buttons=["fullscreen", "download"], elem_id="runs-plot",
    )  # fmt: skip
    no_plot = gr.HTML(
        panel.empty("No curves", "They are there where train.py measured, and matplotlib is here.")
    )
    grids = gr.Gallery(
        label="Sample grids", visible=False, columns=3, object_fit="contain", format="png",
        buttons=["fullscreen"], elem_id="runs-grids",
    )  # fmt: skip
    no_grids = gr.HTML(
        panel.empty("No sample grids", "train.py draws one at each checkpoint into samples/.")
    )
    with gr.Accordion("Configuration", open=False, elem_id="runs-configuration"):
        configuration = gr.JSON(show_label=False, open=False)
    return RunsTab(which, use, facts, plot, no_plot, grids, no_grids, configuration)


def wire_runs_tab(tab: RunsTab, runs: Runs, run: gr.Dropdown, opening: gr.Tab) -> None:
    """Show a run when the tab is opened or another is chosen; draw with it when asked to."""
    outputs: list[Component] = [
        tab.facts, tab.plot, tab.no_plot, tab.grids, tab.no_grids, tab.configuration
    ]  # fmt: skip

    def show(name: str) -> Updates:
        return _shown(tab, runs.run(name))

    def use(name: str) -> str:
        gr.Info(f"Draw and Edit draw with {name} from now on.")
        return name

    gr.on([opening.select, tab.which.change], show, tab.which, outputs, api_visibility="private")
    tab.use.click(use, tab.which, run, api_visibility="private")


def _shown(tab: RunsTab, run: Run) -> Updates:
    plot = run.plot()
    grids = [
        (Image.open(grid.path), f"stage {grid.stage}, step {grid.step:,}") for grid in _newest(run)
    ]
    curves = None if plot is None else Image.open(io.BytesIO(plot))
    return {
        tab.facts: facts(run),
        tab.plot: gr.update(value=curves, visible=plot is not None),
        tab.no_plot: gr.update(visible=plot is None),
        tab.grids: gr.update(value=grids, visible=bool(grids), columns=min(3, len(grids) or 1)),
        tab.no_grids: gr.update(visible=not grids),
        tab.configuration: run.configuration(),
    }


def _newest(run: Run) -> list[SampleGrid]:
    """Return the newest grids of each stage."""
    stages = groupby(run.grids(), key=lambda grid: grid.stage)
    return [grid for _, grids in stages for grid in islice(grids, GRIDS)]


def facts(run: Run) -> str:
    """Show what is known of a run and its stages, as a table."""
    return table({**run.about(), **{f"{one.size} px": _stage(one) for one in run.stages()}})


def _stage(about: StageAbout) -> str:
    parts = [f"{about.sampler}, {about.steps} steps", f"guidance {about.guidance_scale:g}"]
    if about.step is not None:
        parts.append(f"measured up to step {about.step:,}")
    if about.loss is not None:
        parts.append(f"loss {about.loss:.4f}")
    if about.validation_loss is not None:
        parts.append(f"validation loss {about.validation_loss:.4f}")
    return ", ".join(parts)
