"""What the embedding cache holds, and how it is made smaller: what was used longest ago goes first.

A segment counts as used when a run opened it. Removing is safe at any moment: a run that reads a
segment keeps its map, and one that comes later embeds those captions anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minimagen.errors import UsageError
from minimagen.text.store import EmbeddingCache, read_known


@dataclass(frozen=True)
class Held:
    """A segment as it lies on disk.

    Args:
        index: its path.
        captions: how many it holds; 0 if it cannot be read.
        size: bytes of its files.
        used: when it was last used, in seconds since 1970.
    """

    index: Path
    captions: int
    size: int
    used: float


@dataclass(frozen=True)
class HeldEncoder:
    """An encoder's part of the cache.

    Args:
        name: of its directory.
        identity: what the encoder is.
        segments: its files.
    """

    name: str
    identity: str
    segments: tuple[Held, ...]

    @property
    def captions(self) -> int:
        """How many captions there are, those that two processes embedded counted twice."""
        return sum(segment.captions for segment in self.segments)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self.segments)

    @property
    def used(self) -> float:
        """When it was last used, in seconds since 1970; 0 if it holds nothing."""
        return max((segment.used for segment in self.segments), default=0.0)


def list_held(cache: EmbeddingCache) -> list[HeldEncoder]:
    """List what the cache holds, the encoder used last first."""
    if cache.path is None:
        return []
    shelves = sorted(path.parent for path in cache.path.glob("*/encoder.json"))
    return sorted(map(_held_encoder, shelves), key=lambda held: -held.used)


def evict(cache: EmbeddingCache, limit: int, encoder: str | None = None) -> int:
    """Remove the segments used longest ago until the rest fits.

    Args:
        cache: which.
        limit: bytes that may stay.
        encoder: the beginning of an encoder's name in :func:`list_held`: it alone is looked at.

    Returns:
        Bytes removed.

    Raises:
        UsageError: when no encoder, or more than one, has such a name.
    """
    held = list_held(cache)
    if encoder is not None:
        held = [_named(encoder, held)]
    segments = sorted((s for one in held for s in one.segments), key=lambda segment: segment.used)
    too_many = sum(segment.size for segment in segments) - limit
    removed = 0
    for segment in segments:
        if removed >= too_many:
            break
        _remove(segment.index)
        removed += segment.size
    return removed


def _named(start: str, held: Sequence[HeldEncoder]) -> HeldEncoder:
    found = [one for one in held if one.name.startswith(start)]
    if len(found) != 1:
        names = ", ".join(one.name[:8] for one in held) or "none"
        raise UsageError(
            f"--ENCODER {start}: {len(found)} encoders in the cache have such a name; "
            f"there are {names}"
        )
    return found[0]


def _held_encoder(shelf: Path) -> HeldEncoder:
    known = read_known(shelf / "encoder.json")
    identity = known.identity if known else "cannot be read"
    return HeldEncoder(shelf.name, identity, tuple(_segments(shelf)))


def _segments(shelf: Path) -> Iterator[Held]:
    for index in sorted(shelf.glob("*-*.npy")):
        try:
            size = sum(path.stat().st_size for path in shelf.glob(f"{index.stem}.*"))
            yield Held(index, _count(index), size, index.stat().st_mtime)
        except FileNotFoundError:  # another process removed it
            continue


def _count(index: Path) -> int:
    try:
        return len(np.load(index, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return 0


def _remove(index: Path) -> None:
    """Remove a segment, its index first, so that it is never half there."""
    try:
        for path in (index, *index.parent.glob(f"{index.stem}.*")):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{index}: cannot be removed ({error.strerror})") from None
