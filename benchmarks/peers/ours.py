"""This project's base as a contender: trained by its own loop, from its own files."""

import os
from itertools import islice
from pathlib import Path

from torch import Tensor

from benchmarks.peers.contender import Task
from benchmarks.short_runs import opened
from minimagen.conditioning import Conditioning, TextEmbedding


class Ours:
    """The first stage of a parameter directory.

    Args:
        task: whose captions it draws. Its pictures it makes itself, in its own seconds.
        parameters: a directory of parameter files.
        images: to train on, in place of as many as the files say.
        seed: of the run.
    """

    def __init__(self, task: Task, *, parameters: str, images: int, seed: int) -> None:
        flags = ["-p", parameters, "-s", str(task.images.shape[-1]), "-dv", "cpu"]
        flags += ["-sd", str(seed), "--SET", f"training.images={images}"]
        self.fit = opened(flags, Path(f"ours-{os.getpid()}"))
        self.stream = self.fit.stream()
        self.asked = TextEmbedding(task.asked_tokens, task.asked_mask)

    def weights(self) -> int:
        """Return how many weights it trains."""
        return sum(weight.numel() for weight in self.fit.learner.network.parameters())

    def is_done(self) -> bool:
        """Whether its rate has fallen to its end."""
        return self.fit.progress.step >= self.fit.steps

    def step(self) -> float:
        """Take one step of ``train.py``."""
        self.fit.step(islice(self.stream, 1))
        return self.fit.meter.losses[-1].mean().item()

    def draw(self, count: int) -> Tensor:
        """Draw as the files say, with the averaged weights; (count, 3, S, S) in [-1, 1]."""
        stage = self.fit.learner.averaged
        return stage.sample(Conditioning(self.asked[:count]), seed=0, numbers=range(count))
