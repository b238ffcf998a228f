"""Training on a GPU:  python -m benchmarks.on_gpu -p parameters/photos.

For every stage, in bf16: images a second at the largest of some batches that fits, the share of the
GPU's published peak that its counted operations come to, and the memory; with its blocks compiled
and without. Without a GPU it says so and ends.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.cost import PEAKS
from benchmarks.encoder_cost import encoder_cost
from benchmarks.peer_widths import TOKENS, training_step
from benchmarks.record import print_table, save
from minimagen.cascade import CascadeConfig
from minimagen.imagen import make_stage
from minimagen.models.cost import training_cost_of
from minimagen.runtime import autocast
from minimagen.training.memory import is_out_of_memory

BATCHES = 256, 128, 64, 32, 16, 8, 4
STEPS = 20
GPU = torch.device("cuda")


def seconds_a_step(
    cascade: CascadeConfig, index: int, batch: int, width: int, compiled: bool
) -> float:
    """Return what a training step takes, after a few to warm up.

    Raises:
        RuntimeError: when memory runs out.
    """
    stage = make_stage(cascade, index, GPU)
    for block in stage.network.blocks() if compiled else ():
        block.compile()
    step = training_step(stage, batch, width)
    with autocast(GPU, "bf16"):
        for _ in range(3):
            step()
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(STEPS):
            step()
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / STEPS


def best(cascade: CascadeConfig, index: int, width: int, compiled: bool) -> dict[str, Any]:
    """Return a row for the largest batch that fits."""
    config, unet = cascade.imagen.stages[index], cascade.unets[index]
    side = config.crop or config.size
    cost = training_cost_of(unet, side, text_width=width, lowres=index > 0)
    for batch in BATCHES:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        try:
            seconds = seconds_a_step(cascade, index, batch, width, compiled)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            continue
        rate = batch / seconds
        return {
            "stage": f"{config.size} px",
            "blocks": "compiled" if compiled else "as they are",
            "batch": batch,
            "images_per_s": round(rate, 1),
            "share_of_peak": round(rate * cost.flops / peak(), 3),
            "memory_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
        }
    raise SystemExit(f"stage {index}: not even {BATCHES[-1]} images fit into this GPU")


def peak() -> float:
    """Return the published bf16 operations a second of this GPU; of the first known, if unknown."""
    name = torch.cuda.get_device_name()
    known = [rate for gpu, rate in PEAKS.items() if gpu.split()[0] in name]
    return known[0] if known else next(iter(PEAKS.values()))


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-p", "--parameters", type=Path, default=Path("parameters"))
    directory = parser.parse_args().parameters
    if not torch.cuda.is_available():
        sys.exit("no GPU here: nothing is measured")
    cascade = CascadeConfig.read(directory)
    encoder = cascade.imagen.text_encoder
    assert encoder is not None, "the shipped cascades have text"
    width = encoder_cost(encoder.name, TOKENS).width
    measure = partial(best, cascade, width=width)
    rows = [
        measure(index=index, compiled=compiled)
        for index in range(len(cascade.imagen.stages))
        for compiled in (False, True)
    ]
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    command = f"python -m benchmarks.on_gpu -p {directory}"
    save(f"on_gpu_{directory.name}", command, {"gpu": torch.cuda.get_device_name(), "rows": rows})


if __name__ == "__main__":
    main()
