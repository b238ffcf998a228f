"""Embeddings on disk, at any size: files that are written once, read through memory maps.

The cache only ever saves time. A row that does not verify counts as absent; a place that cannot be
written, or a file in its place, is said once and done without. Writers share no file and hold no
lock, so processes, and machines with one directory, fill it together:

    embeddings/known/<hash>.json          what a configured encoder turned out to be
    embeddings/<hash of identity>/        encoder.json, and two files a segment:
        <number>-<digest>.f32 or .bf16      tokens, one behind the other
        <number>-<digest>.npy               where each caption's are, and their checksums
"""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from minimagen.cache import cache_directory, write_beside
from minimagen.config import dump
from minimagen.text.encoders import TextEncoderConfig
from minimagen.text.segments import Embedded, Rows, Segment, pack, read_segment

__all__ = ["Embedded", "EmbeddingCache", "Known", "Shelf", "cache_directory"]

PLACE = "embeddings"
_ENCODER = "encoder.json"
_OLD_FILE = "embeddings.sqlite"
_ABANDONED_SECONDS = 24 * 3600.0  # a file half written for so long has lost its writer
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """What an encoder is: its identity, and its numbers per token."""

    identity: str
    width: int


class EmbeddingCache:
    """Embeddings kept between runs, by encoder and caption.

    Args:
        directory: where they are; by default :func:`cache_directory`.

    Attributes:
        path: the directory of all encoders; None once the cache is done without.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.path: Path | None = None
        try:
            home = directory or cache_directory()
            self.path = home / PLACE
            is_new = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError) as error:
            self._do_without(error)
            return
        if is_new and (home / _OLD_FILE).exists():
            _log.warning("%s is of an earlier version and is not read; delete it", home / _OLD_FILE)

    def open(self, known: Known) -> "Shelf":
        """Open the rows of one encoder; they count as used from now on."""
        segments: list[Segment] = []
        if self.path is not None:
            shelf = self.path / _hashed(known.identity)
            _sweep(shelf)
            found = (read_segment(path, known.width) for path in sorted(shelf.glob("*-*.npy")))
            segments = [segment for segment in found if segment is not None]
        return Shelf(self, known, segments)

    def write(self, known: Known, rows: dict[str, Embedded], number: int = 0) -> Segment:
        """Keep embeddings, on disk if it goes along.

        Args:
            known: the encoder.
            rows: by caption.
            number: segments of a greater number take the place of others' rows.

        Returns:
            The rows as they are to be read from now on.
        """
        segment = replace(pack(rows, known.width), number=number)
        if self.path is None:
            return segment
        shelf = self.path / _hashed(known.identity)
        try:
            if not (shelf / _ENCODER).exists():
                shelf.mkdir(exist_ok=True)
                write_beside(shelf / _ENCODER, json.dumps(asdict(known)).encode())
            written = read_segment(segment.write(shelf, write_beside), known.width)
        except OSError as error:
            self._do_without(error)
            return segment
        return segment if written is None else written

    def remember(self, config: TextEncoderConfig, known: Known) -> None:
        """Note what a configured encoder turned out to be."""
        if self.path is None or self.recall(config) == known:
            return
        try:
            (self.path / "known").mkdir(exist_ok=True)
            write_beside(self._known(self.path, config), json.dumps(asdict(known)).encode())
        except OSError as error:
            self._do_without(error)

    def recall(self, config: TextEncoderConfig) -> Known | None:
        """Return what was last noted of a configured encoder."""
        return None if self.path is None else read_known(self._known(self.path, config))

    @staticmethod
    def _known(path: Path, config: TextEncoderConfig) -> Path:
        return path / "known" / f"{_hashed(dump(config))}.json"

    def _do_without(self, error: Exception) -> None:
        _log.warning(
            "no cache of text embeddings at %s (%s); captions are embedded anew. Make room there, "
            "or set MINIMAGEN_CACHE to a directory that can be written",
            self.path or "the user's home",
            error,
        )
        self.path = None


class Shelf:
    """The rows of one encoder, as they are and as they come.

    Args:
        cache: takes new rows.
        known: the encoder.
        segments: what is there.
    """

    def __init__(self, cache: EmbeddingCache, known: Known, segments: Sequence[Segment]) -> None:
        self.known = known
        self._cache = cache
        self._segments = list(segments)
        self._number = 1 + max((segment.number for segment in segments), default=0)
        self._rows: Rows | None = None

    @property
    def rows(self) -> Rows:
        """All rows; those that :meth:`add` was given last count."""
        if self._rows is None:
            self._rows = Rows(self._segments, self.known.width)
        return self._rows

    def missing(self, captions: Sequence[str]) -> list[str]:
        """List the captions that have no row."""
        places = self.rows.find(captions).tolist()
        return [caption for caption, place in zip(captions, places, strict=True) if place < 0]

    def add(self, rows: dict[str, Embedded]) -> None:
        """Keep new rows; they take the place of those of the same captions."""
        self._segments.append(self._cache.write(self.known, rows, self._number))
        self._rows = None


def read_known(path: Path) -> Known | None:
    """Read what an encoder is; None when that file is absent or damaged."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return Known(str(tree["identity"]), int(tree["width"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _sweep(shelf: Path) -> None:
    """Remove what killed writers left: half-made files, and tokens that no index came to."""
    for path in shelf.glob("*"):
        half_made = path.suffix == ".tmp"
        orphan = path.suffix in (".f32", ".bf16") and not path.with_suffix(".npy").exists()
        try:
            if (half_made or orphan) and time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                path.unlink()
        except OSError:  # another process was quicker, or the place is for reading only
            continue


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
