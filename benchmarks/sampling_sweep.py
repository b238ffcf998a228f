"""How a trained base is best sampled:  python -m benchmarks.sampling_sweep -d training_<TIMESTAMP>.

Every sampler at every number of steps and guidance scale draws the 64 captions of main.py that
training never saw, from the same noise. Three questions of the pictures: do they show what their
caption says; are they, as a set, like true renderings of these captions; does guidance burn them?

    accuracy          share of pictures with the caption's colour and shape
    energy_distance   between drawn and true pictures, reduced to 16 px: root mean square of RGB
                      values in [-1, 1], which sees colours, sizes and places but no fine edges.
                      Less what other true pictures come to, so 0 is perfect
    saturation        share of values at 0.999 of the range or beyond; true pictures have none
    chroma_excess     mean of max(R, G, B) - min(R, G, B), less that of true pictures, in [0, 1]

Each cell is kept in docs/measured/sampling_sweep.jsonl as soon as it is measured, and is measured
again only for other weights. So the sweep may be interrupted, and taken in parts.
"""

import argparse
import hashlib
import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice, product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

import main as demo
from benchmarks.plots import draw_line, save_figure, tidy
from benchmarks.record import MEASURED, print_table, save
from benchmarks.walks import GRIDS, calls_made
from minimagen.data.shapes import draw, scene_for
from minimagen.diffusion.thresholding import NoThresholding
from minimagen.evaluation.caption_accuracy import caption_accuracy, named_pair
from minimagen.evaluation.kernel import energy_distance
from minimagen.imagen import Imagen
from minimagen.lowres import resize
from minimagen.sampling import SAMPLERS
from minimagen.sampling.grids import EDMGrid
from minimagen.tensors import from_uint8, to_uint8
from minimagen.weights import weights_path

STEPS = 5, 10, 20, 50
SCALES = 1.0, 2.0, 3.0, 5.0, 8.0
PLAIN: dict[str, Any] = {
    "grid": EDMGrid(),
    "guidance_interval": None,
    "guidance_rescale": 0.0,
    "thresholding": None,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "guided from -1 to 6": {"guidance_interval": (-1.0, 6.0)},
    "guided from -5 to 5": {"guidance_interval": (-5.0, 5.0)},
    "rescaled": {"guidance_rescale": 0.7},
    "unthresholded": {"thresholding": NoThresholding()},
    **{f"on {grid.kind}": {"grid": grid} for grid in GRIDS.values() if grid != PLAIN["grid"]},
}
STUDIED = "dpmpp_2m"  # the sampler whose variants are drawn
CELLS = MEASURED / "sampling_sweep.jsonl"
TRUE_EACH = 4  # true pictures a caption, to compare with
TRUE_SETS = 8  # of one a caption, to know what is perfect
MEASURES = "accuracy", "energy_distance", "saturation", "chroma_excess"

Cell = dict[str, Any]


class Setting(NamedTuple):
    """How the base is sampled."""

    variant: str
    sampler: str
    steps: int
    guidance: float
    seed: int = 0


def true_pictures(captions: Sequence[str], size: int, each: int, seed: int) -> Tensor:
    """Draw scenes that their own words describe by these captions; (N each, 3, size, size)."""
    pictures = []
    for caption in captions:
        scenes = (scene_for(named_pair(caption), seed, i) for i in count())
        fitting = (scene for scene in scenes if scene.caption == caption)
        pictures += [draw(scene, size) for scene in islice(fitting, each)]
    return from_uint8(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2))


def features(images: Tensor) -> Tensor:
    """Reduce pictures to 16 px, scaled so that a distance is a root mean square; (N, 768)."""
    small = resize(images, 16).flatten(1)
    return small / math.sqrt(small.shape[1])


def chroma(images: Tensor) -> float:
    """Return the mean of max(R, G, B) - min(R, G, B), in [0, 1]."""
    return ((images.amax(dim=1) - images.amin(dim=1)) / 2).mean().item()


