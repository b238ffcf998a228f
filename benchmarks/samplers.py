"""What each sampler is worth, without a network:  python -m benchmarks.samplers.

The data are a mixture of Gaussians in the plane, whose best denoiser is known exactly, so all that
is wrong with what a sampler draws is the sampler's own. Every sampler gets the same budgets of
denoiser calls on four grids of the cosine schedule; what it draws is compared with the mixture by
energy distance. At the end the best walk of 20 calls is held against 1,000 steps of ddpm.

    python -m benchmarks.samplers --markdown      the table of the last run, for the documentation
"""

import argparse
import json
import math
import time
from typing import Any

import torch
from matplotlib.figure import Figure

from benchmarks.mixture import ring, to_points
from benchmarks.plots import draw_line, save_figure, tidy
from benchmarks.record import MEASURED, print_table, save
from benchmarks.walks import (
    GRIDS,
    SCHEDULE,
    calls_a_step,
    calls_made,
    longest_walk,
    measured_order,
    walk,
)
from minimagen.sampling import SAMPLERS
from minimagen.seeds import generators, normal

POINTS, MANY = 16_384, 32_768  # for the survey; for the two that are held against each other
PART = 2_048  # points walked together: as many as the processor's cache holds
BUDGETS = 5, 8, 10, 15, 20, 30, 50, 100  # denoiser calls
SHOWN = 10, 20, 50
SHORT, LONG = 20, 1000  # calls of the best that must be as good as ddpm, and of ddpm
DDPM = f"ddpm, {LONG:,} calls"
MARKS = {"uniform_t": "t", "uniform_log_snr": "s", "karras": "k", "edm": "e"}

WHEN = {  # what the mixture below and a trained base under guidance show
    "ddpm": "the reference: with hundreds of steps as good as the denoiser allows",
    "ddim": "inversion, blending two noises, strong guidance; with `eta` it draws",
    "euler": "flow schedules, and with `churn` more variety; else it is `ddim`",
    "euler_ancestral": "when every number of steps may give another picture; else it is `ddpm`",
    "heun": "a second opinion at 20 steps and more; too coarse at t = 1 for short walks",
    "dpmpp_1s": "never, but to read: `ddim` as the first DPM-Solver++",
    "dpmpp_2s": "strong guidance, which it bears best; from 10 steps",
    "dpmpp_2m": "the default: good from 5 calls, with guidance too",
    "dpmpp_3m": "20 calls and more, without guidance",
    "dpmpp_2m_sde": "20 calls and more, when fresh noise should wash out a network's errors",
    "unipc": "10 calls and more, with little guidance; third order at one call a step",
    "pndm": "to repeat older work, from 50 steps; its start costs nine calls more",
    "lms": "8 to 15 calls with little guidance; its fourth order trusts the denoiser most",
}

ByGrid = dict[str, dict[str, float]]
"""Energy distances of one sampler, by grid and by calls really made (as JSON spells a number)."""


