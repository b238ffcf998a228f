"""T5's exercise: spans of a text are hidden behind sentinels, and the decoder writes them.

Source: Raffel et al. 2020 (arXiv:1910.10683), sec. 3.1.4. Only lists of token ids here; no network.
"""

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise

Ids = list[int]


def corrupt(
    ids: Sequence[int],
    sentinels: Sequence[int],
    source: random.Random,
    *,
    density: float = 0.15,
    mean_span: float = 3.0,
) -> tuple[Ids, Ids]:
    """Hide random spans of a text.

    Args:
        ids: at least two tokens, without the end of sequence.
        sentinels: the ids that stand for the first, second, ... hidden span.
        source: where the choice comes from.
        density: share of tokens to hide, in (0, 1).
        mean_span: their mean number in a row.

    Returns:
        The text with a sentinel for each hidden span; and each sentinel with what it hides.
    """
    inputs: Ids = []
    targets: Ids = []
    place = 0
    spans = draw_spans(len(ids), source, density=density, mean_span=mean_span)
    for sentinel, (start, stop) in zip(sentinels, spans, strict=False):
        inputs += [*ids[place:start], sentinel]
        targets += [sentinel, *ids[start:stop]]
        place = stop
    return [*inputs, *ids[place:]], targets


def draw_spans(
    length: int, source: random.Random, *, density: float, mean_span: float
) -> list[tuple[int, int]]:
    """Draw disjoint spans with at least one token between them; see :func:`corrupt`."""
    hidden = min(max(round(length * density), 1), length - 1)
    count = min(max(round(hidden / mean_span), 1), length - hidden)
    spans = _composition(hidden, count, source)
    # One more gap than spans; the outer two may be empty, hence the two borrowed tokens.
    gaps = _composition(length - hidden + 2, count + 1, source)
    edges = [-1, *accumulate(part for pair in zip(gaps, spans, strict=False) for part in pair)]
    return [(start - 1, stop - 1) for start, stop in zip(edges[1::2], edges[2::2], strict=True)]


def _composition(total: int, parts: int, source: random.Random) -> list[int]:
    """Split ``total`` into ``parts`` positive numbers, every way equally likely."""
    cuts = sorted(source.sample(range(1, total), parts - 1))
    return [stop - start for start, stop in pairwise([0, *cuts, total])]
