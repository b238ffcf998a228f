"""How a word's weight acts on an embedding.

An encoder puts a word into every token that reads it, so weighing the word's own tokens alone does
next to nothing (measured in docs/how-to/write-captions.md). What a word of weight w changes in
the other tokens is scaled by w, and its own tokens are attended to as if each stood there w times:

    tokens(w) = tokens + (w - 1) (tokens - tokens without the word)

Several weighted words add up. No network is asked more often; the encoder is, once a word.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import torch
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.text.encoders import TextEncoder
from minimagen.text.prompts import Prompt, Weight

Span = tuple[int, int]


def encode_prompts(encoder: TextEncoder, prompts: Sequence[Prompt]) -> TextEmbedding:
    """Embed prompts; without weights this is ``encoder.encode`` of their texts, to the bit.

    Args:
        encoder: reads them.
        prompts: repeated ones cost nothing if any is weighted.

    Returns:
        tokens (B, L, D), mask (B, L), and weights (B, L) if any prompt has some.
    """
    if not any(prompt.weights for prompt in prompts):
        return encoder.encode([prompt.text for prompt in prompts])
    places = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompts))}
    text = encoder.encode([prompt.text for prompt in places])
    tokens, weights = text.tokens.clone(), torch.ones(text.mask.shape)
    for prompt, row in places.items():
        length = int(text.mask[row].sum())
        spans = encoder.spans(prompt.text)[:length]
        weights[row, :length] = torch.tensor([_weight(span, prompt.weights) for span in spans])
        tokens[row, :length] = _reweighted(encoder, prompt, spans, text.tokens[row, :length])
    rows = torch.tensor([places[prompt] for prompt in prompts])
    return TextEmbedding(tokens, text.mask, weights)[rows]


def _weight(span: Span, weights: Sequence[Weight]) -> float:
    """Return the weight of the first characters of a token that have one."""
    return next((w.value for w in weights if w.start < span[1] and span[0] < w.end), 1.0)


def _reweighted(
    encoder: TextEncoder, prompt: Prompt, spans: Sequence[Span], tokens: Tensor
) -> Tensor:
    """Scale what each weighted word changes in the tokens (L, D) that are not its own."""
    shorter = [without(prompt.text, weight) for weight in prompt.weights]
    changed = tokens.clone()
    for weight, text, other in zip(
        prompt.weights, shorter, encoder.encode(shorter).tokens, strict=True
    ):
        edge, gap = min(weight.start, len(text)), len(prompt.text) - len(text)
        moved = [_moved(span, edge, gap) for span in encoder.spans(text)]
        for here, there in _matching(spans, moved):
            changed[here] += (weight.value - 1) * (tokens[here] - other[there])
    return changed


def without(text: str, weight: Weight) -> str:
    """Take a word out, and one of the spaces around it."""
    before, after = text[: weight.start], text[weight.end :]
    if not before or before.endswith(" "):
        after = after.removeprefix(" ")
    return (before + after).rstrip()


def _moved(span: Span, edge: int, gap: int) -> Span:
    """Say where a token of the shorter text stands in the whole one."""
    return span if span[0] < edge else (span[0] + gap, span[1] + gap)


def _matching(spans: Sequence[Span], moved: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Pair the places of equal spans."""
    for block in SequenceMatcher(None, spans, moved, autojunk=False).get_matching_blocks():
        yield from ((block.a + i, block.b + i) for i in range(block.size))
