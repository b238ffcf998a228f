"""How fast pictures come, beside what Pillow alone could do:  python -m benchmarks.loading.

Two questions. JPEGs of the two photographs that scikit-learn ships, at several sizes, are decoded,
framed and put into batches by the training stream, with nothing in memory; the same files are
opened, drafted, resized and turned into arrays in a bare Pillow loop. Both run on one core, taking
turns, and the ratio of their CPU seconds is told. And: which share of the training loop's seconds
is loading, at the default parameters, on a folder of such JPEGs and on the built-in scenes?
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.record import print_table, save
from minimagen.cascade import CascadeConfig
from minimagen.data.buckets import Framing, nearest_ratios
from minimagen.data.collection import Collection
from minimagen.data.framing import Frame, FramingConfig
from minimagen.data.sources import DataConfig, open_source
from minimagen.data.stream import Batch, batches, consecutive
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.fit import Fit
from minimagen.training.run import begin, gather, starting_stage
from minimagen.training.signals import Stopper

ROOT = Path(__file__).parents[1]
SHORTER_SIDES = (512, 768, 1024)  # of the files, in pixels
COPIES = 6  # of each photograph at each size
BATCH = 9
SIZE = 512
KINDS = {
    "centre": FramingConfig(),
    "random": FramingConfig(crop="random", flip=True),
    "pad": FramingConfig(crop="pad", max_lost=0.2),
    "two ratios": FramingConfig(aspect_ratios=(1.0, 1.5)),
}


def write_folder(folder: Path) -> list[Path]:
    """Write JPEGs of several sizes with captions beside them; returns the files."""
    from sklearn.datasets import load_sample_image

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("china.jpg", "flower.jpg"):
        photograph = Image.fromarray(load_sample_image(name))
        for side in SHORTER_SIDES:
            width = round(photograph.width * side / photograph.height)
            larger = photograph.resize((width, side), Image.Resampling.BICUBIC)
            for copy in range(COPIES):
                path = folder / f"{name[:-4]}_{side}_{copy}.jpg"
                larger.save(path, quality=90)
                path.with_suffix(".txt").write_text(name[:-4])
    return sorted(folder.glob("*.jpg"))


def pillow_alone(files: list[Path], size: int) -> None:
    """Open, draft, resize and turn into an array; nothing is checked, converted or stacked."""
    for path in files:
        with Image.open(path) as image:
            image.draft("RGB", (2 * size, 2 * size))
            side = min(image.size)
            left, top = (image.width - side) / 2, (image.height - side) / 2
            box = (left, top, left + side, top + side)
            np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))


def stream_of(source: Collection, config: FramingConfig, size: int) -> Iterator[Batch]:
    """Serve the folder as training would, with no memory of decoded pictures."""
    sides = {1.0: (size, size), 1.5: (size * 13 // 16, size * 39 // 32)}
    frames = tuple(Frame(*sides[ratio], config) for ratio in config.aspect_ratios)
    framing = Framing(frames, nearest_ratios(source, config.aspect_ratios), BATCH)
    return batches(
        source,
        range(len(source)),
        size=framing,
        plan=consecutive(BATCH),
        seed=0,
        stage=0,
        cache_gb=0,
    )


def cpu_seconds(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of this process that something takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


def speed(source: Collection, files: list[Path], size: int, rounds: int) -> dict[str, Any]:
    """Let Pillow alone and each way of framing take turns over as many pictures each."""
    streams = {kind: stream_of(source, config, size) for kind, config in KINDS.items()}
    seconds: dict[str, list[float]] = {kind: [] for kind in ("pillow", *KINDS)}
    for _ in range(rounds):
        seconds["pillow"].append(cpu_seconds(lambda: pillow_alone(files, size)))
        for kind, stream in streams.items():
            batch_count = islice(stream, len(files) // BATCH)
            seconds[kind].append(cpu_seconds(lambda: list(batch_count)))  # noqa: B023
    middle = {kind: statistics.median(values) for kind, values in seconds.items()}
    return {
        "pillow_images_per_s": round(len(files) / middle["pillow"], 1),
        **{kind: round(middle["pillow"] / middle[kind], 3) for kind in KINDS},
    }


def waiting(dataset: str, output: Path, steps: int) -> list[dict[str, Any]]:
    """Return for each stage of parameters/ which share of its steps' CPU seconds is loading.

    On two batches of items: the first two steps find nothing in memory, the others everything.
    Nothing is loaded ahead, so no worker helps.
    """
    parameters = ROOT / "parameters"
    cascade, training = CascadeConfig.read(parameters), TrainingConfig.read(parameters)
    passes = training.images / (training.data.shapes.size * training.train_fraction)
    data = replace(training.data, dataset=dataset, limit=2 * training.batch_size)
    training = replace(training, data=data, train_fraction=1.0)
    device = torch.device("cpu")
    directory = TrainingDirectory.create(output, "run", cascade, training)
    materials = gather(cascade, training, device)
    run = begin(directory, cascade, training, materials, device=device, workers=0)
    found = []
    for index in range(len(cascade.imagen.stages)):
        fit = Fit(run, starting_stage(cascade, index, device, training.seed, None), Stopper())
        first, later, step = waited(fit, steps)
        found.append(
            {
                "data": "shapes" if dataset == "shapes" else "folder of JPEGs",
                "stage": index,
                "step_ms": round(1000 * step),
                "first_pass": share(first, step),
                "later_passes": share(later, step),
                "whole_run": share((first + (passes - 1) * later) / passes, step),
            }
        )
    return found


def share(loading: float, step: float) -> str:
    """Write the share of the time that is loading."""
    return f"{100 * loading / (loading + step):.1f} %"


def waited(fit: Fit, steps: int) -> tuple[float, float, float]:
    """Return median CPU seconds: loading in the first two steps, in the others, and a step."""
    stream, parts = fit.stream(), fit.run.config.accumulate
    loading, stepping = [], []
    for _ in range(2 + steps):
        served: list[Batch] = []
        loading.append(cpu_seconds(lambda: served.extend(islice(stream, parts))))  # noqa: B023
        stepping.append(cpu_seconds(lambda: fit.step(served)))  # noqa: B023
    median = statistics.median
    return median(loading[:2]), median(loading[2:]), median(stepping)


def main() -> None:
    """Run the benchmark, print its tables, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        where = Path(folder)
        files = write_folder(where / "pictures")
        source = open_source(
            DataConfig(dataset=str(where / "pictures"), max_rejected=0), check_size=64
        )[0]
        found = {str(size): speed(source, files, size, options.rounds) for size in (64, 256, SIZE)}
        shares = [
            row
            for data in (str(where / "pictures"), "shapes")
            for row in waiting(data, where, options.steps)
        ]
    columns = ("pillow_images_per_s", *KINDS)
    rows = [(size, *(row[column] for column in columns)) for size, row in found.items()]
    print_table(("size", *columns), rows)
    print_table(list(shares[0]), [list(row.values()) for row in shares])
    save("loading", "python -m benchmarks.loading", {"speed": found, "waiting": shares})


if __name__ == "__main__":
    main()
