"""How does the loss fall with parameters and samples?  python -m benchmarks.scaling_law.

Trains bases of five widths, 15 times apart in parameters, on ``shapes`` at 32 px, every scene seen
once. The rate is constant after its warm-up and the weights are averaged, so that one run can be
read off at every length (Hägele et al. 2024, arXiv:2405.18392). The validation loss has the same
pictures and the same noise for all. The law and its fit are in ``power_law``.

Each run is kept in docs/measured/scaling_law.jsonl and made once; delete it to begin anew.
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.ledger import Ledger
from benchmarks.plots import save_figure, tidy
from benchmarks.power_law import Floats, PowerLaw, as_numbers, fit, interval, resampled
from benchmarks.record import MEASURED, print_table, save
from benchmarks.short_runs import BATCH, flags_of, trained, validations

WIDTHS = 32, 128, 64, 48, 96  # of the coarsest level, in an order that is of use when cut short
SIDE = 32
STEPS, EVERY = 640, 40
RATE = 2e-3
FIRST = 5120  # samples; before, the warm-up and the averages' beginning show
DRAWS = 200  # fits to resampled misses
COLOURS = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00"


def settings_of(width: int) -> dict[str, Any]:
    """Return what differs from the base of ``parameters/tiny``."""
    coarsest = {"width": width, "self_attention": True, "cross_attention": True}
    optimizer = {"kind": "muon", "learning_rate": RATE, "matrix_rate": 4.0, "warmup_steps": 20}
    return {
        "imagen.stages.0.size": SIDE,
        "imagen.stages.0.schedule.shift": 0.0,
        "unet_0.levels": json.dumps([{"width": width // 4}, {"width": width // 2}, coarsest]),
        "unet_0.embedding": 2 * width,
        "unet_0.text": width,
        "unet_0.head_width": 16,
        "training.optimizer": json.dumps({**optimizer, "rate": "constant"}),
        "training.ema": json.dumps({"kind": "power", "sigma_rels": [0.1]}),
        "training.data.shapes.size": 24_576,
        "training.validation_images": 256,
        "training.images": BATCH * STEPS,
        "training.checkpoint_every": EVERY,
    }


def measure(width: int) -> dict[str, Any]:
    """Train a width and return its parameters and its validation losses on the way."""
    with tempfile.TemporaryDirectory() as output:
        run, seconds = trained(flags_of(settings_of(width), side=SIDE), Path(output))
        lines = validations(run)
        parameters = weights_in(run / "state_dicts" / "unet_0_state.safetensors")
    losses = {str(BATCH * line["step"]): line["validation_loss"] for line in lines}
    return {"parameters": parameters, "seconds": seconds, "loss": losses}


def weights_in(path: Path) -> int:
    """Count the numbers in a file of weights."""
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        return sum(file.get_tensor(name).size for name in file.keys())  # noqa: SIM118


def table_of(runs: list[dict[str, Any]]) -> tuple[Floats, Floats, Floats]:
    """Return parameters (runs,), samples (points,) and losses (runs, points) that are fitted to."""
    samples = [d for d in map(int, runs[0]["loss"]) if d >= FIRST]
    losses = [[run["loss"][str(d)] for d in samples] for run in runs]
    return (
        np.array([run["parameters"] for run in runs], float),
        np.array(samples, float),
        np.array(losses, float),
    )


def fitted(runs: list[dict[str, Any]]) -> tuple[PowerLaw, list[PowerLaw]]:
    """Fit the law to all runs, and again to its resampled misses."""
    n, d, loss = table_of(runs)
    grid_n, grid_d = np.meshgrid(n, d, indexing="ij")
    law = fit(grid_n.ravel(), grid_d.ravel(), loss.ravel())
    return law, resampled(law, n, d, loss, draws=DRAWS, seed=0)


def summary(law: PowerLaw, others: list[PowerLaw], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the exponents, the floor, and how far the points lie from the law."""
    n, d, loss = table_of(runs)
    misses = np.log(loss) - np.log(law.loss(n[:, None], d[None, :]))
    names = "floor", "parameter_exponent", "sample_exponent"
    return {
        "law": as_numbers(law),
        **{name: getattr(law, name) for name in names},
        "interval_80": {name: interval([getattr(o, name) for o in others]) for name in names},
        "root_mean_square_miss": float(np.sqrt(np.square(misses).mean())),
    }


def report(found: dict[str, Any]) -> None:
    """Print the table."""
    rows = [
        (what, f"{found[name]:.{places}f}", "{:.{p}f} to {:.{p}f}".format(*span, p=places))
        for what, name, places in (
            ("exponent of parameters, a", "parameter_exponent", 2),
            ("exponent of samples, b", "sample_exponent", 2),
            ("floor, E", "floor", 4),
        )
        for span in [found["interval_80"][name]]
    ]
    print_table(("of the law", "fitted", "80 % of the fits to resampled misses"), rows)


def draw_runs(axes: Axes, law: PowerLaw, runs: list[dict[str, Any]]) -> None:
    """Draw each run's losses against samples, and the law through them."""
    for run, colour in zip(runs, COLOURS, strict=False):
        samples = np.array([int(d) for d in run["loss"]], float)
        axes.plot(samples, list(run["loss"].values()), "o", color=colour, markersize=4)
        line = samples[samples >= FIRST]
        label = f"{run['parameters'] / 1e6:.2f} M parameters"
        expected = law.loss(np.full_like(line, run["parameters"]), line)
        axes.plot(line, expected, color=colour, linewidth=1.6, label=label)
    axes.set(xscale="log", yscale="log")
    name_ticks(axes.xaxis, 1500, 3000, 5000, 10_000, 20_000)
    name_ticks(axes.yaxis, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05)
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, xlabel="samples seen", ylabel="validation loss", title="along each run")


def draw_sizes(axes: Axes, law: PowerLaw, runs: list[dict[str, Any]]) -> None:
    """Draw the loss against parameters at some lengths, and the law through it."""
    n, d, loss = table_of(runs)
    sizes = np.geomspace(n.min(), n.max(), 50)
    chosen = np.linspace(0, len(d) - 1, 4).round().astype(int)
    for place, colour in zip(chosen, COLOURS, strict=False):
        axes.plot(n, loss[:, place], "o", color=colour, markersize=5)
        expected = law.loss(sizes, np.full_like(sizes, d[place]))
        axes.plot(sizes, expected, color=colour, linewidth=1.6, label=f"{d[place]:,.0f} samples")
    axes.set(xscale="log")
    name_ticks(axes.xaxis, 150_000, 300_000, 600_000, 1_200_000, 2_400_000)
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, xlabel="parameters", title="across runs")


def name_ticks(axis: Axis, *places: float) -> None:
    """Write these numbers, and no others, on a logarithmic axis."""
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(NullLocator())


def plot(path: Path, law: PowerLaw, runs: list[dict[str, Any]]) -> None:
    """Draw the points and the law."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    draw_runs(left, law, runs)
    draw_sizes(right, law, runs)
    save_figure(figure, path)


def main() -> None:
    """Run the benchmark, print its table, write its JSON and its plot."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    ledger = Ledger(MEASURED / "scaling_law.jsonl")
    runs = [ledger.measured({"width": w, "steps": STEPS}, partial(measure, w)) for w in WIDTHS]
    runs.sort(key=lambda run: run["parameters"])
    law, others = fitted(runs)
    found = summary(law, others, runs)
    save("scaling_law", "python -m benchmarks.scaling_law", {**found, "runs": runs})
    plot(MEASURED / "scaling_law.png", law, runs)
    report(found)


if __name__ == "__main__":
    main()