def distance(name: str, grid: str, steps: int, points: int) -> float:
    """Return how far what a sampler draws is from the mixture."""
    mixture = ring()
    denoise, parts = mixture.denoiser(SCHEDULE), range(points // PART)
    x = normal(generators(parts, "samplers", "start", points), (2, PART, 1)).double()
    drawn = [walk(name, denoise, x[[i]], GRIDS[grid], steps, seed=i) for i in parts]
    return rounded(mixture.energy_distance(to_points(torch.cat(drawn))))


def noise(points: int, repeats: int = 40) -> float:
    """Return the root mean square of the distances of true samples, which would be 0."""
    mixture = ring()
    found = [mixture.energy_distance(mixture.draw(points, "true", i)) for i in range(repeats)]
    return rounded(math.sqrt(sum(x**2 for x in found) / repeats))


def survey(name: str) -> ByGrid:
    """Measure a sampler at every budget on every grid."""
    lengths = sorted({longest_walk(name, budget) for budget in BUDGETS} - {0})
    return {
        grid: {str(calls_made(name, n)): distance(name, grid, n, POINTS) for n in lengths}
        for grid in GRIDS
    }


def best(by_grid: ByGrid, budget: int) -> tuple[float, str]:
    """Return the least distance at the most calls within a budget, and the grid that reached it."""
    calls = max((n for n in by_grid["uniform_t"] if int(n) <= budget), key=int)
    return min((by_calls[calls], grid) for grid, by_calls in by_grid.items())


def contest(surveyed: dict[str, ByGrid]) -> dict[str, Any]:
    """Hold the best short walk against long ddpm, on other and more points than the survey took."""
    grids = {name: best(by_grid, SHORT)[1] for name, by_grid in surveyed.items()}
    steps = {name: longest_walk(name, SHORT) for name in surveyed}
    found = {name: distance(name, grids[name], steps[name], MANY) for name in surveyed}
    name = min(found, key=lambda name: found[name])
    return {
        "sampler": name,
        "grid": grids[name],
        "calls": calls_made(name, steps[name]),
        "distance": found[name],
        "ddpm_calls": LONG,
        "ddpm_distance": distance("ddpm", "uniform_t", LONG, MANY),
        "points": MANY,
        "noise": noise(MANY),
        "short_walks": found,
    }


def measure() -> dict[str, Any]:
    """Measure every sampler: all that is written, printed and drawn."""
    surveyed = {name: survey(name) for name in SAMPLERS}
    return {
        "points": POINTS,
        "noise": noise(POINTS),
        "order": {name: measured_order(name) for name in SAMPLERS},
        "calls_a_step": {name: calls_a_step(name) for name in SAMPLERS},
        "contest": contest(surveyed),
        "energy_distance": surveyed,
    }


def rounded(number: float) -> float:
    """Keep three digits."""
    return float(f"{number:.3g}")


def report(results: dict[str, Any]) -> None:
    """Print the table, what it hides, and who won."""
    hidden = 2 * results["noise"]
    rows = [
        (
            f"`{name}`",
            results["order"][name] or "random",
            results["calls_a_step"][name],
            *(_cell(*best(by_grid, budget), hidden) for budget in SHOWN),
            WHEN.get(name, ""),
        )
        for name, by_grid in results["energy_distance"].items()
    ]
    calls = [f"{budget} calls" for budget in SHOWN]
    print_table(("sampler", "order", "calls a step", *calls, "when to use it"), rows)
    marks = ", ".join(f"{mark}: {grid}" for grid, mark in MARKS.items())
    print(f"\nEnergy distance at the best grid ({marks}); noise hides what is below {hidden:.0e}.")
    print(
        "At {calls} calls {sampler} on {grid} comes to {distance:.1e}, ddpm at {ddpm_calls} to "
        "{ddpm_distance:.1e}; on these {points} points one standard deviation of true samples is "
        "{noise:.0e}.".format(**results["contest"])
    )


def _cell(value: float, grid: str, hidden: float) -> str:
    """Say a distance and the grid that reached it, unless noise hides it."""
    return f"{value:.1e} {MARKS[grid]}" if value > hidden else f"< {hidden:.0e}"


def plot(results: dict[str, Any]) -> None:
    """Draw distance against calls, each sampler at its best grid."""
    figure = Figure(figsize=(9.5, 6), layout="constrained")
    axes, floor = figure.subplots(), results["noise"]
    for names, points in _lines(results["energy_distance"], floor):
        draw_line(axes, names[0], points, " = ".join(names))
    contest = results["contest"]
    long = max(contest["ddpm_distance"], floor)
    for height, says in ((2 * floor, "true samples, two standard deviations"), (long, DDPM)):
        axes.axhline(height, color="#555555", linewidth=1, linestyle=":")
        axes.text(3.8, height, says, color="#555555", fontsize=9, va="bottom")
    tidy(
        axes,
        title="Drawing from a mixture of eight Gaussians with its exact denoiser",
        xlabel="denoiser calls",
        ylabel="energy distance, best of four grids; cut where noise begins",
        xscale="log",
        yscale="log",
        xlim=(3.7, 110),
        ylim=(0.8 * floor, 1),
    )
    axes.set_xticks(BUDGETS, [str(budget) for budget in BUDGETS])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9, title="best at the top, at 20 calls")
    save_figure(figure, MEASURED / "samplers.png")


def _lines(surveyed: dict[str, ByGrid], floor: float) -> list[tuple[list[str], dict[float, float]]]:
    """List the lines and whose they are, the best first; samplers that agree share one."""
    shared: dict[tuple[tuple[float, float], ...], list[str]] = {}
    for name, by_grid in surveyed.items():
        calls = list(by_grid["uniform_t"])
        values = {int(n): max(min(v[n] for v in by_grid.values()), floor) for n in calls}
        shared.setdefault(tuple(values.items()), []).append(name)
    order = sorted(shared, key=lambda points: min(v for n, v in points if n <= SHORT))
    return [(shared[points], dict(points)) for points in order]


def main() -> None:
    """Run the benchmark, print its table, write its JSON and its plot."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--markdown", action="store_true", help="print the table of the last run")
    if parser.parse_args().markdown:
        report(json.loads((MEASURED / "samplers.json").read_text(encoding="utf-8")))
        return
    started = time.monotonic()
    results = measure()
    report(results)
    save("samplers", "python -m benchmarks.samplers", results)
    plot(results)
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
