"""The fields that every drawing has: seed, how many, how large, and how each stage is sampled."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from minimagen.apps.requests import MAX_EACH, MAX_SEED, DrawRequest
from minimagen.apps.runs import Run
from minimagen.sampling import SAMPLERS

Values = Mapping[Component, Any]
"""What was typed, by element."""
Updates = dict[Block, Any]
"""What changes on the page, by element."""
RATIOS = [("square", 1.0), ("3:2 landscape", 1.5), ("2:3 portrait", 2 / 3), ("16:9", 16 / 9)]


@dataclass(frozen=True)
class StageFields:
    """How one stage is sampled; it begins with the stage's own way."""

    row: gr.Row
    title: gr.HTML
    sampler: gr.Dropdown
    steps: gr.Number
    guidance: gr.Number

    @property
    def components(self) -> list[Component]:
        """What is typed into."""
        return [self.sampler, self.steps, self.guidance]


@dataclass(frozen=True)
class How:
    """The fields, once for each tab that draws."""

    seed: gr.Number
    fresh: gr.Checkbox
    each: gr.Slider
    size: gr.Radio
    negative: gr.Textbox
    ratio: gr.Dropdown
    weighted: gr.Checkbox
    stages: list[StageFields]

    @property
    def components(self) -> list[Component]:
        """All that is typed into."""
        alone = [self.seed, self.fresh, self.each, self.size, self.negative, self.ratio]
        return [*alone, self.weighted, *(c for stage in self.stages for c in stage.components)]

    @property
    def changing(self) -> list[Block]:
        """All that :meth:`of_run` and :meth:`filled` change."""
        around: list[Block] = [part for stage in self.stages for part in (stage.row, stage.title)]
        return [*self.components, *around]

    def read(self, values: Values, run: Run) -> dict[str, Any]:
        """Return what was typed as fields of a request; a fresh seed is drawn here."""
        own, stages = run.stages(), self.stages[: len(run.sizes)]
        fresh = values[self.fresh] or values[self.seed] is None
        return {
            "run": run.name,
            "seed": secrets.randbelow(MAX_SEED) if fresh else values[self.seed],
            "images_per_caption": values[self.each],
            "size": values[self.size],
            "negative": (values[self.negative] or "").strip() or None,
            "aspect_ratio": values[self.ratio],
            "weighted": values[self.weighted],
            "sampler": _each([values[s.sampler] for s in stages], [o.sampler for o in own]),
            "steps": _each([values[s.steps] for s in stages], [o.steps for o in own]),
            "guidance_scale": _each(
                [values[s.guidance] for s in stages], [o.guidance_scale for o in own]
            ),
        }

    def of_run(self, run: Run) -> Updates:
        """Show the stages of a run, all at their own values."""
        return self._sampled(run, None) | {self.size: _choices(run, run.sizes[-1])}

    def filled(self, request: DrawRequest, run: Run) -> Updates:
        """Show how a request was drawn, its seed kept."""
        ratio = request.aspect_ratio
        known = ratio in [value for _, value in RATIOS]
        ratios = RATIOS if known else [*RATIOS, (f"{ratio:g}", ratio)]
        return self._sampled(run, request) | {
            self.seed: request.seed,
            self.fresh: False,
            self.each: request.images_per_caption,
            self.size: _choices(run, request.size),
            self.negative: request.negative or "",
            self.ratio: gr.update(choices=ratios, value=ratio),
            self.weighted: request.weighted,
        }

    def _sampled(self, run: Run, request: DrawRequest | None) -> Updates:
        """Show how each stage is sampled: as a request says it, else its own way."""
        updates: Updates = {}
        asked: tuple[Any, Any, Any] = (None, None, None)
        if request is not None:
            asked = (request.sampler, request.steps, request.guidance_scale)
        own = run.stages()
        for place, fields in enumerate(self.stages):
            updates[fields.row] = gr.update(visible=place < len(own))
            if place < len(own):
                stage = own[place]
                values = (stage.sampler, stage.steps, stage.guidance_scale)
                updates[fields.title] = _title(stage.size)
                for field, one, mine in zip(fields.components, asked, values, strict=True):
                    typed = _at(one, place)
                    updates[field] = mine if typed is None else typed
        return updates


