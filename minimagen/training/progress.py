"""How far a stage is, and how it is doing between two lines of the log."""

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Progress:
    """How far a stage is; with the tensors, all that resuming needs.

    Attributes:
        step: optimizer steps behind us, those that were skipped among them.
        best_loss: the lowest validation loss so far.
        seconds: time spent, in all attempts.
        skipped: steps that changed nothing, for their loss or gradient was no number.
        skipped_in_a_row: how many of them are the last ones.
    """

    step: int = 0
    best_loss: float | None = None
    seconds: float = 0.0
    skipped: int = 0
    skipped_in_a_row: int = 0

    @property
    def updates(self) -> int:
        """How often the weights were changed."""
        return self.step - self.skipped

    def take(self) -> None:
        """Count a step."""
        self.step += 1
        self.skipped_in_a_row = 0

    def skip(self, counts: bool = True) -> None:
        """Count a step that changes nothing; the stream of samples moves on all the same.

        Args:
            counts: whether it is one of those of which too many end the run.
        """
        self.step += 1
        self.skipped += 1
        self.skipped_in_a_row += counts


@dataclass
class Meter:
    """Averages over the steps since the last line of the log."""

    started: float = field(default_factory=time.monotonic)
    losses: list[Tensor] = field(default_factory=list)
    grad_norms: list[Tensor] = field(default_factory=list)

    def add(self, loss: Tensor, grad_norm: Tensor) -> None:
        """Count one optimizer step."""
        self.losses.append(loss)
        self.grad_norms.append(grad_norm)

    def read(self, images_per_step: int) -> dict[str, float]:
        """Return the averages and the speed; there must be a step to average."""
        seconds = time.monotonic() - self.started
        return {
            "loss": float(torch.stack(self.losses).mean()),
            "grad_norm": float(torch.stack(self.grad_norms).mean()),
            "images_per_s": round(len(self.losses) * images_per_step / max(seconds, 1e-9), 2),
        }
