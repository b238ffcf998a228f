"""One of several processes of a run in which one image's caption has infinite embeddings.

Usage: broken_caption.py PARAMETERS OUTPUT. It prints the image's sample number: the first one
that is the second process's, and whose caption comes to no other sample up to its step's end.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from minimagen.cascade import CascadeConfig
from minimagen.conditioning import TextEmbedding
from minimagen.data.stream import Order
from minimagen.runtime import joined
from minimagen.training.bystander import Bystander
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.fit import Fit
from minimagen.training.run import Run, begin, gather, starting_stage
from minimagen.training.signals import Stopper


def caption_of(run: Run, number: int) -> str:
    order = Order(tuple(run.training), run.config.seed, 0)
    return run.source.captions(order.index_of(number))[0]


def chosen(run: Run, per_process: int) -> int:
    """Return the number of the image to break."""
    step = 2 * per_process
    for number in range(100 * step):
        end = (number // step + 1) * step
        others = {caption_of(run, other) for other in range(end) if other != number}
        if number % step >= per_process and caption_of(run, number) not in others:
            return number
    raise AssertionError("every caption comes again")


def broken(run: Run, number: int) -> Run:
    """Make one caption's embedding infinite."""
    table, caption = run.embed, caption_of(run, number)
    assert table is not None

    def embed(captions: tuple[str, ...]) -> TextEmbedding:
        text = table(captions)
        factor = torch.tensor([float("inf") if c == caption else 1.0 for c in captions])
        return TextEmbedding(text.tokens * factor[:, None, None], text.mask)

    return replace(run, embed=embed)


def main() -> None:
    parameters, output = map(Path, sys.argv[1:])
    cascade, config = CascadeConfig.read(parameters), TrainingConfig.read(parameters)
    config = replace(config, validation_images=0, images=8 * 4, max_skipped=9)
    with joined("cpu") as processes:
        device = processes.device
        materials = processes.first_then_others(lambda: gather(cascade, config, device))
        directory = processes.from_first(
            lambda: TrainingDirectory.create(output, "run", cascade, config)
        )
        if not processes.is_first:
            directory = Bystander(directory.path)
        run = begin(
            directory, cascade, config, materials, device=device, workers=0, processes=processes
        )
        number = chosen(run, per_process=4)
        if processes.is_first:
            print(number)
        Fit(broken(run, number), starting_stage(cascade, 0, device, 0, None), Stopper()).fit()


if __name__ == "__main__":
    main()
