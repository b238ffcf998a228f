"""How much memory training and drawing take:  python -m benchmarks.memory -p parameters.

Each figure is the most that a process of its own held in main memory, less what it held when it
began: one training step with Adam of a stage, on crops as the files have it, on whole pictures, or
with every block computed again in the backward pass; one picture of a stage drawn, whole or in
tiles. On a GPU weights and optimizer come to as much, the rest to less: kernels there save other
things.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.peer_widths import training_step
from benchmarks.record import print_table, save
from benchmarks.turns import in_process
from minimagen.cascade import CascadeConfig
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.imagen import make_stage
from minimagen.stage import Drawing, Stage
from minimagen.text.encoders import encoder_width
from minimagen.training.config import TrainingConfig, of_stage
from minimagen.training.footprint import memory_used

CPU = torch.device("cpu")
TILE, BATCH = 128, 1  # of drawing


def most_held(work: Callable[[], Any]) -> float:
    """Return the GB that some work takes at most, in a process of its own."""

    def hold() -> float:
        before = memory_used(CPU)["memory_gb"] or 0.0
        work()
        return round((memory_used(CPU)["peak_memory_gb"] or 0.0) - before, 3)

    return in_process(hold)


def stage_of(cascade: CascadeConfig, index: int, **changes: Any) -> Stage:
    """Return a stage, with ``crop`` or ``gradient_checkpointing`` as they are given."""
    again = changes.pop("gradient_checkpointing", None)
    if again is not None:
        unets = list(cascade.unets)
        unets[index] = replace(unets[index], gradient_checkpointing=again)
        cascade = replace(cascade, unets=tuple(unets))
    stage = make_stage(cascade, index)
    return replace(stage, config=replace(stage.config, **changes))


def train(cascade: CascadeConfig, index: int, batch: int, width: int, **changes: Any) -> None:
    """Take one training step."""
    training_step(stage_of(cascade, index, **changes), batch, width)()


@torch.no_grad()
def draw(cascade: CascadeConfig, index: int, width: int, tile: int | None) -> None:
    """Draw one picture with one step."""
    stage = stage_of(cascade, index)
    text = TextEmbedding(torch.randn(BATCH, 16, width), torch.ones(BATCH, 16, dtype=torch.bool))
    lowres = None
    if stage.smaller is not None:
        lowres = stage.lowres(torch.zeros(BATCH, 3, stage.smaller, stage.smaller), 0, range(BATCH))
    cond = Conditioning(text, lowres)
    stage.sample(cond, Drawing(steps=1, tile=tile), seed=0, numbers=range(BATCH))


def of_cascade(directory: str) -> list[dict[str, Any]]:
    """Return a row for each stage of a parameter directory."""
    cascade = CascadeConfig.read(Path(directory))
    training = TrainingConfig.read(Path(directory))
    encoder = cascade.imagen.text_encoder
    assert encoder is not None, "the shipped cascades have text"
    width = encoder_width(encoder)
    rows = []
    for index, config in enumerate(cascade.imagen.stages):
        batch = of_stage(training.batch_size, index)
        arguments = cascade, index, batch, width

        def trained(arguments: Any = arguments, **changes: Any) -> float:
            return most_held(lambda: train(*arguments, **changes))

        def drawn(tile: int | None, index: int = index) -> float:
            return most_held(lambda: draw(cascade, index, width, tile))

        cropped = config.crop is not None
        rows.append(
            {
                "cascade": directory,
                "stage": f"{config.size} px",
                "batch": batch,
                "training_gb": trained(),
                "checkpointed_gb": trained(gradient_checkpointing=True),
                "whole_pictures_gb": trained(crop=None) if cropped else None,
                "drawing_gb": drawn(None),
                "tiled_gb": drawn(TILE) if index > 0 else None,
            }
        )
    return rows


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-p", "--parameters", default="parameters/tiny")
    directory = parser.parse_args().parameters
    rows = of_cascade(directory)
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    if not torch.cuda.is_available():
        print("No GPU here: nothing was measured on one.")
    command = f"python -m benchmarks.memory -p {directory}"
    save(f"memory_{Path(directory).name}", command, {"tile": TILE, "rows": rows})


if __name__ == "__main__":
    main()