def build_how(runs: Sequence[Run], name: str, *, many: bool = True) -> How:
    """Lay the fields out: the everyday ones, the others folded away.

    Args:
        runs: on offer; the first is shown, and there are fields for the one with most stages.
        name: of the tab; begins the ids of the elements.
        many: whether there is a field for how many pictures.
    """
    first = runs[0]
    with gr.Row(equal_height=True):
        each = gr.Slider(
            1, MAX_EACH, 1, step=1, label="Pictures of each caption", visible=many,
            elem_id=f"{name}-each", min_width=140,
        )  # fmt: skip
        size = gr.Radio(
            _sizes(first), value=first.sizes[-1], label="Size", elem_id=f"{name}-size",
            min_width=140,
        )  # fmt: skip
    with gr.Row(equal_height=True):
        seed = gr.Number(
            0, label="Seed", precision=0, min_width=140, elem_id=f"{name}-seed"
        )  # fmt: skip
        fresh = gr.Checkbox(
            True, label="A new seed every time", elem_id=f"{name}-fresh", min_width=140,
            info="Off: the same seed draws the same picture.",
        )  # fmt: skip
    with gr.Accordion("Advanced", open=False, elem_id=f"{name}-advanced"):
        negative = gr.Textbox(
            label="Steer away from", placeholder="what should not be in the picture",
            info="Needs a guidance above 1 in some stage.", elem_id=f"{name}-negative",
        )  # fmt: skip
        with gr.Row(equal_height=True):
            ratio = gr.Dropdown(
                RATIOS, value=1.0, label="Shape", min_width=140,
                info="A shape that was not trained may look odd.",
            )  # fmt: skip
            weighted = gr.Checkbox(
                False, label="Weights in captions", info="(word:1.4) counts more.", min_width=140
            )
        most = max(len(run.sizes) for run in runs)
        stages = [_build_stage(first, place, name) for place in range(most)]
    return How(seed, fresh, each, size, negative, ratio, weighted, stages)


def _build_stage(run: Run, place: int, name: str) -> StageFields:
    own = run.stages()
    about = own[min(place, len(own) - 1)]
    with gr.Row(visible=place < len(own), equal_height=True) as row:
        title = gr.HTML(_title(about.size), scale=0, min_width=64)
        sampler = gr.Dropdown(
            list(SAMPLERS), value=about.sampler, label="Sampler", scale=2, min_width=150,
            elem_id=f"{name}-sampler-{place}",
        )  # fmt: skip
        steps = gr.Number(
            about.steps, label="Steps", precision=0, min_width=60, elem_id=f"{name}-steps-{place}"
        )
        guidance = gr.Number(
            about.guidance_scale, label="Guidance", min_width=60,
            elem_id=f"{name}-guidance-{place}",
        )  # fmt: skip
    return StageFields(row, title, sampler, steps, guidance)


def _title(size: int) -> str:
    return f"<strong>{size} px</strong>"


def _sizes(run: Run) -> list[tuple[str, int]]:
    return [(f"{size} px", size) for size in run.sizes]


def _choices(run: Run, size: int | None) -> Any:
    """Offer a run's sizes, one of them chosen; the largest, where it has no such size."""
    value = size if size in run.sizes else run.sizes[-1]
    return gr.update(choices=_sizes(run), value=value)


def _each(typed: Sequence[Any], own: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return one value for each stage; None where all are the stages' own, or empty."""
    values = tuple(
        mine if value in (None, "") else value for value, mine in zip(typed, own, strict=True)
    )
    return None if values == tuple(own) else values


def _at(value: Any, place: int) -> Any:
    """Return a stage's value of one for all, or one for each."""
    if not isinstance(value, tuple):
        return value
    return value[place] if place < len(value) else None
