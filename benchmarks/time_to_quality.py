"""How soon does who draw well?  python -m benchmarks.time_to_quality [--moments 150 700 1500].

This project's base of ``parameters/tiny`` and the bases of PyPI's ``minimagen`` 0.0.9 and
``imagen-pytorch`` 2.1.0 learn the same 64 px pictures of single shapes from the same embeddings, each
in a process of its own on one thread, all at once. Seconds are those of a process's processor time
spent in training, so what else the machine does counts less. Every so often each draws captions that
training never showed, the first ones of those that ``main.py`` judges:

    accuracy    share of pictures with the caption's colour and shape; chance is 1 of 18
    distance    Frechet distance to true pictures of these captions, in features of a small network
                with fixed random weights (benchmarks/frechet.py). Fewer pictures are further away,
                so all are judged by their first 18, and beside as many other true pictures

The peers draw slowly, so they draw fewer, and seldom. They have the pictures in memory, ready; ours
makes and loads them in its own seconds. How the peers are set is in benchmarks/peers/presets.py;
--tune shows what it was chosen from. Each measurement is kept in
docs/measured/time_to_quality.jsonl and made once.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.frechet import fixed_features, frechet_distance
from benchmarks.ledger import Ledger
from benchmarks.peers.client import Worker, require_peers
from benchmarks.peers.presets import NAMES, TRIED, settings_of
from benchmarks.peers.shapes_task import shapes_task
from benchmarks.record import MEASURED, print_table
from benchmarks.sampling_sweep import true_pictures
from benchmarks.short_runs import TINY
from minimagen.data.shapes import held_out_captions
from minimagen.evaluation.caption_accuracy import matches
from minimagen.tensors import to_uint8
from minimagen.training.config import TrainingConfig, of_stage

OURS = "this project"
ENOUGH = 0.8  # accuracy
SLICE, MOST_LOOKS = 15.0, 100  # seconds between two looks at ours
OUR_CAPTIONS, THEIR_CAPTIONS = 64, 18
MOMENTS = 150.0, 700.0, 1500.0
TUNED_FOR = 60.0  # seconds
SHOWN = 9  # of what each drew last
TRUE_EACH = 16  # true pictures a caption
SIDE = 64
COLUMNS = ("program", "weights", "seconds", "steps", "right", "accuracy, 95 %", "distance")

Point = dict[str, Any]
Pictures = NDArray[np.uint8]  # (N, S, S, 3)


@dataclass(frozen=True)
class Jury:
    """Judges what was drawn.

    Args:
        captions: that are asked for, in their order.
        truth: features of true pictures of the first ones, (M, D).
    """

    captions: Sequence[str]
    truth: NDArray[np.float64]

    @classmethod
    def gather(cls, captions: Sequence[str]) -> "Jury":
        """Draw the true pictures."""
        truth = as_pictures(captions[:THEIR_CAPTIONS], TRUE_EACH, seed=0)
        return cls(captions, fixed_features(truth))

    def judge(self, pictures: Pictures) -> Point:
        """Return the accuracy with its interval, and the distance of the first pictures."""
        right = sum(map(matches, pictures, self.captions))
        distance = frechet_distance(fixed_features(pictures[:THEIR_CAPTIONS]), self.truth)
        return {
            "right": right,
            "drawn": len(pictures),
            "interval": wilson(right, len(pictures)),
            "distance": round(distance, 4),
        }


def as_pictures(captions: Sequence[str], each: int, seed: int) -> Pictures:
    """Draw true pictures of captions, some for each."""
    images = true_pictures(captions, SIDE, each, seed)
    return np.asarray(to_uint8(images).permute(0, 2, 3, 1).numpy())


def wilson(right: int, drawn: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval of a share of which so many were right, 95 % by default.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    share, scale = right / drawn, 1 + z**2 / drawn
    middle = (share + z**2 / (2 * drawn)) / scale
    reach = z / scale * (share * (1 - share) / drawn + z**2 / (4 * drawn**2)) ** 0.5
    return round(max(0.0, middle - reach), 4), round(min(1.0, middle + reach), 4)


@dataclass(frozen=True)
class Course:
    """The course of a contender: what it is, and when it is looked at.

    Args:
        name: of the program.
        kind: of the process.
        settings: of the contender.
        moments: seconds of training at which it draws, rising.
        captions: that it draws then.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    moments: tuple[float, ...]
    captions: int

    def of(self, moment: float) -> dict[str, Any]:
        """Return what a point of it depends on."""
        files = {"files": fingerprint(TINY)} if self.kind == "ours" else {}
        named = {"name": self.name, "settings": self.settings, **files}
        return {**named, "captions": self.captions, "seconds": moment}

    def run(self, task: Path, jury: Jury, ledger: Ledger) -> list[Point]:
        """Train it to all its moments or to its own end, unless all of that is known."""
        known = [
            ledger.measured(self.of(m), dict) for m in self.moments if ledger.knows(self.of(m))
        ]
        if len(known) == len(self.moments) or (known and known[-1]["done"]):
            return known
        with Worker(self.kind, task, self.settings) as worker:
            return [*self._points(worker, task, jury, ledger)]

    def _points(self, worker: Worker, task: Path, jury: Jury, ledger: Ledger) -> Iterator[Point]:
        seconds, steps = 0.0, 0
        for moment in self.moments:
            trained = worker.ask("train", seconds=moment - seconds)
            seconds, steps = seconds + trained["processor"], steps + trained["steps"]
            so_far = {"seconds": round(seconds, 1), "steps": steps, "loss": trained["loss"]}
            look = partial(self._look, worker, task, jury, so_far | {"done": trained["done"]})
            point = ledger.measured(self.of(moment), look)
            print(f"{self.name}: {point}", flush=True)
            yield point
            if trained["done"]:
                return

    def _look(self, worker: Worker, task: Path, jury: Jury, so_far: Point) -> Point:
        drawn = task / f"{worker.process.pid}.npy"
        cost = worker.ask("draw", count=self.captions, to=str(drawn))["processor"]
        pictures = np.load(drawn)
        strip(pictures[:SHOWN]).save(strip_path(self.name))
        found = {**so_far, "weights": worker.weights, "drawing": round(cost, 1)}
        return {**found, **jury.judge(pictures)}


