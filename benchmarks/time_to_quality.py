"""How soon does who draw well?  python -m benchmarks.time_to_quality.

This project's base of ``parameters/tiny`` and the bases of PyPI's ``minimagen`` 0.0.9 and
``imagen-pytorch`` 2.1.0 learn the same 64 px pictures of single shapes from the same embeddings,
each in a process of its own on one thread, all at once. Seconds are those of a process's processor
time spent in training, so what else the machine does counts less. Every so often each draws
captions that training never showed, the first ones of those that ``main.py`` judges:

    accuracy    share of pictures with the caption's colour and shape; chance is 1 of 18
    distance    Frechet distance to true pictures of these captions, in features of a small network
                with fixed random weights (benchmarks/fixed_features.py). Fewer pictures are further
                away, so all are judged by their first 18, and beside as many other true pictures

The peers draw slowly, so they draw fewer, and seldom. They have the pictures in memory, ready; ours
makes and loads them in its own seconds. How the peers are set is in benchmarks/peers/presets.py;
--tune shows what else was tried. Each measurement is kept in docs/measured/time_to_quality.jsonl
and made once: when ``parameters/tiny`` changes, ours is measured again and the peers are not.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from PIL import Image

from benchmarks.ledger import Ledger
from benchmarks.page import put_table
from benchmarks.peers.client import Worker, require_peers
from benchmarks.peers.course import Course, LongCourse, Point, strip_path
from benchmarks.peers.jury import FIRST, Jury
from benchmarks.peers.presets import NAMES, TRIED, settings_of
from benchmarks.peers.shapes_task import shapes_task
from benchmarks.plots import save_figure, tidy
from benchmarks.record import MEASURED, by_column, print_table, save
from benchmarks.short_runs import TINY
from minimagen.data.shapes import held_out_captions
from minimagen.training.config import TrainingConfig, of_stage

OURS = "this project"
ENOUGH = 0.8  # accuracy
SLICE, MOST_LOOKS = 15.0, 100  # seconds between two looks at ours
MOMENTS = 100.0, 300.0, 1000.0, 2500.0  # the last at least 10 times what ours needs
OUR_CAPTIONS, THEIR_CAPTIONS = 64, FIRST
TUNED_FOR, TUNED_ON = 40.0, 64  # seconds, and images that the loss is then measured on
COLUMNS = (
    "program",
    "weights",
    "core seconds",
    "of ours",
    "steps",
    "right",
    "accuracy, 95 %",
    "distance",
    "s to draw",
)
COLOURS = {OURS: "#0072B2", NAMES[0]: "#D55E00", NAMES[1]: "#009E73"}  # of Okabe & Ito


def fingerprint(parameters: Path) -> str:
    """Name the files of a parameter directory that a base depends on."""
    names = ("imagen_params", "training_params", "unet_0_params")
    files = b"".join((parameters / f"{name}.json").read_bytes() for name in names)
    return hashlib.sha256(files).hexdigest()[:16]


def our_course(seed: int) -> Course:
    """Return the course of this project: its base to the end, as ``main.py`` trains it."""
    images = of_stage(TrainingConfig.read(TINY).images, 0)
    settings = {"parameters": "parameters/tiny", "images": images, "seed": seed}
    moments = tuple(SLICE * number for number in range(1, MOST_LOOKS + 1))
    return Course(OURS, "ours", settings, moments, OUR_CAPTIONS, {"files": fingerprint(TINY)})


def their_course(name: str, moments: Sequence[float]) -> Course:
    """Return the course of a peer."""
    return LongCourse(name, "peer", settings_of(name), tuple(moments), THEIR_CAPTIONS)


@contextmanager
def written_task() -> Iterator[Path]:
    """Write the task of all contenders into a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        shapes_task(TINY, OUR_CAPTIONS).write(Path(folder))
        yield Path(folder)


def race(courses: Sequence[Course], ledger: Ledger) -> None:
    """Run courses at once, a process each, until all their points are in the ledger."""
    jury = Jury.gather(held_out_captions("single", OUR_CAPTIONS, seed=0))
    with written_task() as task, ThreadPoolExecutor(len(courses)) as at_once:
        [*at_once.map(lambda course: course.run(task, jury, ledger), courses)]


