"""How near training comes to the machine:  python -m benchmarks.train_throughput -p parameters.

One training step of each stage of a parameter directory, or of our network at the peers' widths:
draws, forward and backward pass, one Adam step; noise for pictures. Ways to compute it take turns
with each other and with a product of two matrices, the most that the machine does:

    as it is            channels last, one product where few positions are left
    plain convolutions  without that product
    channels first      as images come
    weights, too        channels last for the weights as well
    compiled            every block by torch.compile; on a GPU, or with --compiled

Images a second are by the clock; operations are of a core's second, which others on the machine
do not change much, and are counted as ``minimagen.models.cost`` does.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.peer_widths import BATCH, TEXT_WIDTH, peer_widths_stage, training_step
from benchmarks.record import print_table, save
from benchmarks.turns import SIDE, in_turns, matrix_product
from minimagen.cascade import CascadeConfig
from minimagen.imagen import make_stage
from minimagen.models import convolution
from minimagen.models.cost import training_cost_of
from minimagen.stage import Stage
from minimagen.text.encoders import encoder_width
from minimagen.training.config import TrainingConfig, of_stage

GIGA = 1e9


@contextmanager
def plain_convolutions() -> Iterator[None]:
    """Compute what runs inside by convolutions alone."""
    few, convolution.FEW = convolution.FEW, 0
    try:
        yield
    finally:
        convolution.FEW = few


def without_products(step: Callable[[], Any]) -> None:
    """Take a step by convolutions alone."""
    with plain_convolutions():
        step()


def channels_first(stage: Stage) -> Stage:
    """Let a network begin with its channels where images have them."""
    fold = stage.network.fold
    stage.network.fold = lambda x_t, cond: fold(x_t, cond).contiguous()  # type: ignore[method-assign]
    return stage


def channels_last(stage: Stage) -> Stage:
    """Lay the weights out as the features are."""
    stage.network.to(memory_format=torch.channels_last)
    return stage


def compiled(stage: Stage) -> Stage:
    """Compile every block by itself."""
    for block in stage.network.blocks():
        block.compile()
    return stage


def ways(
    make: Callable[[], Stage], batch: int, text_width: int, with_compiled: bool
) -> dict[str, Callable[[], Any]]:
    """Return the ways to take a step of a stage, each with a network of its own."""
    steps = {
        "as it is": training_step(make(), batch, text_width),
        "plain convolutions": partial(without_products, training_step(make(), batch, text_width)),
        "channels first": training_step(channels_first(make()), batch, text_width),
        "weights, too": training_step(channels_last(make()), batch, text_width),
    }
    if with_compiled:
        steps["compiled"] = training_step(compiled(make()), batch, text_width)
    return steps


def measure(
    name: str, make: Callable[[], Stage], batch: int, text_width: int, rounds: int, compile_: bool
) -> list[dict[str, Any]]:
    """Return a row for each way to take a step."""
    stage = make()
    side = stage.config.crop or stage.config.size
    cost = training_cost_of(
        stage.network.config, side, text_width=text_width, lowres=stage.smaller is not None
    )
    works = ways(make, batch, text_width, compile_)
    taken = in_turns({**works, "product": matrix_product()}, rounds)
    peak = 2 * SIDE**3 / GIGA / taken["product"].core_seconds
    rows = []
    for way in works:
        rate = batch * cost.flops / GIGA / taken[way].core_seconds
        rows.append(
            {
                "network": name,
                "way": way,
                "batch": batch,
                "images_per_s": round(batch / taken[way].seconds, 2),
                "images_per_core_s": round(batch / taken[way].core_seconds, 2),
                "gflop_per_image": round(cost.flops / GIGA, 2),
                "gflop_per_core_s": round(rate, 1),
                "share_of_peak": round(rate / peak, 2),
            }
        )
    return rows


def shipped(directory: str, rounds: int, compile_: bool) -> Iterator[dict[str, Any]]:
    """Measure every stage of a parameter directory at its own batch."""
    cascade = CascadeConfig.read(Path(directory))
    training = TrainingConfig.read(Path(directory))
    encoder = cascade.imagen.text_encoder
    assert encoder is not None, "the shipped cascades have text"
    for index in range(len(cascade.imagen.stages)):
        make = partial(make_stage, cascade, index)
        batch = of_stage(training.batch_size, index)
        name = f"{directory}, stage {index}"
        yield from measure(name, make, batch, encoder_width(encoder), rounds, compile_)


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-p", "--parameters", default="parameters/tiny")
    what.add_argument("--peer-widths", action="store_true", help="the network of that size instead")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compiled", action="store_true", help="minutes more, on a CPU")
    options = parser.parse_args()
    if options.peer_widths:
        arguments = BATCH, TEXT_WIDTH, options.rounds, options.compiled
        rows, name = measure("at the peers' widths", peer_widths_stage, *arguments), "peer_widths"
        command = "--peer-widths"
    else:
        rows = list(shipped(options.parameters, options.rounds, options.compiled))
        name, command = Path(options.parameters).name, f"-p {options.parameters}"
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    if not torch.cuda.is_available():
        print("No GPU here: nothing was measured on one.")
    command = f"python -m benchmarks.train_throughput {command}"
    save(f"train_throughput_{name}", command, {"rounds": options.rounds, "rows": rows})


if __name__ == "__main__":
    main()
