"""The loss on held-out pictures: averaged weights, fixed draws, nothing dropped, no gradients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.diffusion import Network
from minimagen.runtime import Precision, Processes, autocast
from minimagen.stage import Stage
from minimagen.tensors import from_uint8
from minimagen.training.draws import draw
from minimagen.training.step import stage_losses

BINS = 4  # parts by noise level, each with as many pictures


@dataclass(frozen=True)
class ValidationSet:
    """Held-out pictures, decoded once.

    Args:
        images: N of them, uint8, (3, H, W); those of one shape follow each other.
        text: their captions; None for an unconditional cascade.
        captions: the same, as strings.
    """

    images: Tensor | Sequence[Tensor]
    text: TextEmbedding | None
    captions: tuple[str, ...]

    def __len__(self) -> int:
        """Return N."""
        return len(self.images)

    def parts(self, size: int) -> Iterator[tuple[range, "ValidationSet"]]:
        """Divide it into parts of one shape and at most a size; each with the places it had."""
        start = 0
        while start < len(self):
            shape = self.images[start].shape
            stop = start + 1
            while stop < min(start + size, len(self)) and self.images[stop].shape == shape:
                stop += 1
            yield range(start, stop), self._rows(slice(start, stop))
            start = stop

    def _rows(self, rows: slice) -> "ValidationSet":
        text = None if self.text is None else self.text[rows]
        return ValidationSet(torch.stack(list(self.images[rows])), text, self.captions[rows])


@dataclass(frozen=True)
class ValidationLoss:
    """What the network's error on held-out pictures came to.

    Args:
        mean: over all pictures.
        bins: means over equal parts of them, from the noisiest to the cleanest.
        edges: log-SNR where each part begins, and where the last one ends, (parts + 1,).
    """

    mean: float
    bins: list[float]
    edges: list[float]

    def __str__(self) -> str:
        """Write it for people: the mean, then each part and the log-SNR it begins at."""
        parts = zip(self.edges, self.bins, strict=False)
        listed = ", ".join(f"from {edge:.1f} {loss:.5f}" for edge, loss in parts)
        return f"{self.mean:.5f} (by log-SNR: {listed}, to {self.edges[-1]:.1f})"


@torch.no_grad()
def validation_loss(
    stage: Stage,
    network: Network,
    held_out: ValidationSet,
    *,
    seed: int,
    batch_size: int,
    precision: Precision,
    processes: Processes | None = None,
) -> ValidationLoss:
    """Return the loss; the same numbers for the same weights, whatever the batch size.

    Processes take turns with the batches, and all return the same.

    Args:
        stage: what is measured.
        network: with these weights.
        held_out: on these pictures, at least one.
        seed: of the run.
        batch_size: pictures of one batch.
        precision: what the network computes in.
        processes: that share the work; None is this one on its own.
    """
    processes = Processes(stage.device) if processes is None else processes
    parts = list(held_out.parts(batch_size))
    measured: list[Tensor] = []
    for first in range(0, len(parts), processes.count):
        mine = min(first + processes.rank, len(parts) - 1)  # the last one again, if need be
        with autocast(stage.device, precision):
            found = _measured(stage, network, *parts[mine], len(held_out), seed)
        everyone = processes.gather(F.pad(found, (0, 0, 0, batch_size - len(found))))
        theirs = zip(torch.split(everyone, batch_size), parts[first:], strict=False)
        measured += [own[: len(numbers)] for own, (numbers, _) in theirs]
    losses, levels = torch.cat(measured).unbind(1)
    return summarised(losses, levels)


def _measured(
    stage: Stage, network: Network, numbers: range, part: ValidationSet, count: int, seed: int
) -> Tensor:
    """Return loss and log-SNR of some pictures of one shape, (B, 2), float64."""
    images = from_uint8(torch.stack(list(part.images)))
    sides = (images.shape[2], images.shape[3])
    draws = draw(stage, numbers, count, seed, "validation", sides).undropped()
    losses = stage_losses(stage, network, images, part.text, draws).double().cpu()
    return torch.stack([losses, stage.config.schedule.log_snr(draws.t.double())], dim=1)


def summarised(losses: Tensor, log_snr: Tensor) -> ValidationLoss:
    """Average losses over all samples, and over the quarters of them by log-SNR.

    Args:
        losses: of each sample, (N,).
        log_snr: of each sample, (N,); the draws are fixed, and so are the quarters.
    """
    order = log_snr.argsort(stable=True)
    parts = order.tensor_split(min(BINS, len(order)))
    return ValidationLoss(
        mean=float(losses.mean()),
        bins=[float(losses[part].mean()) for part in parts],
        edges=[float(log_snr[part[0]]) for part in parts] + [float(log_snr[order[-1]])],
    )