@dataclass(frozen=True)
class Jury:
    """Judges pictures of these captions by true ones.

    Args:
        captions: N of them.
        truth: true pictures, some for each caption, (M, 3, S, S).
        offset: energy distance at which pictures are perfect. It is not 0: of one picture a caption
            no two show the same caption, while a drawn and a true one may.
    """

    captions: Sequence[str]
    truth: Tensor
    offset: float = 0.0

    @classmethod
    def gather(cls, captions: Sequence[str], size: int) -> "Jury":
        """Draw the true pictures, and find the offset with some more."""
        jury = cls(captions, true_pictures(captions, size, TRUE_EACH, seed=0))
        return replace(jury, offset=jury.of_true_pictures()["energy_distance"])

    def of_true_pictures(self) -> dict[str, float]:
        """Judge true pictures, one a caption: means over some sets, and the distance's scatter."""
        size = self.truth.shape[-1]
        sets = (true_pictures(self.captions, size, 1, seed) for seed in range(1, TRUE_SETS + 1))
        found = [self.judge(images) for images in sets]
        means = {name: round(fmean(each[name] for each in found), 5) + 0.0 for name in MEASURES}
        return {**means, "scatter": round(stdev(each["energy_distance"] for each in found), 5)}

    def judge(self, images: Tensor) -> dict[str, float]:
        """Answer the three questions of pictures (N, 3, S, S), one a caption."""
        arrays = list(to_uint8(images).permute(0, 2, 3, 1).numpy())
        distance = energy_distance(features(images), features(self.truth)) - self.offset
        return {
            "accuracy": round(caption_accuracy(arrays, self.captions), 4),
            "energy_distance": round(distance, 5),
            "saturation": round((images.abs() >= 0.999).double().mean().item(), 5),
            "chroma_excess": round(chroma(images) - chroma(self.truth), 5),
        }


def measure(imagen: Imagen, setting: Setting, jury: Jury) -> Cell:
    """Draw all captions in one way and judge the pictures."""
    started = time.monotonic()
    images = imagen.with_sampling(stages=[0], **PLAIN | VARIANTS[setting.variant]).sample(
        jury.captions,
        sampler=setting.sampler,
        steps=setting.steps,
        guidance_scale=setting.guidance,
        seed=setting.seed,
        size=jury.truth.shape[-1],
        batch_size=len(jury.captions),
    )
    seconds = round(time.monotonic() - started, 1)
    calls = calls_made(setting.sampler, setting.steps)
    return {**setting._asdict(), "calls": calls, "seconds": seconds, **jury.judge(images)}


def recorded(weights: str) -> dict[Setting, Cell]:
    """Return the cells already measured with these weights; a line cut short is left out."""
    found: dict[Setting, Cell] = {}
    for line in CELLS.read_text(encoding="utf-8").splitlines() if CELLS.is_file() else ():
        try:
            cell = json.loads(line)
        except json.JSONDecodeError:
            continue
        if cell.pop("weights") == weights:
            found[Setting(*(cell[name] for name in Setting._fields))] = cell
    return found


def keep(cell: Cell, weights: str) -> None:
    """Append a cell to those that are recorded."""
    CELLS.parent.mkdir(parents=True, exist_ok=True)
    with CELLS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"weights": weights, **cell}) + "\n")


def sweep(directory: Path, settings: Sequence[Setting]) -> dict[str, Any]:
    """Measure what is not recorded yet; return all that is, beside what true pictures score."""
    imagen = Imagen.load(directory)
    jury = Jury.gather(demo.unseen_captions(), imagen.stages[0].config.size)
    weights = hashlib.sha256(weights_path(directory, 0).read_bytes()).hexdigest()[:16]
    done = recorded(weights)
    missing = [setting for setting in settings if setting not in done]
    for number, setting in enumerate(missing, 1):
        done[setting] = measure(imagen, setting, jury)
        keep(done[setting], weights)
        print(f"{number} of {len(missing)}: {_line(done[setting])}", flush=True)
    return {"weights": weights, "true": jury.of_true_pictures(), "cells": list(done.values())}


def _line(cell: Cell) -> str:
    return ", ".join(f"{name} {value}" for name, value in cell.items())


def over_seeds(cells: Iterable[Cell]) -> list[Cell]:
    """Average the measures of cells that differ by their seed alone."""
    alike = defaultdict(list)
    for cell in cells:
        alike[tuple(cell[name] for name in Setting._fields[:-1])].append(cell)
    return [
        {**group[0], "seeds": len(group)}
        | {name: round(fmean(cell[name] for cell in group), 5) for name in MEASURES}
        for group in alike.values()
    ]


def ranked(cells: Iterable[Cell]) -> list[Cell]:
    """Sort cells, those of most seeds first, then by accuracy and by energy distance."""
    return sorted(
        over_seeds(cells),
        key=lambda cell: (-cell["seeds"], -cell["accuracy"], cell["energy_distance"]),
    )


