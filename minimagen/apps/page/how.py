"""The fields that every drawing has: seed, how many, how large, and how each stage is sampled."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from minimagen.apps.requests import MAX_EACH, MAX_GUIDANCE, MAX_SEED, MAX_STEPS, DrawRequest
from minimagen.apps.runs import Run
from minimagen.sampling import SAMPLERS

Values = Mapping[Component, Any]
Updates = dict[Component, Any]
OWN = "the stage's own"
RATIOS = [("square", 1.0), ("3:2 landscape", 1.5), ("2:3 portrait", 2 / 3), ("16:9", 16 / 9)]


@dataclass(frozen=True)
class StageFields:
    """How one stage is sampled; a field that is left empty is the stage's own."""

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

    def read(self, values: Values, run: Run) -> dict[str, Any]:
        """Return what was typed as fields of a request; a fresh seed is drawn here."""
        stages = self.stages[: len(run.sizes)]
        own = run.stages()
        fresh = values[self.fresh] or values[self.seed] is None
        return {
            "run": run.name,
            "seed": secrets.randbelow(MAX_SEED) if fresh else values[self.seed],
            "images_per_caption": values[self.each],
            "size": values[self.size],
            "negative": (values[self.negative] or "").strip() or None,
            "aspect_ratio": values[self.ratio],
            "weighted": values[self.weighted],
            "sampler": _each(
                [None if values[s.sampler] == OWN else values[s.sampler] for s in stages],
                [stage.sampler for stage in own],
            ),
            "steps": _each([values[s.steps] for s in stages], [stage.steps for stage in own]),
            "guidance_scale": _each(
                [values[s.guidance] for s in stages], [stage.guidance_scale for stage in own]
            ),
        }

    def of_run(self, run: Run) -> Updates:
        """Show the stages of a run, all at their own values."""
        updates: Updates = {self.size: gr.update(choices=_sizes(run), value=run.sizes[-1])}
        own = run.stages()
        for place, fields in enumerate(self.stages):
            there = place < len(own)
            updates[fields.row] = gr.update(visible=there)
            if there:
                about = own[place]
                updates[fields.title] = _title(about.size)
                updates[fields.sampler] = gr.update(value=OWN, label=f"Sampler ({about.sampler})")
                updates[fields.steps] = gr.update(value=None, label=f"Steps ({about.steps})")
                label = f"Guidance ({about.guidance_scale:g})"
                updates[fields.guidance] = gr.update(value=None, label=label)
        return updates

    def filled(self, request: DrawRequest, run: Run) -> Updates:
        """Show how a request was drawn, its seed kept."""
        updates: Updates = {
            self.seed: request.seed,
            self.fresh: False,
            self.each: request.images_per_caption,
            self.size: request.size or run.sizes[-1],
            self.negative: request.negative or "",
            self.ratio: request.aspect_ratio,
            self.weighted: request.weighted,
        }
        for place, fields in enumerate(self.stages):
            updates[fields.sampler] = _at(request.sampler, place) or OWN
            updates[fields.steps] = _at(request.steps, place)
            updates[fields.guidance] = _at(request.guidance_scale, place)
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
            0, label="Seed", precision=0, minimum=0, maximum=MAX_SEED,
            elem_id=f"{name}-seed", min_width=140,
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
    with gr.Row(visible=place < len(own)) as row:
        title = gr.HTML(_title(about.size), min_width=70)
        sampler = gr.Dropdown(
            [OWN, *SAMPLERS], value=OWN, label=f"Sampler ({about.sampler})", min_width=110,
            elem_id=f"{name}-sampler-{place}",
        )  # fmt: skip
        steps = gr.Number(
            None, label=f"Steps ({about.steps})", precision=0, minimum=1, maximum=MAX_STEPS,
            placeholder="own", min_width=90, elem_id=f"{name}-steps-{place}",
        )  # fmt: skip
        guidance = gr.Number(
            None, label=f"Guidance ({about.guidance_scale:g})", minimum=0, maximum=MAX_GUIDANCE,
            placeholder="own", min_width=90, elem_id=f"{name}-guidance-{place}",
        )  # fmt: skip
    return StageFields(row, title, sampler, steps, guidance)


def _title(size: int) -> str:
    return f"<strong>{size} px</strong>"


def _sizes(run: Run) -> list[tuple[str, int]]:
    return [(f"{size} px", size) for size in run.sizes]


def _each(typed: Sequence[Any], own: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return one value for each stage; None when all are left to the stages."""
    if all(value is None for value in typed):
        return None
    return tuple(mine if value is None else value for value, mine in zip(typed, own, strict=True))


def _at(value: Any, place: int) -> Any:
    """Return a stage's value of one for all, or one for each."""
    if not isinstance(value, tuple):
        return value
    return value[place] if place < len(value) else None
