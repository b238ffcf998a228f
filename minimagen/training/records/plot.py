"""The picture of a run: a column for each stage, a row for each thing that is measured.

Colours are those of Okabe & Ito, which the colour-blind tell apart.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from minimagen.training.records.curves import Curves, Numbers, read_curves
from minimagen.training.validation import BINS

BLUE, SKY, ORANGE, RED, GREY = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#777777"
QUARTERS = BLUE, SKY, ORANGE, RED  # from the noisiest to the cleanest
WIDTH, HEIGHT = 5.0, 2.0  # of one panel, in inches
HEAD, FOOT, SIDE = 0.75, 0.5, 0.65  # around all panels, in inches
SMOOTHED = 25  # a curve is averaged over one part in so many
LEGEND = 0.35  # of a panel's height
DPI = 90
Panel = tuple[str, Callable[[Axes, Curves], None]]
Panels = tuple[Panel, ...]


def draw_run(directory: Path) -> Figure:
    """Draw what a training directory's ``metrics.jsonl`` holds, in whatever state it is."""
    stages = read_curves(directory / "metrics.jsonl") or {0: Curves()}
    panels = PANELS + (JUDGED,) * any(map(_is_judged, stages.values()))
    rows, columns = len(panels), len(stages)
    width, height = columns * WIDTH, rows * HEIGHT + HEAD + FOOT
    figure = Figure((width, height), dpi=DPI)
    figure.subplots_adjust(
        SIDE / width, FOOT / height, 1 - SIDE / width, 1 - HEAD / height, wspace=0.3, hspace=0.3
    )
    figure.suptitle(directory.name, x=SIDE / width, ha="left", y=1 - 0.12 / height, va="top")
    grid = figure.subplots(rows, columns, sharex="col", squeeze=False)
    for column, (stage, curves) in zip(grid.T, stages.items(), strict=True):
        _draw_stage(column, stage, curves, panels)
    return figure


def _draw_stage(column: Sequence[Axes], stage: int, curves: Curves, panels: Panels) -> None:
    for axes, (title, draw) in zip(column, panels, strict=True):
        draw(axes, curves)
        axes.set_title(title, loc="left", fontsize=9, pad=3)
        _finish(axes)
    column[0].set_title(f"stage {stage}", loc="right", fontsize=11, fontweight="bold", pad=3)
    column[-1].set_xlabel("optimizer step", fontsize=9)
    column[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))


# Panels


def _losses(axes: Axes, curves: Curves) -> None:
    steps, losses = curves.line("loss")
    axes.plot(steps, losses, color=SKY, linewidth=0.8, alpha=0.7)
    axes.plot(steps, _smoothed(losses), color=BLUE, linewidth=1.6, label="training")
    _marked(axes, *curves.line("validation_loss"), RED, "validation")
    _on_log_scale(axes, losses)


def _training_quarters(axes: Axes, curves: Curves) -> None:
    steps, losses = curves.lines("loss_bins", BINS)
    labels = _ranges(curves.last("log_snr_edges"))
    for column, colour, label in zip(losses.T, QUARTERS, labels, strict=True):
        axes.plot(steps, _smoothed(column), color=colour, linewidth=1.4, label=label)
    _on_log_scale(axes, losses)


def _validation_quarters(axes: Axes, curves: Curves) -> None:
    steps, losses = curves.lines("validation_loss_bins", BINS)
    labels = _ranges(curves.last("validation_log_snr_edges"))
    for column, colour, label in zip(losses.T, QUARTERS, labels, strict=True):
        _marked(axes, steps, column, colour, label)
    _on_log_scale(axes, losses)


def _rate(axes: Axes, curves: Curves) -> None:
    axes.plot(*curves.line("lr"), color=BLUE, linewidth=1.6)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(_plain)


def _gradient_norm(axes: Axes, curves: Curves) -> None:
    steps, norms = curves.line("grad_norm")
    axes.plot(steps, norms, color=SKY, linewidth=0.8, alpha=0.7)
    axes.plot(steps, _smoothed(norms), color=BLUE, linewidth=1.6)
    _on_log_scale(axes, norms)


