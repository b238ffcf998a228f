"""Captions embedded once: from a cache on disk, else by the encoder, which is then freed.

:func:`embed_captions` is the one entry. What it returns reads its rows through memory maps, a batch
at a time, so a data set's embeddings may be larger than memory.
"""

import gc
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from minimagen.conditioning import TextEmbedding
from minimagen.errors import ConfigError
from minimagen.text.captions import clean
from minimagen.text.encoders import (
    TextEncoder,
    TextEncoderConfig,
    encoder_identity,
    encoder_width,
    load_encoder,
)
from minimagen.text.segments import Array
from minimagen.text.store import Embedded, EmbeddingCache, Known, Shelf

Progress = Callable[[int, int], None]  # captions done, captions in all
Fill = Callable[[list[str]], None]
CHUNK = 512  # captions between two writes
_CALL = 64  # captions handed to the encoder at a time


class EmbeddingTable:
    """The embeddings of a data set's captions, read a batch at a time.

    A row is verified when it is first looked up; one that does not verify is embedded anew.

    Args:
        captions: different ones, as cleaned by :func:`minimagen.text.captions.clean`.
        shelf: holds a row for each.
        fill: embeds captions anew, into the shelf.

    Attributes:
        cut: how many different captions were longer than the encoder keeps.
    """

    def __init__(self, captions: Sequence[str], shelf: Shelf, fill: Fill) -> None:
        places = shelf.rows.find(captions)
        self.width = shelf.known.width
        self.cut = shelf.rows.count_cut(places)
        shelf.rows.touch(places)
        self._count = len(captions)
        self._shelf, self._fill = shelf, fill

    def __len__(self) -> int:
        """Return the number of different captions."""
        return self._count

    def __call__(self, captions: Sequence[str]) -> TextEmbedding:
        """Look captions up, padded to the longest; tokens (B, L, D), mask (B, L), L at least 1.

        Raises:
            KeyError: for a caption that was not embedded.
            ConfigError: when a row does not verify and the encoder cannot be had.
        """
        cleaned = [clean(caption) for caption in captions]
        places = self._shelf.rows.find(cleaned)
        if places.min(initial=0) < 0:
            raise KeyError(cleaned[int((places < 0).argmax())])
        if len(bad := self._shelf.rows.bad(places)):
            places = self._healed(cleaned, np.isin(places, bad))
        tokens, mask = self._shelf.rows.read(places)
        return TextEmbedding(torch.from_numpy(tokens), torch.from_numpy(mask))

    def _healed(self, captions: list[str], bad: Array) -> Array:
        """Embed the captions at the bad places anew, and return the places of all."""
        self._fill([captions[place] for place in np.flatnonzero(bad).tolist()])
        places = self._shelf.rows.find(captions)
        if len(self._shelf.rows.bad(places)):
            raise ConfigError(
                "cache of text embeddings: what was written a moment ago does not verify; set "
                "MINIMAGEN_CACHE to a directory on another disk"
            )
        return places


def embed_captions(
    config: TextEncoderConfig,
    captions: Sequence[str],
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    cache: EmbeddingCache | None = None,
) -> EmbeddingTable:
    """Embed captions, or read them from the cache.

    The encoder is loaded only for captions that the cache lacks, and freed before this returns.

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
    shelf = cache.open(identify(config, cache))

    def fill(missing: list[str]) -> None:
        if missing:
            _fill(shelf, config, missing, device, progress)

    fill(shelf.missing(unique))
    return EmbeddingTable(unique, shelf, fill)


def identify(config: TextEncoderConfig, cache: EmbeddingCache) -> Known:
    """Return the encoder's identity and width, from memory if its files are gone by now.

    Raises:
        ConfigError: when they are gone and were never noted.
    """
    try:
        known = Known(encoder_identity(config), encoder_width(config))
    except ConfigError:
        remembered = cache.recall(config)
        if remembered is None:
            raise
        return remembered
    cache.remember(config, known)
    return known


def chunks(captions: Sequence[str], size: int = CHUNK) -> Iterator[list[str]]:
    """Cut captions into what is written at a time, like lengths together."""
    ordered = sorted(captions, key=len)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def embed_chunk(encoder: TextEncoder, captions: Sequence[str]) -> dict[str, Embedded]:
    """Run the encoder on captions; a row for each."""
    rows: dict[str, Embedded] = {}
    for start in range(0, len(captions), _CALL):
        some = captions[start : start + _CALL]
        text, cut = encoder.encode(some), encoder.is_cut(some)
        for caption, tokens, mask, is_cut in zip(some, text.tokens, text.mask, cut, strict=True):
            rows[caption] = Embedded(tokens[mask].clone(), is_cut)
    return rows


def _fill(
    shelf: Shelf,
    config: TextEncoderConfig,
    captions: list[str],
    device: torch.device | str,
    progress: Progress | None,
) -> None:
    encoder = load_encoder(config, device)
    done = 0
    for chunk in chunks(captions):
        shelf.add(embed_chunk(encoder, chunk))
        done += len(chunk)
        if progress is not None:
            progress(done, len(captions))
    del encoder
    _free_memory()


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