def report(results: dict[str, Any]) -> None:
    """Print each sampler's best settings, those of several seeds, and what true pictures score."""
    shown: dict[Any, Cell] = {}
    for place, cell in enumerate(ranked(results["cells"])):
        shown.setdefault(place if cell["seeds"] > 1 else cell["sampler"], cell)
    columns = (*("sampler", "steps", "calls", "guidance", "variant", "seeds"), *MEASURES)
    rows = [[cell[name] for name in columns] for cell in shown.values()]
    true = ["true pictures", "", "", "", "", "", *(results["true"][name] for name in MEASURES)]
    print_table([name.replace("_", " ") for name in columns], [*rows, true])
    print(f"\nThe distance of true pictures scatters by {results['true']['scatter']}.")


def mean_over(cells: Iterable[Cell], place: str, measure: str) -> dict[float, float]:
    """Average a measure over the cells at each place of an axis."""
    found = defaultdict(list)
    for cell in cells:
        found[cell[place]].append(cell[measure])
    return {where: fmean(values) for where, values in found.items()}


def plot(results: dict[str, Any]) -> None:
    """Draw each sampler by steps and by guidance, and the variants of one sampler by guidance."""
    figure = Figure(figsize=(13, 8), layout="constrained")
    above, below = figure.subplots(2, 3)
    plot_samplers(above, [cell for cell in results["cells"] if cell["variant"] == "plain"])
    plot_variants(below, [cell for cell in results["cells"] if cell["sampler"] == STUDIED])
    save_figure(figure, MEASURED / "sampling_sweep.png")


def plot_samplers(panels: Sequence[Axes], cells: Sequence[Cell]) -> None:
    """Draw accuracy against steps and guidance, and saturation against guidance."""
    by_steps, accuracy, saturation = panels
    for name in dict.fromkeys(cell["sampler"] for cell in cells):
        own = [cell for cell in cells if cell["sampler"] == name]
        scales = mean_over(own, "guidance", "accuracy")
        scale = max(scales, key=lambda scale: scales[scale])
        at_best = [cell for cell in own if cell["guidance"] == scale]
        draw_line(by_steps, name, mean_over(at_best, "steps", "accuracy"), f"{name}, {scale:g}")
        draw_line(accuracy, name, scales)
        draw_line(saturation, name, mean_over(own, "guidance", "saturation"))
    steps = sorted({cell["steps"] for cell in cells})
    tidy(by_steps, xscale="log", xlabel="steps", ylabel="caption accuracy at its best guidance")
    by_steps.set_xticks(steps, [str(step) for step in steps])
    by_steps.minorticks_off()
    by_steps.legend(title="sampler, guidance", frameon=False, fontsize=8)
    tidy(accuracy, xlabel="guidance scale", ylabel="caption accuracy, mean over steps")
    tidy(saturation, xlabel="guidance scale", ylabel="saturated values, mean over steps")


def plot_variants(panels: Sequence[Axes], cells: Sequence[Cell]) -> None:
    """Draw three measures against guidance, a line for each variant, mean over common steps."""
    for axes, measure in zip(panels, ("accuracy", "energy_distance", "saturation"), strict=True):
        for variant in dict.fromkeys(cell["variant"] for cell in cells):
            own = [cell for cell in cells if cell["variant"] == variant and cell["steps"] <= 20]
            scales = mean_over(own, "guidance", measure)
            if len(scales) > 2:
                places = sorted(scales)
                axes.plot(places, [scales[w] for w in places], marker="o", label=variant)
        label = f"{measure.replace('_', ' ')}, mean over steps up to 20"
        tidy(axes, xlabel=f"guidance scale of {STUDIED}", ylabel=label)
    panels[0].legend(frameon=False, fontsize=8)


def parse() -> argparse.Namespace:
    """Read the flags."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="made by train.py")
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=list(SAMPLERS))
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS)
    parser.add_argument("--guidance", nargs="+", type=float, default=SCALES)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["plain"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    return parser.parse_args()


def main() -> None:
    """Run the sweep, print its table, write its JSON and its plot."""
    options = parse()
    axes = options.variants, options.samplers, options.steps, options.guidance, options.seeds
    results = sweep(options.directory, [Setting(*setting) for setting in product(*axes)])
    report(results)
    save("sampling_sweep", "python -m benchmarks.sampling_sweep -d training_<TIMESTAMP>", results)
    plot(results)


if __name__ == "__main__":
    main()
