"""Captions to padded batches, in network calls whose shape no other caption can change.

Every call has one of few fixed shapes. So an embedding depends on its caption alone, to the last
bit on a CPU, and a cache that holds some of the captions already changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from minimagen.conditioning import TextEmbedding

ROWS = 16  # captions in one network call, always
LENGTH_STEP = 8  # calls are padded to a multiple of this many tokens

Ids = list[int]
Call = Callable[[Tensor, Tensor], TextEmbedding]  # ids (ROWS, L), mask (ROWS, L)


def in_fixed_shapes(ids: Sequence[Ids], longest: int, call: Call) -> list[Tensor]:
    """Run a network on token ids.

    Args:
        ids: of each caption; none for an empty one.
        longest: most tokens the network takes.
        call: the network; what it returns may have another length.

    Returns:
        The tokens of each caption without padding, (L_i, D); for a caption without ids no row at
        all, (0, 0).
    """
    rows = [torch.zeros(0, 0)] * len(ids)
    for places in _calls([len(own) for own in ids]):
        text = call(*_padded([ids[place] for place in places], longest))
        for row, place in enumerate(places):
            rows[place] = text.tokens[row][text.mask[row]]
    return rows


def stacked(rows: Sequence[Tensor], width: int) -> TextEmbedding:
    """Pad captions to the longest; tokens (B, L, D), mask (B, L), L at least 1.

    Args:
        rows: of each caption the tokens, (L_i, D); any empty tensor is null text.
        width: D.
    """
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    longest = max([1, *lengths.tolist()])
    full = [row for row in rows if len(row)]
    mask = torch.arange(longest) < lengths[:, None]
    if not full:
        return TextEmbedding(torch.zeros(*mask.shape, width), mask)
    mask = mask.to(full[0].device)
    tokens = full[0].new_zeros(*mask.shape, width)
    return TextEmbedding(tokens.masked_scatter(mask[..., None], torch.cat(full)), mask)


def _calls(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group captions of one padded length, ROWS at a time."""
    groups: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        if length:
            groups.setdefault(_round_up(length), []).append(place)
    for places in groups.values():
        for start in range(0, len(places), ROWS):
            yield places[start : start + ROWS]


def _padded(ids: Sequence[Ids], longest: int) -> tuple[Tensor, Tensor]:
    """Pad at most ROWS captions to one fixed shape; ids and mask, (ROWS, L)."""
    length = min(_round_up(max(map(len, ids))), longest)
    inputs = torch.zeros(ROWS, length, dtype=torch.int64)
    mask = torch.zeros(ROWS, length, dtype=torch.int64)
    for row, own in enumerate(ids):
        inputs[row, : len(own)] = torch.tensor(own)
        mask[row, : len(own)] = 1
    return inputs, mask


def _round_up(length: int) -> int:
    return -(-length // LENGTH_STEP) * LENGTH_STEP