def tune(ledger: Ledger) -> None:
    """Train the settings that were tried for equal seconds and print their losses."""
    ways = [(name, tried) for name in NAMES for tried in TRIED]
    with written_task() as task, ThreadPoolExecutor(len(TRIED)) as at_once:
        found = [*at_once.map(lambda way: tried_for_a_while(task, *way, ledger), ways)]
    rows = [(name, tried, *one.values()) for (name, tried), one in zip(ways, found, strict=True)]
    print_table(("program", "settings", "steps", "loss"), rows)


def tried_for_a_while(task: Path, name: str, tried: dict[str, Any], ledger: Ledger) -> Point:
    """Return how many steps a peer's settings took, and the loss of the average afterwards."""

    def measure() -> Point:
        with Worker("peer", task, settings) as worker:
            steps = worker.ask("train", seconds=TUNED_FOR)["steps"]
            return {"steps": steps, "loss": round(worker.ask("loss", count=TUNED_ON)["loss"], 4)}

    settings = settings_of(name, **tried)
    return dict(ledger.measured({"tried": settings, "seconds": TUNED_FOR}, measure))


def seconds_to_enough(run: Sequence[Point]) -> float | None:
    """Return when enough was right for the first time; None if it never was."""
    return next((point["seconds"] for point in run if is_enough(point)), None)


def seconds_needed(found: dict[str, list[list[Point]]]) -> float | None:
    """Return the seconds to enough of our slowest run; None if no run got there."""
    return max(filter(None, map(seconds_to_enough, found[OURS])), default=None)


def is_enough(point: Point) -> bool:
    """Whether enough was right."""
    return bool(point["right"] >= ENOUGH * point["drawn"])


def verdict(found: dict[str, list[list[Point]]]) -> dict[str, Any]:
    """Say what was asked: our seconds to enough, and the peers' accuracy at so many times those.

    Args:
        found: of each program its runs, and of each run its points.
    """
    needed = seconds_needed(found)
    last = {name: found[name][0][-1] for name in NAMES if found[name][0]}
    return {
        "our_seconds": [seconds_to_enough(run) for run in found[OURS]],
        "theirs": {
            name: {
                "seconds": point["seconds"],
                "times": round(point["seconds"] / needed, 1) if needed else None,
                "accuracy": round(point["right"] / point["drawn"], 4),
                "at_most": point["interval"][1],
            }
            for name, point in last.items()
        },
    }


def report(found: dict[str, list[list[Point]]], true_distance: float) -> None:
    """Print the points that count, and what they come to."""
    print_table(COLUMNS, rows_of(found))
    print(f"\nAs many other true pictures are {true_distance:g} away.")
    said = verdict(found)
    print(f"{OURS} draws {ENOUGH:.0%} right after {said['our_seconds']} s.")
    for name, theirs in said["theirs"].items():
        print(
            f"{name} after {theirs['seconds']:g} s, {theirs['times']} times as many: "
            f"{theirs['accuracy']:.0%}, with 95 % confidence at most {theirs['at_most']:.0%}."
        )


def rows_of(found: dict[str, list[list[Point]]]) -> list[tuple[str, ...]]:
    """Return the rows of the table: of ours where enough was right and the end, of peers all."""
    ours = [point for run in found[OURS] for point in milestones(run)]
    theirs = [(name, point) for name in NAMES for run in found[name] for point in run]
    needed = seconds_needed(found)
    both = [*((OURS, point) for point in ours), *theirs]
    return [row_of(name, point, needed) for name, point in both]


def milestones(run: list[Point]) -> list[Point]:
    """Return the first point at which enough was right, and the last one."""
    enough = [*filter(is_enough, run)][:1]
    return [*enough, *(point for point in run[-1:] if point not in enough)]


def row_of(name: str, point: Point, needed: float | None) -> tuple[str, ...]:
    """Return the row of a point, with its seconds as a multiple of those that we needed."""
    low, high = point["interval"]
    return (
        name,
        f"{point['weights'] / 1e6:.1f} M",
        f"{point['seconds']:.0f}",
        f"{point['seconds'] / needed:.1f}x" if needed else "",
        f"{point['steps']}",
        f"{point['right']} of {point['drawn']}",
        f"{point['right'] / point['drawn']:.2f} ({low:.2f} to {high:.2f})",
        f"{point['distance']:.3f}",
        f"{point['drawing']:.0f}",
    )


