"""How samplers look in every plot: colours of Okabe & Ito that the colour-blind tell apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

LOOKS = {  # colour, marker, line: dashed when it draws noise
    "ddpm": ("#000000", "o", "--"),
    "ddim": ("#0072B2", "o", "-"),
    "euler": ("#0072B2", "s", "-"),
    "euler_ancestral": ("#0072B2", "^", "--"),
    "heun": ("#E69F00", "s", "-"),
    "dpmpp_1s": ("#0072B2", "D", "-"),
    "dpmpp_2s": ("#56B4E9", "v", "-"),
    "dpmpp_2m": ("#009E73", "o", "-"),
    "dpmpp_3m": ("#009E73", "^", "-"),
    "dpmpp_2m_sde": ("#009E73", "s", "--"),
    "unipc": ("#D55E00", "o", "-"),
    "pndm": ("#CC79A7", "v", "-"),
    "lms": ("#CC79A7", "o", "-"),
}
OTHER = ("#777777", "x", "-")


def draw_line(axes: Axes, name: str, points: Mapping[float, float], label: str = "") -> None:
    """Draw one sampler's line; every plot shows a sampler alike."""
    colour, marker, dashes = LOOKS.get(name, OTHER)
    places = sorted(points)
    axes.plot(
        places,
        [points[place] for place in places],
        color=colour,
        marker=marker,
        linestyle=dashes,
        markersize=5,
        linewidth=1.6,
        label=label or name,
    )


def tidy(axes: Axes, **labels: Any) -> None:
    """Label an axes and leave out what says nothing; takes what ``Axes.set`` takes."""
    axes.set(**labels)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG without the date, so that equal plots are equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
