"""Captions embedded ahead of time, by several processes.

Each process has an encoder of its own and writes files of its own; nothing is handed back but how
many captions are done. What a killed process had written stays, and is not embedded again.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import cache

import torch

from minimagen.errors import TrainingError
from minimagen.text.cache import CHUNK, chunks, embed_chunk, identify
from minimagen.text.captions import clean
from minimagen.text.encoders import TextEncoder, TextEncoderConfig, load_encoder
from minimagen.text.segments import caption_key
from minimagen.text.store import EmbeddingCache


def missing_captions(
    config: TextEncoderConfig,
    captions: Sequence[str],
    cache: EmbeddingCache,
    share: tuple[int, int] = (1, 1),
) -> list[str]:
    """List the captions that the cache lacks, or one's share of them.

    Args:
        config: the text encoder.
        captions: any strings.
        cache: where embeddings are kept.
        share: (3, 8) is the third eighth. Which share a caption belongs to follows from itself.

    Raises:
        ConfigError: when the encoder is not here and never was.
    """
    number, of = share
    unique = dict.fromkeys(map(clean, captions))
    own = [c for c in unique if int.from_bytes(caption_key(c)[:8], "big") % of == number - 1]
    return cache.open(identify(config, cache)).missing(own)


def fill(
    config: TextEncoderConfig, captions: Sequence[str], devices: Sequence[str]
) -> Iterator[int]:
    """Embed captions into the user's cache; gives the number of captions of each piece done.

    Args:
        config: the text encoder.
        captions: as :func:`missing_captions` lists them.
        devices: one for each process; a single one is this process's own.

    Raises:
        ConfigError: when the encoder cannot be had.
        TrainingError: when a process dies, or the cache cannot be written.
    """
    pieces = list(chunks(captions, _size(len(captions), len(devices))))
    if len(devices) == 1:
        yield from (_embed(config, devices[0], piece) for piece in pieces)
        return
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = [
            ProcessPoolExecutor(1, context, torch.set_num_threads, (threads,)) for _ in devices
        ]
        for pool in pools:
            stack.callback(pool.shutdown, cancel_futures=True)
        work = [
            pools[i % len(pools)].submit(_embed, config, devices[i % len(pools)], piece)
            for i, piece in enumerate(pieces)
        ]
        try:
            yield from (finished.result() for finished in as_completed(work))
        except BrokenProcessPool:
            raise TrainingError(
                "embed: a process died; what was done is kept. Start it again, with fewer "
                "--PROCESSES if memory ran out"
            ) from None


def _size(captions: int, processes: int) -> int:
    """Return how many captions are written at a time: at least four turns for each process."""
    return max(1, min(CHUNK, -(-captions // (4 * processes))))


def _embed(config: TextEncoderConfig, device: str, captions: list[str]) -> int:
    """Embed one piece in whatever process this is."""
    place = EmbeddingCache()
    known = identify(config, place)
    place.write(known, embed_chunk(_encoder(config, device), captions))
    if place.path is None:
        raise TrainingError("embed: the cache cannot be written, so there is nothing to fill")
    return len(captions)


@cache
def _encoder(config: TextEncoderConfig, device: str) -> TextEncoder:
    """Load an encoder once a process."""
    return load_encoder(config, device)
