"""What one more image costs:  python -m benchmarks.cost_per_image.

Of the tiny cascade, by the processor's seconds: a training step of the base, its pictures drawn
anew, from data sets of very different sizes; and the last super-resolution stage on whole pictures
of growing sides, trained and drawn with one step each. The first should be flat in the data set,
the second a straight line through pixels.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.peer_widths import training_step
from benchmarks.plots import save_figure, tidy
from benchmarks.record import MEASURED, print_table, save
from benchmarks.turns import in_turns
from minimagen.cascade import CascadeConfig
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.data.stream import load_batch, make_loader
from minimagen.imagen import make_stage
from minimagen.stage import Drawing
from minimagen.text.encoders import encoder_width

ITEMS = 2**8, 2**12, 2**16, 2**20
SIDES = 64, 128, 256, 512
BATCH = 16
BLUE, GREEN = "#0072B2", "#009E73"


def cascade() -> tuple[CascadeConfig, int]:
    """Return the tiny cascade and the width of its text encoder."""
    read = CascadeConfig.read(Path("parameters/tiny"))
    assert read.imagen.text_encoder is not None, "it has text"
    return read, encoder_width(read.imagen.text_encoder)


def load_and_step(items: int) -> Callable[[], float]:
    """Return what loads a batch from so many items, and takes a step."""
    config, width = cascade()
    stage = make_stage(config, 0)
    source = ShapesSource(ShapesConfig(size=items, variant="single"))
    loader = make_loader(source, range(items), stage.config.size, seed=0, stage=0)
    step, firsts = training_step(stage, BATCH, width), count(step=BATCH)

    def work() -> float:
        first = next(firsts)
        load_batch(loader, range(first, first + BATCH))
        return step()

    return work


def train_at(side: int) -> Callable[[], float]:
    """Return what takes a training step on one whole picture of a side."""
    config, width = cascade()
    stage = make_stage(config, len(config.imagen.stages) - 1)
    stage = replace(stage, config=replace(stage.config, size=side, crop=None), smaller=side // 2)
    return training_step(stage, 1, width)


def draw_at(side: int) -> Callable[[], torch.Tensor]:
    """Return what draws one whole picture of a side, with one step."""
    config, width = cascade()
    stage = make_stage(config, len(config.imagen.stages) - 1)
    stage = replace(stage, config=replace(stage.config, size=side, crop=None), smaller=side // 2)
    stage.network.eval().requires_grad_(False)
    text = TextEmbedding(torch.randn(1, 16, width), torch.ones(1, 16, dtype=torch.bool))
    lowres = stage.lowres(torch.zeros(1, 3, side // 2, side // 2), 0, [0])
    return partial(stage.sample, Conditioning(text, lowres), Drawing(steps=1), seed=0, numbers=[0])


def measured(make: Callable[[int], Callable[[], Any]], at: tuple[int, ...], rounds: int) -> Any:
    """Return the processor's seconds by what is varied; all take turns."""
    taken = in_turns({str(n): make(n) for n in at}, rounds)
    return {n: taken[n].core_seconds for n in taken}


def slope(points: dict[str, float]) -> float:
    """Return the exponent of the power law between the two largest."""
    (x, y), (further, higher) = [(float(n), taken) for n, taken in points.items()][-2:]
    return math.log(higher / y) / math.log(further / x)


def line(axes: Axes, points: dict[str, float], colour: str, label: str, power: int = 1) -> None:
    """Draw one line on logarithmic axes."""
    places = [float(n) ** power for n in points]
    axes.loglog(places, list(points.values()), "o-", color=colour, label=label, markersize=5)


def plot(found: dict[str, dict[str, float]]) -> None:
    """Draw both questions side by side."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    line(left, found["items"], BLUE, "load and train, base at 64 px")
    tidy(left, xlabel="pictures in the data set", ylabel="seconds an image")
    left.set_ylim(min(found["items"].values()) / 10, max(found["items"].values()) * 10)
    line(right, found["train"], BLUE, "train on a whole picture", 2)
    line(right, found["draw"], GREEN, "draw, one step", 2)
    pixels = [float(n) ** 2 for n in found["train"]]
    ideal = [found["train"][str(SIDES[-1])] * place / pixels[-1] for place in pixels]
    right.loglog(pixels, ideal, ":", color="#777777", label="in proportion to pixels")
    tidy(right, xlabel="pixels", ylabel="seconds an image")
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)
    save_figure(figure, MEASURED / "cost_per_image.png")


def main() -> None:
    """Run the benchmark, print its table, write its JSON and its plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    of_items = measured(load_and_step, ITEMS, rounds)
    found = {
        "items": {n: taken / BATCH for n, taken in of_items.items()},
        "train": measured(train_at, SIDES, rounds),
        "draw": measured(draw_at, SIDES, rounds),
    }
    rows = [
        {"what": what, "items or side": n, "core_seconds_an_image": round(taken, 4)}
        for what, points in found.items()
        for n, taken in points.items()
    ]
    powers = [
        {"of": "items", "power": round(slope(found["items"]), 3)},
        *(
            {"of": f"pixels, {w}", "power": round(slope(found[w]) / 2, 3)}
            for w in ("train", "draw")
        ),
    ]
    for table in (rows, powers):
        print_table(list(table[0]), [list(row.values()) for row in table])
    command = "python -m benchmarks.cost_per_image"
    save("cost_per_image", command, {"rounds": rounds, "rows": rows, "powers": powers})
    plot(found)


if __name__ == "__main__":
    main()
