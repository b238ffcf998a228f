"""Captions embedded once: from a cache on disk, else by the encoder, which is then freed.

:func:`embed_captions` is the one entry. What it returns holds all embeddings in memory, so a
training step costs neither disk nor encoder.
"""

import gc
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.errors import ConfigError
from minimagen.text.captions import clean
from minimagen.text.encoders import (
    TextEncoderConfig,
    encoder_identity,
    encoder_width,
    load_encoder,
)
from minimagen.text.store import Embedded, EmbeddingCache

Progress = Callable[[int, int], None]  # captions done, captions in all
_CHUNK = 512  # captions between two writes


class EmbeddingTable:
    """The embeddings of a data set's captions, in memory.

    Args:
        rows: an embedding for each caption, as cleaned by :func:`minimagen.text.captions.clean`.
        width: numbers per token, D.

    Attributes:
        cut: how many different captions were longer than the encoder keeps.
    """

    def __init__(self, rows: dict[str, Embedded], width: int) -> None:
        self.width = width
        self.cut = sum(row.is_cut for row in rows.values())
        self._places = {caption: place for place, caption in enumerate(rows)}
        lengths = torch.tensor([len(row.tokens) for row in rows.values()], dtype=torch.int64)
        self._ends = lengths.cumsum(0)  # (captions,)
        self._lengths = lengths
        packed = [row.tokens for row in rows.values()]
        self._tokens = torch.cat(packed) if packed else torch.zeros(0, width)  # (all tokens, D)

    def __len__(self) -> int:
        """Return the number of different captions."""
        return len(self._places)

    def __call__(self, captions: Sequence[str]) -> TextEmbedding:
        """Look captions up, padded to the longest; tokens (B, L, D), mask (B, L), L at least 1.

        Raises:
            KeyError: for a caption that was not embedded.
        """
        numbers = [self._places[clean(caption)] for caption in captions]
        places = torch.tensor(numbers, dtype=torch.int64)
        lengths = self._lengths[places]  # (B,)
        mask = torch.arange(max(1, *lengths.tolist(), 1)) < lengths[:, None]  # (B, L)
        tokens = torch.zeros(*mask.shape, self.width)
        tokens[mask] = torch.cat([self._row(int(place)) for place in places] or [self._tokens[:0]])
        return TextEmbedding(tokens, mask)

    def _row(self, place: int) -> Tensor:
        end = int(self._ends[place])
        return self._tokens[end - int(self._lengths[place]) : end]


def embed_captions(
    config: TextEncoderConfig,
    captions: Sequence[str],
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    cache: EmbeddingCache | None = None,
) -> EmbeddingTable:
    """Embed captions, each different one once.

    The encoder is loaded only if the cache lacks some, and is freed before this returns.

    Args:
        config: the text encoder.
        captions: any strings; repeated ones cost nothing.
        device: where the encoder runs.
        progress: told how many of the missing captions are done.
        cache: where embeddings are kept; by default the user's own.

    Raises:
        ConfigError: when captions are missing and the encoder cannot be had.
    """
    cache = cache or EmbeddingCache()
    unique = list(dict.fromkeys(map(clean, captions)))
    identity, width = _identify(config, cache)
    rows = cache.read(identity, width, unique)
    missing = [caption for caption in unique if caption not in rows]
    if missing:
        rows |= _embed_missing(config, missing, device, progress, cache)
    return EmbeddingTable({caption: rows[caption] for caption in unique}, width)


def _identify(config: TextEncoderConfig, cache: EmbeddingCache) -> tuple[str, int]:
    """Return the encoder's identity and width, from memory if its files are gone by now."""
    try:
        identity, width = encoder_identity(config), encoder_width(config)
    except ConfigError:
        known = cache.recall(config)
        if known is None:
            raise
        return known
    cache.remember(config, identity, width)
    return identity, width


def _embed_missing(
    config: TextEncoderConfig,
    captions: list[str],
    device: torch.device | str,
    progress: Progress | None,
    cache: EmbeddingCache,
) -> dict[str, Embedded]:
    encoder = load_encoder(config, device)
    rows: dict[str, Embedded] = {}
    for start in range(0, len(captions), _CHUNK):
        chunk = captions[start : start + _CHUNK]
        text, cut = encoder.encode(chunk), encoder.is_cut(chunk)
        new = {
            caption: Embedded(tokens[mask].clone(), is_cut)
            for caption, tokens, mask, is_cut in zip(
                chunk, text.tokens, text.mask, cut, strict=True
            )
        }
        cache.write(encoder.identity, new)
        rows |= new
        if progress is not None:
            progress(len(rows), len(captions))
    del encoder
    _free_memory()
    return rows


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