def plot(found: dict[str, list[list[Point]]], true_distance: float) -> None:
    """Draw accuracy and distance against seconds, and what each drew last."""
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2))
    accuracy, distance = above.subplots(1, 2)
    for name, runs in found.items():
        for number, run in enumerate(filter(None, runs)):
            draw_run(accuracy, distance, run, COLOURS[name], "" if number else name)
    accuracy.axhline(ENOUGH, color="#777777", linestyle="--", linewidth=1)
    accuracy.axhline(1 / 18, color="#777777", linestyle=":", linewidth=1)
    accuracy.annotate("chance", (0.99, 1 / 18), xycoords=("axes fraction", "data"), ha="right")
    distance.axhline(true_distance, color="#777777", linestyle=":", linewidth=1)
    distance.annotate(
        "true pictures", (0.99, true_distance), xycoords=("axes fraction", "data"), ha="right"
    )
    seconds = "seconds of training, of one core"
    tidy(accuracy, xscale="log", ylim=(0, 1), xlabel=seconds, ylabel="caption accuracy")
    tidy(distance, xscale="log", yscale="log", xlabel=seconds, ylabel="Frechet distance")
    accuracy.legend(frameon=False, loc="upper left")
    draw_strips(below, found)
    save_figure(figure, MEASURED / "time_to_quality.png")


def draw_run(accuracy: Axes, distance: Axes, run: list[Point], colour: str, label: str) -> None:
    """Draw one run into both plots, with the intervals of its accuracy."""
    seconds = [point["seconds"] for point in run]
    shares = [point["right"] / point["drawn"] for point in run]
    low, high = zip(*(point["interval"] for point in run), strict=True)
    accuracy.plot(seconds, shares, color=colour, marker="o", markersize=4, label=label)
    accuracy.fill_between(seconds, low, high, color=colour, alpha=0.12, linewidth=0)
    distances = [point["distance"] for point in run]
    distance.plot(seconds, distances, color=colour, marker="o", markersize=4)


def draw_strips(figure: SubFigure, found: dict[str, list[list[Point]]]) -> None:
    """Show what each program drew last, for the same captions."""
    for axes, (name, runs) in zip(figure.subplots(len(found), 1), found.items(), strict=True):
        axes.set_axis_off()
        if runs[-1]:
            axes.imshow(Image.open(strip_path(name)), interpolation="nearest")
            heading = f"{name}, after {runs[-1][-1]['seconds']:.0f} s"
            axes.set_title(heading, fontsize=9, loc="left")


def main() -> None:
    """Run the benchmark, print its table, write its JSON and its plot."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--moments", nargs="+", type=float, default=MOMENTS, help="of the peers")
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1), help="of ours")
    parser.add_argument("--tune", action="store_true", help="only try settings of the peers")
    options = parser.parse_args()
    require_peers()
    ledger = Ledger(MEASURED / "time_to_quality.jsonl")
    courses = [*map(our_course, options.seeds)]
    courses += [their_course(name, sorted(options.moments)) for name in NAMES]
    if options.tune:
        tune(ledger)
    else:
        race(courses, ledger)
        tell(courses, ledger)


def tell(courses: Sequence[Course], ledger: Ledger) -> None:
    """Print, write and draw what was measured."""
    found: dict[str, list[list[Point]]] = {}
    for course in courses:
        found.setdefault(course.name, []).append(course.known(ledger))
    distance = Jury.gather(held_out_captions("single", FIRST, seed=0)).of_true_pictures()
    report(found, distance)
    command, rows = "python -m benchmarks.time_to_quality", by_column(COLUMNS, rows_of(found))
    results = {"verdict": verdict(found), "true_distance": distance, "found": found}
    save("time_to_quality", command, {"rows": rows, **results})
    put_table("time_to_quality", command, rows)
    plot(found, distance)


if __name__ == "__main__":
    main()