def _speed(axes: Axes, curves: Curves) -> None:
    waits = axes.twinx()
    steps, shares = curves.line("waiting")
    waits.fill_between(steps, shares, color=ORANGE, alpha=0.45, linewidth=0)
    waits.set_ylim(0, 1)
    waits.yaxis.set_major_formatter(PercentFormatter(1.0))
    waits.tick_params(labelsize=8, colors=GREY)
    waits.spines[["top", "right"]].set_visible(False)
    axes.plot(*curves.line("images_per_s"), color=BLUE, linewidth=1.6)
    axes.set_ylim(bottom=0)
    axes.set_zorder(waits.get_zorder() + 1)
    axes.patch.set_visible(False)


def _judged(axes: Axes, curves: Curves) -> None:
    for name, colour, label in (
        ("kernel_distance", BLUE, "kernel distance x 1000"),
        ("psnr_beyond_bicubic", RED, "dB beyond bicubic"),
    ):
        steps, values = curves.line(name)
        if len(steps):
            _marked(axes, steps, values, colour, label)


def _is_judged(curves: Curves) -> bool:
    return any(len(curves.line(name)[0]) for name in ("kernel_distance", "psnr_beyond_bicubic"))


PANELS: Panels = (
    ("loss", _losses),
    ("training loss by log-SNR", _training_quarters),
    ("validation loss by log-SNR", _validation_quarters),
    ("learning rate", _rate),
    ("norm of the gradient", _gradient_norm),
    ("images per second; orange: time waiting for data", _speed),
)


JUDGED: Panel = "what it draws, judged", _judged


# Drawing


def _marked(axes: Axes, steps: Numbers, values: Numbers, colour: str, label: str) -> None:
    size = 4 if len(steps) <= 40 else 0
    axes.plot(steps, values, color=colour, linewidth=1.4, marker="o", markersize=size, label=label)


def _on_log_scale(axes: Axes, values: Numbers) -> None:
    """Scale an axis by powers of ten, where there is a positive number to show."""
    if not np.any(np.isfinite(values) & (values > 0)):
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=8))
    axes.yaxis.set_major_formatter(_plain)
    axes.yaxis.set_minor_formatter(NullFormatter())


def _finish(axes: Axes) -> None:
    """Make a panel readable, and say so where it is empty."""
    if not any(np.isfinite(line.get_ydata(orig=False)).any() for line in axes.lines):
        axes.text(0.5, 0.5, "not measured yet", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_yticks([])
    elif axes.get_legend_handles_labels()[0]:
        _make_room(axes)
        axes.legend(fontsize=7, frameon=False, loc="upper right", ncols=2, borderaxespad=0.1)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _make_room(axes: Axes) -> None:
    """Leave a share of a panel free above its curves, for the legend."""
    low, high = axes.transScale.transform([(0, limit) for limit in axes.get_ylim()])[:, 1]
    (_, top) = axes.transScale.inverted().transform((0, high + LEGEND * (high - low)))
    axes.set_ylim(top=top)


def _plain(value: float, _: object) -> str:
    """Write a number without an exponent that belongs to the whole axis."""
    return f"{value:g}"


def _ranges(edges: Any) -> list[str]:
    """Name the quarters by the log-SNR between their edges."""
    if not isinstance(edges, list) or len(edges) != BINS + 1:
        return [""] * BINS
    first, *others = [f"{low:.1f} to {high:.1f}" for low, high in pairwise(edges)]
    return [f"{first} (noisiest)", *others]


def _smoothed(values: Numbers) -> Numbers:
    """Average each value with its neighbours, leaving out what is no number; (N,)."""
    if not len(values):
        return values
    width = len(values) // SMOOTHED | 1  # odd: as many before as after
    known = np.isfinite(values)
    window = np.ones(width)
    total = np.convolve(np.where(known, values, 0.0), window, "same")
    count = np.convolve(known, window, "same")
    return np.where(known, total / np.maximum(count, 1), np.nan)
