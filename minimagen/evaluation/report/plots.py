"""The plots of a report, as SVG; the only file of this room that needs matplotlib.

Colours are those of Okabe & Ito, which the colour-blind tell apart.
"""

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Line = tuple[Sequence[float], Sequence[float], Sequence[float]]
"""Places, values, and how far each value may be off."""

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#777777"
COLOURS = BLUE, RED, GREEN, ORANGE
WIDE, HIGH = 6.4, 3.6  # inches
BINS = 40  # of a histogram


def plot_losses(by_stage: Mapping[str, Mapping[str, Line]]) -> bytes:
    """Draw loss over log-SNR, a panel for each stage, a line for each set of pictures."""
    figure = Figure((WIDE * len(by_stage), HIGH), layout="constrained")
    panels = figure.subplots(1, len(by_stage), squeeze=False)[0]
    for axes, (stage, lines) in zip(panels, by_stage.items(), strict=True):
        for colour, (name, (x, y, off)) in zip(COLOURS, lines.items(), strict=False):
            low, high = np.subtract(y, off), np.add(y, off)
            axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(x, y, color=colour, linewidth=1.6, label=name)
        _on_log_scale(axes)
        axes.legend(fontsize=8, frameon=False)
        _finish(axes, stage, "log-SNR: noisy on the left, clean on the right", "error of x_0")
    return _svg(figure)


def plot_sweep(
    scales: Sequence[float], fidelity: Line, alignment: Line | None, names: tuple[str, str]
) -> bytes:
    """Draw what guidance buys: fidelity against alignment, or against the scale without one.

    Args:
        scales: of guidance.
        fidelity: a distance at each scale; places are the scales.
        alignment: likewise, or None.
        names: of both.
    """
    figure = Figure((WIDE, HIGH), layout="constrained")
    axes = figure.subplots()
    x, off_x = (scales, None) if alignment is None else alignment[1:]
    axes.errorbar(
        x, fidelity[1], fidelity[2], off_x, color=BLUE, ecolor="#b9d4e6", linewidth=1.4,
        marker="o", markersize=5, elinewidth=1.2,
    )  # fmt: skip
    for scale, place in zip(scales, zip(x, fidelity[1], strict=True), strict=True):
        axes.annotate(f"{scale:g}", place, (5, 5), textcoords="offset points", fontsize=9)
    below = "guidance scale" if alignment is None else f"{names[1]}  (better to the right)"
    _finish(axes, "guidance, by its scale", below, f"{names[0]}  (better below)")
    return _svg(figure)


def plot_bias(inverse: Sequence[float], values: Sequence[float], at_infinity: float) -> bytes:
    """Draw a distance at several numbers of pictures, over 1/N, and the line that goes to 0."""
    figure = Figure((WIDE, HIGH), layout="constrained")
    axes = figure.subplots()
    axes.plot(inverse, values, "o", color=BLUE, markersize=5, label="measured")
    slope = np.polyfit(inverse, values, 1)[0] if len(values) > 1 else 0.0
    end = max(inverse)
    axes.plot([0, end], [at_infinity, at_infinity + slope * end], "--", color=GREY, linewidth=1.2)
    axes.plot([0], [at_infinity], "D", color=RED, markersize=6, label="extrapolated", clip_on=False)
    axes.set_xlim(left=0)
    axes.set_xticks(list(inverse), [f"1/{round(1 / x)}" for x in inverse])
    axes.legend(fontsize=8, frameon=False)
    _finish(axes, "the distance depends on how many pictures there are", "1 / pictures", "distance")
    return _svg(figure)


def plot_map(places: Mapping[str, Floats], title: str) -> bytes:
    """Draw sets of points in the plane, each (N, 2)."""
    figure = Figure((WIDE, WIDE * 0.8), layout="constrained")
    axes = figure.subplots()
    for colour, (name, points) in zip((GREY, BLUE), places.items(), strict=False):
        axes.scatter(
            points[:, 0], points[:, 1], s=9, color=colour, alpha=0.55, linewidths=0, label=name
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(fontsize=9, frameon=False, markerscale=2)
    _finish(axes, title, "", "")
    return _svg(figure)


def plot_distances(by_set: Mapping[str, Floats]) -> bytes:
    """Draw how the distances of several sets of pictures are spread, each (N,)."""
    figure = Figure((WIDE, HIGH), layout="constrained")
    axes = figure.subplots()
    edges = np.histogram_bin_edges(np.concatenate(list(by_set.values())), BINS).tolist()
    for colour, (name, distances) in zip((BLUE, GREY), by_set.items(), strict=False):
        share = np.full(len(distances), 1 / max(len(distances), 1))
        axes.hist(
            distances, edges, weights=share, histtype="stepfilled", color=colour, alpha=0.35,
            label=name,
        )  # fmt: skip
        axes.hist(distances, edges, weights=share, histtype="step", color=colour, linewidth=1.2)
    axes.legend(fontsize=8, frameon=False)
    below = "distance to the nearest training picture, in features"
    _finish(axes, "how near to a training picture", below, "share of pictures")
    return _svg(figure)


def _on_log_scale(axes: Axes) -> None:
    axes.set_yscale("log", nonpositive="clip")
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=8))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _finish(axes: Axes, title: str, below: str, beside: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(below, fontsize=9)
    axes.set_ylabel(beside, fontsize=9)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(figure: Figure) -> bytes:
    """Write a plot; equal plots are equal bytes."""
    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "minimagen"}):
        figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()
