"""Embeddings on disk: one sqlite file, many readers and writers, every row with its checksum.

The cache only ever saves time. A row that does not verify counts as absent; a place that cannot be
written, or a file that is no database, is said once and done without.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from minimagen.cache import cache_directory
from minimagen.config import dump
from minimagen.text.encoders import TextEncoderConfig

T = TypeVar("T")
Row = tuple[bytes, int, int, bytes, bytes]  # caption's key, length, is_cut, tokens, checksum
_FILE = "embeddings.sqlite"
_WAIT_SECONDS = 30.0  # for another process's write
_QUESTION = 500  # captions asked for at a time; sqlite allows 999 or more
_SCHEMA = """
CREATE TABLE IF NOT EXISTS embeddings (
    encoder TEXT, caption BLOB, length INTEGER, is_cut INTEGER, tokens BLOB, checksum BLOB,
    PRIMARY KEY (encoder, caption));
CREATE TABLE IF NOT EXISTS encoders (config TEXT PRIMARY KEY, identity TEXT, width INTEGER);
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Embedded:
    """One caption as the encoder sees it.

    Args:
        tokens: (L, D), float32; no padding, so L is 0 for an empty caption.
        is_cut: whether the caption had more tokens than were kept.
    """

    tokens: Tensor
    is_cut: bool


class EmbeddingCache:
    """Embeddings kept between runs, by encoder and caption.

    Args:
        directory: where the file is; by default :func:`cache_directory`.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._path: Path | None = None
        try:
            self._path = (directory or cache_directory()) / _FILE
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError) as error:
            self._do_without(error)
        self._ask(lambda database: database.executescript(_SCHEMA), None)

    def read(self, encoder: str, width: int, captions: Sequence[str]) -> dict[str, Embedded]:
        """Return what is kept of these captions; rows that do not verify are left out."""
        by_key = {_key(caption): caption for caption in captions}
        nothing: list[Row] = []
        rows = self._ask(lambda database: list(_select(database, encoder, list(by_key))), nothing)
        return {
            by_key[row[0]]: Embedded(_unpack(row[3], row[1], width), bool(row[2]))
            for row in rows
            if _verifies(encoder, width, row)
        }

    def write(self, encoder: str, rows: dict[str, Embedded]) -> None:
        """Keep embeddings; those of the same captions are replaced."""
        values = [_values(encoder, caption, row) for caption, row in rows.items()]
        command = "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?, ?)"
        self._ask(lambda database: database.executemany(command, values), None)

    def remember(self, config: TextEncoderConfig, identity: str, width: int) -> None:
        """Note what a configured encoder turned out to be."""
        values = (dump(config), identity, width)
        command = "INSERT OR REPLACE INTO encoders VALUES (?, ?, ?)"
        if self.recall(config) != values[1:]:
            self._ask(lambda database: database.execute(command, values), None)

    def recall(self, config: TextEncoderConfig) -> tuple[str, int] | None:
        """Return the identity and width that were last noted for a configured encoder."""
        question = "SELECT identity, width FROM encoders WHERE config = ?"
        found: tuple[str, int] | None = self._ask(
            lambda database: database.execute(question, (dump(config),)).fetchone(), None
        )
        return found

    def _ask(self, act: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Run one transaction; give up the cache for good when the disk does not go along."""
        if self._path is None:
            return otherwise
        try:
            with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS)) as database, database:
                return act(database)
        except (sqlite3.Error, OSError) as error:
            self._do_without(error)
            return otherwise

    def _do_without(self, error: Exception) -> None:
        _log.warning(
            "no cache of text embeddings at %s (%s); captions are embedded anew. Remove that file, "
            "or set MINIMAGEN_CACHE to a directory that can be written",
            self._path or "the user's home",
            error,
        )
        self._path = None


def _select(database: sqlite3.Connection, encoder: str, keys: list[bytes]) -> Iterator[Row]:
    for start in range(0, len(keys), _QUESTION):
        some = keys[start : start + _QUESTION]
        marks = ", ".join("?" * len(some))
        yield from database.execute(
            "SELECT caption, length, is_cut, tokens, checksum FROM embeddings "
            f"WHERE encoder = ? AND caption IN ({marks})",
            (encoder, *some),
        )


def _values(
    encoder: str, caption: str, row: Embedded
) -> tuple[str, bytes, int, bool, bytes, bytes]:
    tokens = row.tokens.numpy().astype("<f4").tobytes()
    key, length = _key(caption), len(row.tokens)
    return (
        encoder,
        key,
        length,
        row.is_cut,
        tokens,
        _checksum(encoder, key, length, row.is_cut, tokens),
    )


def _verifies(encoder: str, width: int, row: Row) -> bool:
    match row:
        case (bytes(key), int(length), int(is_cut), bytes(tokens), bytes(checksum)):
            right = checksum == _checksum(encoder, key, length, is_cut, tokens)
            return right and len(tokens) == 4 * length * width
    return False  # sqlite lets a damaged row hold any type


def _key(caption: str) -> bytes:
    return hashlib.sha256(caption.encode()).digest()


def _checksum(encoder: str, key: bytes, length: int, is_cut: int, tokens: bytes) -> bytes:
    head = f"{encoder}|{length}|{int(is_cut)}|".encode()
    return hashlib.blake2b(head + key + tokens, digest_size=16).digest()


def _unpack(tokens: bytes, length: int, width: int) -> Tensor:
    values = np.frombuffer(tokens, dtype="<f4").astype(np.float32).reshape(length, width)
    return torch.from_numpy(values)
