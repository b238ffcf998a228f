"""This project's cascade, drawn a stage at a time."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.contender import Task
from minimagen.cascade import CascadeConfig
from minimagen.cli.settings import locate
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.imagen import Imagen


class OurCascade:
    """Fresh networks of a parameter directory, sampled as its files say.

    Args:
        task: whose first captions are drawn.
        parameters: a directory of parameter files.
        pictures: drawn at once.
    """

    def __init__(self, task: Task, *, parameters: str, pictures: int) -> None:
        self.imagen = Imagen.create(CascadeConfig.read(locate(Path(parameters))))
        rows = slice(pictures)
        self.text = TextEmbedding(task.asked_tokens[rows], task.asked_mask[rows])
        self.numbers, self.called = range(pictures), 0
        for stage in self.imagen.stages:
            stage.network.register_forward_hook(self._count)

    def _count(self, _: nn.Module, given: tuple[Any, ...], __: Tensor) -> None:
        self.called += len(given[0])

    def weights(self) -> int:
        """Return how many weights it has."""
        networks = [stage.network for stage in self.imagen.stages]
        return sum(weight.numel() for network in networks for weight in network.parameters())

    @torch.no_grad()
    def call(self, stage: int) -> dict[str, int]:
        """Draw all pictures at one stage, on noise for what the stage before drew.

        Returns:
            How many ``calls`` were made for how many ``pictures``, and how many they needed: all.
            A call is one picture through the network once, guidance makes two of them.
        """
        self.called, drawn = 0, self.imagen.stages[stage]
        count, lowres = len(self.numbers), None
        if drawn.smaller is not None:
            smaller = torch.randn(count, 3, drawn.smaller, drawn.smaller).clamp(-1, 1)
            lowres = drawn.lowres(smaller, 0, self.numbers)
        drawn.sample(Conditioning(self.text, lowres), seed=0, numbers=self.numbers)
        return {"calls": self.called, "pictures": count, "needed": self.called // count}
