"""What the steps between two lines of the log came to: losses, speed, waiting."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from minimagen.data.stream import Batch
from minimagen.training.directory import Measured
from minimagen.training.learner import Gradient
from minimagen.training.validation import summarised


@dataclass
class Meter:
    """Counts steps, and averages over them.

    Time is that of steps alone: validations and checkpoints between them do not count.

    Attributes:
        numbers: of the samples that were learnt from.
        losses: of each of them, a step an entry.
        grad_norms: of each step.
        seconds: spent in steps, skipped ones among them.
        waited: seconds of these in which the next batch was not there yet.
    """

    numbers: list[int] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    grad_norms: list[Tensor] = field(default_factory=list)
    seconds: float = 0.0
    waited: float = 0.0

    def waiting(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Pass batches on, and count how long each lets us wait."""
        while True:
            began = time.monotonic()
            batch = next(batches, None)
            self.waited += time.monotonic() - began
            if batch is None:
                return
            yield batch

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Count the time of a step."""
        began = time.monotonic()
        yield
        self.seconds += time.monotonic() - began

    def add(self, gradient: Gradient) -> None:
        """Count a step that was taken."""
        self.numbers += gradient.numbers
        self.losses.append(gradient.losses)
        self.grad_norms.append(gradient.norm)

    def read(self, log_snr: Callable[[Sequence[int]], Tensor]) -> dict[str, Measured]:
        """Return the averages since it was last read, and begin anew.

        Args:
            log_snr: how noisy training showed samples, by their numbers; (N,).

        Returns:
            ``loss`` and ``grad_norm``; ``loss_bins``, the loss of each quarter of the samples from
            the noisiest to the cleanest, and ``log_snr_edges`` around these quarters;
            ``images_per_s``; ``waiting``, the share of the time, in [0, 1].
        """
        loss = summarised(torch.cat(self.losses).cpu().double(), log_snr(self.numbers))
        seconds = max(self.seconds, 1e-9)
        values: dict[str, Measured] = {
            "loss": loss.mean,
            "grad_norm": float(torch.stack(self.grad_norms).mean()),
            "images_per_s": round(len(self.numbers) / seconds, 2),
            "waiting": round(min(self.waited / seconds, 1.0), 4),
            "loss_bins": loss.bins,
            "log_snr_edges": loss.edges,
        }
        self.clear()
        return values

    def clear(self) -> None:
        """Begin anew."""
        vars(self).update(vars(Meter()))