def strip(pictures: Pictures) -> Image.Image:
    """Put pictures side by side."""
    return Image.fromarray(np.concatenate(pictures, axis=1))


def strip_path(name: str) -> Path:
    """Return the file of what a program drew last."""
    return MEASURED / f"time_to_quality_{name.split()[0]}.png"


def fingerprint(parameters: Path) -> str:
    """Name the files of a parameter directory that a base depends on."""
    names = ("imagen_params", "training_params", "unet_0_params")
    files = b"".join((parameters / f"{name}.json").read_bytes() for name in names)
    return hashlib.sha256(files).hexdigest()[:16]


def our_course(seed: int) -> Course:
    """Return the course of this project: as long as ``main.py`` trains its base, on one thread."""
    images = of_stage(TrainingConfig.read(TINY).images, 0)
    settings = {"parameters": "parameters/tiny", "images": images, "seed": seed}
    moments = tuple(SLICE * number for number in range(1, MOST_LOOKS + 1))
    return Course(OURS, "ours", settings, moments, OUR_CAPTIONS)


def their_course(name: str, moments: Sequence[float]) -> Course:
    """Return the course of a peer."""
    return Course(name, "peer", settings_of(name), tuple(moments), THEIR_CAPTIONS)


def seconds_to(points: Sequence[Point], accuracy: float) -> float | None:
    """Return when the accuracy was first reached; None if it never was."""
    reached = (point["seconds"] for point in points if point["right"] / point["drawn"] >= accuracy)
    return next(reached, None)


@contextmanager
def written_task() -> Iterator[Path]:
    """Write the task of all contenders into a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        shapes_task(TINY, OUR_CAPTIONS).write(Path(folder))
        yield Path(folder)


def race(courses: Sequence[Course], ledger: Ledger) -> list[list[Point]]:
    """Run courses at once, a process each."""
    jury = Jury.gather(held_out_captions("single", OUR_CAPTIONS, seed=0))
    with written_task() as task, ThreadPoolExecutor(len(courses)) as at_once:
        return [*at_once.map(lambda course: course.run(task, jury, ledger), courses)]


def tune(ledger: Ledger) -> None:
    """Train the settings that were tried for equal seconds and print their losses."""
    ways = [(name, tried) for name in NAMES for tried in TRIED]
    with written_task() as task, ThreadPoolExecutor(len(TRIED)) as at_once:
        losses = at_once.map(lambda way: tried_loss(task, *way, ledger), ways)
        rows = [(name, tried, *found) for (name, tried), found in zip(ways, losses, strict=True)]
    print_table(("program", "settings", "steps", "loss"), rows)


def tried_loss(task: Path, name: str, tried: dict[str, Any], ledger: Ledger) -> tuple[int, float]:
    """Return how many steps a peer's settings took, and the mean loss of the last third of time."""

    def measure() -> list[float]:
        with Worker("peer", task, settings) as worker:
            first = worker.ask("train", seconds=TUNED_FOR * 2 / 3)
            last = worker.ask("train", seconds=TUNED_FOR / 3)
        return [first["steps"] + last["steps"], last["loss"]]

    settings = settings_of(name, **tried)
    steps, loss = ledger.measured({"what": "tried", "settings": settings, "s": TUNED_FOR}, measure)
    return steps, loss


def true_distance(jury: Jury) -> float:
    """Return the distance of as many other true pictures as are judged."""
    others = as_pictures(jury.captions[:THEIR_CAPTIONS], 1, seed=1)
    return round(frechet_distance(fixed_features(others), jury.truth), 4)


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
    if options.tune:
        tune(ledger)
        return
    ours = [our_course(seed) for seed in options.seeds]
    race([*ours, *(their_course(name, options.moments) for name in NAMES)], ledger)


if __name__ == "__main__":
    main()
