"""Which part of a picture reads which token of its caption."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from minimagen.looking.moments import Moment, plain
from minimagen.models.attention import CrossAttention
from minimagen.stage import Stage

NULL = "(null)"  # the token that every network has before the caption's own


@dataclass(frozen=True)
class Reading:
    """What one layer read.

    Args:
        layer: its name in the network, such as ``middle_block.read``.
        weights: of each token for each position and head, (B, h, H, W, L); they sum to 1 over L.
            The first token is the null token.
    """

    layer: str
    weights: Tensor


@contextmanager
def reading(network: nn.Module) -> Iterator[list[Reading]]:
    """Note what every layer reads while a network is asked.

    The weights are computed once more beside the network's own, which never come to light; the
    answer is the same to the bit.
    """
    readings: list[Reading] = []

    def note(name: str, layer: CrossAttention, told: tuple[Tensor, ...]) -> None:
        readings.append(Reading(name, layer.weights(*told)))  # type: ignore[arg-type]

    layers = [(n, m) for n, m in network.named_modules() if isinstance(m, CrossAttention)]
    hooks = [layer.register_forward_pre_hook(partial(note, name)) for name, layer in layers]
    try:
        yield readings
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def readings_at(stage: Stage, moment: Moment) -> list[Reading]:
    """Ask a stage's network about one moment, without guidance, and return what it read."""
    with reading(stage.network) as readings:
        t = torch.full((len(moment.x_t),), moment.t, dtype=torch.float64)
        plain(stage, moment.cond)(moment.x_t, t)
    return readings


@torch.no_grad()
def attention_maps(stage: Stage, moments: Sequence[Moment]) -> dict[int, Tensor]:
    """Return how much each position reads each token, for every level of the network that reads.

    They are averages over moments, heads and the layers of a level.

    Args:
        stage: its network.
        moments: of this stage, all of the same pictures.

    Returns:
        Maps (B, L, H, W) by the side of a position in pixels; the first token is the null token,
        and over L they sum to 1. Empty for a network that reads no text.
    """
    found: dict[int, list[Tensor]] = {}
    for moment in moments:
        for one in readings_at(stage, moment):
            maps = one.weights.mean(dim=1).movedim(-1, 1).float()  # (B, L, H, W)
            found.setdefault(moment.x_t.shape[-1] // maps.shape[-1], []).append(maps)
    return {side: torch.stack(maps).mean(dim=0) for side, maps in sorted(found.items())}
