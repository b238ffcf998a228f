"""What takes part in a comparison, and what it is given: the same pictures, the same embeddings.

Knows neither this project nor a peer, so that every contender's process can import it.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Task:
    """Pictures to learn, and captions to be asked for.

    Args:
        images: uint8, (N, 3, S, S).
        tokens: embeddings of their captions, (N, L, D), float.
        mask: which tokens are no padding, (N, L), bool.
        asked_tokens: embeddings of the captions to draw, (M, L, D).
        asked_mask: likewise, (M, L).
    """

    images: Tensor
    tokens: Tensor
    mask: Tensor
    asked_tokens: Tensor
    asked_mask: Tensor

    def write(self, folder: Path) -> None:
        """Write one ``.npy`` a tensor."""
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name).numpy())

    @classmethod
    def read(cls, folder: Path) -> "Task":
        """Read what :meth:`write` wrote."""
        names = [field.name for field in fields(cls)]
        return cls(*(torch.from_numpy(np.load(folder / f"{name}.npy")) for name in names))


class Learner(Protocol):
    """What can be trained."""

    def weights(self) -> int:
        """Return how many weights it trains."""

    def is_done(self) -> bool:
        """Whether its own settings end its training here."""

    def step(self) -> float:
        """Take one training step and return its loss."""


class Contender(Learner, Protocol):
    """A program that learns and draws."""

    def draw(self, count: int) -> Tensor:
        """Draw the first captions of the task; (count, 3, S, S) in [-1, 1]."""


class Cascade(Protocol):
    """Networks one after another, whose calls are measured."""

    def weights(self) -> int:
        """Return how many weights it has."""

    def call(self, stage: int) -> dict[str, int]:
        """Call the network of a stage.

        Returns:
            How many ``calls`` were made for how many ``pictures``, and how many a picture
            ``needed`` at this stage. A call is one picture through the network once.
        """
