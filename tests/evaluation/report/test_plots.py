"""Plots are SVG, equal for equal numbers, and bear what a small evaluation can bring."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from minimagen.evaluation.report.plots import (
    plot_bias,
    plot_distances,
    plot_losses,
    plot_map,
    plot_sweep,
)

X = [-2.0, 0.0, 2.0]
LINE = (X, [3.0, 2.0, 1.0], [0.1, 0.0, 0.2])
PLOTS = {
    "losses": lambda: plot_losses({"stage 0": {"seen": LINE, "new": LINE}, "stage 1": {"a": LINE}}),
    "sweep": lambda: plot_sweep([1.0, 2.0, 3.0], LINE, LINE, ("distance", "right")),
    "sweep without captions": lambda: plot_sweep([1.0, 2.0, 3.0], LINE, None, ("distance", "")),
    "bias": lambda: plot_bias([0.01, 0.02, 0.04], [1.1, 1.2, 1.4], 1.0),
    "map": lambda: plot_map({"real": np.zeros((3, 2)), "drawn": np.ones((2, 2))}, "title"),
    "distances": lambda: plot_distances({"drawn": np.arange(5.0), "real": np.arange(9.0)}),
    "equal distances": lambda: plot_distances({"drawn": np.zeros(4)}),
}


@pytest.mark.parametrize("name", PLOTS)
def test_it_is_an_svg_and_always_the_same(name: str) -> None:
    svg = PLOTS[name]()
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert PLOTS[name]() == svg
