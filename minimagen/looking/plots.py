"""The loss of one picture by noise level, as a plot; the only file here that needs matplotlib."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from minimagen.looking.noise_levels import LevelLoss

LOOKS = (("#0072B2", "-"), ("#D55E00", "--"))  # of Okabe & Ito, which the colour-blind tell apart
WIDTH, HEIGHT = 5.0, 3.2  # of one panel, in inches
PANELS = {"error": "mean squared error of the estimate", "loss": "loss, as training weighs it"}
Curves = Mapping[str, Sequence[LevelLoss]]


def draw_losses(by_stage: Mapping[str, Curves]) -> Figure:
    """Draw error and loss of one picture, a column for each stage, a line for each caption.

    Args:
        by_stage: by the name of a stage, then by what its network was told.
    """
    figure = Figure((WIDTH * len(by_stage), HEIGHT * len(PANELS)), dpi=90, layout="constrained")
    grid = figure.subplots(len(PANELS), len(by_stage), squeeze=False)
    for column, (stage, curves) in zip(grid.T, by_stage.items(), strict=True):
        for axes, (name, title) in zip(column, PANELS.items(), strict=True):
            for (told, levels), (colour, dashes) in zip(curves.items(), LOOKS, strict=False):
                x = [level.log_snr for level in levels]
                y = [getattr(level, name) for level in levels]
                axes.plot(x, y, color=colour, linestyle=dashes, linewidth=1.6, label=told)
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=8))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set_title(title, loc="left", fontsize=9)
            axes.grid(color="#dddddd", linewidth=0.6)
            axes.set_axisbelow(True)
            axes.tick_params(labelsize=8)
            axes.spines[["top", "right"]].set_visible(False)
        column[0].set_title(stage, loc="right", fontsize=10, fontweight="bold")
        column[0].legend(fontsize=8, frameon=False)
        column[-1].set_xlabel("log-SNR: noisy on the left, clean on the right", fontsize=9)
    return figure
