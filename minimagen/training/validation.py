"""The loss on held-out pictures: averaged weights, fixed draws, nothing dropped, no gradients."""

from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.diffusion import Network
from minimagen.runtime import Precision, autocast
from minimagen.stage import Stage
from minimagen.tensors import from_uint8
from minimagen.training.draws import draw
from minimagen.training.step import stage_losses


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


@torch.no_grad()
def validation_loss(
    stage: Stage,
    network: Network,
    held_out: ValidationSet,
    *,
    seed: int,
    batch_size: int,
    precision: Precision,
) -> float:
    """Return the mean loss; the same number for the same weights, whatever the batch size."""
    losses = []
    for start in range(0, len(held_out), batch_size):
        rows = slice(start, min(start + batch_size, len(held_out)))
        numbers = range(rows.start, rows.stop)
        draws = draw(stage, numbers, len(held_out), seed, "validation")
        draws = draws.undropped()
        text = None if held_out.text is None else held_out.text[rows]
        with autocast(stage.device, precision):
            images = from_uint8(held_out.images[rows])
            losses.append(stage_losses(stage, network, images, text, draws).double().cpu())
    return float(torch.cat(losses).mean())
