"""What a picture costs to draw:  python -m benchmarks.sampling_cost -p parameters/tiny.

Seconds and network calls of a 512 px picture, stage by stage, for a batch of captions drawn with
fresh weights: time does not depend on what they say. Then the cost of more captions at a time, and
what it saves to read the text once for all steps, and to keep memory that was freed.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

import minimagen.stage as stages_module
from benchmarks.record import print_table, save
from benchmarks.turns import Timed, in_process, in_turns, seconds_of
from minimagen.canvas import Canvas
from minimagen.cascade import CascadeConfig
from minimagen.data.shapes import held_out_captions
from minimagen.imagen import Imagen
from minimagen.runtime import keep_freed_memory

BATCHES = {"parameters/tiny": 6, "parameters": 2}
COUNTS = 1, 2, 4


class Count:
    """Counts how often a network is called, and for how many images.

    Args:
        imagen: whose networks are counted, one after the other.
    """

    def __init__(self, imagen: Imagen) -> None:
        self.calls, self.rows = [0] * len(imagen.stages), [0] * len(imagen.stages)
        for place, stage in enumerate(imagen.stages):
            stage.network.register_forward_pre_hook(partial(self._note, place))

    def _note(self, place: int, _network: torch.nn.Module, inputs: Sequence[Any]) -> None:
        self.calls[place] += 1
        self.rows[place] += len(inputs[0])


def fresh(directory: str) -> Imagen:
    """Return a cascade whose networks were never trained, ready to draw."""
    imagen = Imagen.create(CascadeConfig.read(Path(directory)))
    for stage in imagen.stages:
        stage.network.eval().requires_grad_(False)
    imagen.encode(["a red circle"])  # the text encoder is loaded
    return imagen


@contextmanager
def reading_every_time() -> Iterator[None]:
    """Let walks read their text at every step."""
    once = stages_module.ReadOnce
    stages_module.ReadOnce = lambda network: network  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        stages_module.ReadOnce = once  # type: ignore[misc]


def each_stage(directory: str, batch: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each stage, and one for all of them, per picture."""
    imagen = fresh(directory)
    captions = held_out_captions("single", batch, seed=0)
    taken: list[list[tuple[float, float]]] = [[] for _ in imagen.stages]

    def timed(canvas: Canvas) -> torch.Tensor:
        painted: list[torch.Tensor] = []
        taken[canvas.stage].append(seconds_of(lambda: painted.append(canvas.paint())))
        return painted[0]

    imagen.sample(captions[:1], steps=1)
    count = Count(imagen)
    for _ in range(rounds):
        imagen.sample(captions, edit=timed)
    rows = []
    for place, stage in enumerate(imagen.stages):
        seconds, core_seconds = sorted(taken[place])[rounds // 2]
        rows.append(
            {
                "cascade": directory,
                "stage": f"{stage.config.size} px",
                "batch": batch,
                "calls": count.calls[place] // rounds,
                "rows_per_picture": count.rows[place] / rounds / batch,
                "seconds": round(seconds / batch, 3),
                "core_seconds": round(core_seconds / batch, 3),
            }
        )
    summed = ("calls", "rows_per_picture", "seconds", "core_seconds")
    total = {name: round(sum(row[name] for row in rows), 3) for name in summed}
    return [*rows, {"cascade": directory, "stage": "all", "batch": batch, **total}]


def more_captions(directory: str, rounds: int) -> list[dict[str, Any]]:
    """Return what a picture takes by how many captions are drawn at a time."""
    imagen = fresh(directory)
    captions = held_out_captions("single", max(COUNTS), seed=0)
    works = {str(n): partial(imagen.sample, captions[:n]) for n in COUNTS}
    taken = in_turns(works, rounds)
    return [{"captions at a time": n, **per_picture(taken[n], int(n))} for n in works]


def text_read(directory: str, rounds: int) -> list[dict[str, Any]]:
    """Return what a base's picture takes with its text read once, and at every step."""
    imagen = fresh(directory)
    size = imagen.stages[0].config.size
    captions = held_out_captions("single", BATCHES[directory], seed=0)
    draw = partial(imagen.sample, captions, size=size)

    def every_time() -> None:
        with reading_every_time():
            draw()

    taken = in_turns({"once": draw, "at every step": every_time}, rounds)
    return [
        {"text is read": way, **per_picture(timed, len(captions))} for way, timed in taken.items()
    ]


def memory_kept(directory: str, rounds: int) -> list[dict[str, Any]]:
    """Return what a picture takes with freed memory handed back, and kept.

    Each in a process of its own; to be asked before anything is computed in this one.
    """
    taken: dict[str, list[tuple[float, float]]] = {"handed back": [], "kept": []}
    for _ in range(rounds):
        for way, times in taken.items():
            times.append(in_process(partial(_draw_once, directory, way == "kept")))
    timed = {way: Timed(*map(median, zip(*times, strict=True))) for way, times in taken.items()}
    count = BATCHES[directory]
    return [{"freed memory is": way, **per_picture(timed[way], count)} for way in taken]


def _draw_once(directory: str, keep: bool) -> tuple[float, float]:
    if keep:
        keep_freed_memory()
    imagen = fresh(directory)
    captions = held_out_captions("single", BATCHES[directory], seed=0)
    imagen.sample(captions[:1], steps=1)
    return seconds_of(partial(imagen.sample, captions))


def per_picture(timed: Timed, count: int) -> dict[str, float]:
    """Return the seconds of one of so many pictures."""
    return {
        "seconds": round(timed.seconds / count, 3),
        "core_seconds": round(timed.core_seconds / count, 3),
    }


def main() -> None:
    """Run the benchmark, print its tables, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-p", "--parameters", default="parameters/tiny", choices=BATCHES)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    directory, rounds = options.parameters, options.rounds
    small = BATCHES[directory] > max(COUNTS)  # the larger cascade takes minutes
    memory = {"memory": memory_kept(directory, rounds)} if small else {}
    keep_freed_memory()  # as inference.py does
    found: dict[str, Any] = {
        **memory,
        "stages": each_stage(directory, BATCHES[directory], rounds),
        "reading": text_read(directory, rounds),
    }
    if small:
        found["captions"] = more_captions(directory, rounds)
    for rows in found.values():
        print_table(list(rows[0]), [list(row.values()) for row in rows])
        print()
    command = f"python -m benchmarks.sampling_cost -p {directory}"
    save(f"sampling_cost_{Path(directory).name}", command, {"rounds": rounds, **found})


if __name__ == "__main__":
    main()
