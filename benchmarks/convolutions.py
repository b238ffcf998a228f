"""When is a convolution faster as one matrix product?  python -m benchmarks.convolutions.

Forward and backward pass of the 3 x 3 convolutions of the default cascade's base, from its widest
level, where 2 x 2 positions are left, to its finest, for a batch of 16; operations of a core's
second, by their median over turns.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.record import print_table, save
from benchmarks.turns import in_turns
from minimagen.models.convolution import neighbours

BATCH = 16
SHAPES = (640, 2), (256, 4), (128, 8), (48, 16), (24, 32)  # channels, side
GIGA = 1e9


def convolution(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve as torch does."""
    return F.conv2d(x, weight, padding=1)


def product(x: Tensor, weight: Tensor) -> Tensor:
    """Multiply the neighbours of each position by the weights."""
    return F.linear(neighbours(x), weight.flatten(1)).movedim(-1, 1)


def there_and_back(compute: Callable[[Tensor, Tensor], Tensor], x: Tensor, weight: Tensor) -> None:
    """Run the forward and the backward pass."""
    x.grad = weight.grad = None
    compute(x, weight).sum().backward()


def at(channels: int, side: int, rounds: int) -> dict[str, Any]:
    """Return a row: how fast each way is for so many channels and positions."""
    image = torch.randn(BATCH, channels, side, side).to(memory_format=torch.channels_last)
    x, weight = image.requires_grad_(), torch.randn(channels, channels, 3, 3, requires_grad=True)
    last = weight.detach().to(memory_format=torch.channels_last).requires_grad_()
    works = {
        "convolution": partial(there_and_back, convolution, x, weight),
        "convolution, weights channels last": partial(there_and_back, convolution, x, last),
        "product": partial(there_and_back, product, x, weight),
    }
    taken = in_turns(works, rounds)
    operations = 3 * 2 * BATCH * side**2 * 9 * channels**2 / GIGA
    rates = {way: round(operations / taken[way].core_seconds, 1) for way in works}
    return {"channels": channels, "positions": f"{side} x {side}", **rates}


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    rows = [at(channels, side, rounds) for channels, side in SHAPES]
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    command = "python -m benchmarks.convolutions"
    save("convolutions", command, {"unit": "GFLOP a core second", "rounds": rounds, "rows": rows})


if __name__ == "__main__":
    main()
