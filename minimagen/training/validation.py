"""The loss on held-out pictures: averaged weights, fixed draws, nothing dropped, no gradients."""

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
        images: uint8, (N, 3, S, S).
        text: their captions; None for an unconditional cascade.
        captions: the same, as strings.
    """

    images: Tensor
    text: TextEmbedding | None
    captions: tuple[str, ...]

    def __len__(self) -> int:
        """Return N."""
        return len(self.images)


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
    starts = range(0, len(held_out), batch_size)
    measured = []
    for first in range(0, len(starts), processes.count):
        mine = min(first + processes.rank, len(starts) - 1)  # the last one again, if need be
        start = starts[mine]
        rows = slice(start, min(start + batch_size, len(held_out)))
        with autocast(stage.device, precision):
            found = _measured(stage, network, held_out, rows, seed)
        padding = (0, 0, 0, batch_size - len(found))
        measured.append(processes.gather(F.pad(found, padding)))
    losses, levels = torch.cat(measured)[: len(held_out)].unbind(1)
    return summarised(losses, levels)


def _measured(
    stage: Stage, network: Network, held_out: ValidationSet, rows: slice, seed: int
) -> Tensor:
    """Return loss and log-SNR of some pictures, (B, 2), float64."""
    numbers = range(rows.start, rows.stop)
    draws = draw(stage, numbers, len(held_out), seed, "validation").undropped()
    text = None if held_out.text is None else held_out.text[rows]
    images = from_uint8(held_out.images[rows])
    losses = stage_losses(stage, network, images, text, draws).double().cpu()
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
