"""A segment of the embedding cache: some captions' tokens in one file, and where each one's are.

Both files are written once. The index carries the digest of its own bytes in its name and a
checksum of each row's tokens, so all that is read is verified: the index at opening, a row when it
is first looked up. Tokens are kept in two bytes a number where that loses nothing.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array: TypeAlias = NDArray[Any]
Replace: TypeAlias = Callable[[Path, bytes], None]
_INDEX = np.dtype(
    [("key", "S16"), ("start", "<i8"), ("length", "<i4"), ("is_cut", "?"), ("checksum", "<u8")]
)
_STORED: dict[str, np.dtype[Any]] = {".f32": np.dtype("<f4"), ".bf16": np.dtype("<u2")}


@dataclass(frozen=True)
class Embedded:
    """One caption as the encoder sees it.

    Args:
        tokens: (L, D), float32; no padding, so L is 0 for an empty caption.
        is_cut: whether the caption had more tokens than were kept.
    """

    tokens: Tensor
    is_cut: bool


@dataclass(frozen=True)
class Segment:
    """Some captions' rows.

    Args:
        index: a record a caption.
        tokens: (all tokens, D), as stored; in memory, or mapped from a file.
        suffix: of the file of tokens: how numbers are stored.
        number: a greater one takes the place of others' rows.
        path: its index; None in memory.
    """

    index: Array
    tokens: Array
    suffix: str
    number: int = 0
    path: Path | None = None

    def write(self, shelf: Path, replace: Replace) -> Path:
        """Write both files into a directory, the index last, and return the index.

        Raises:
            OSError: when the disk does not go along.
        """
        content = io.BytesIO()
        np.save(content, self.index, allow_pickle=False)
        name = f"{self.number:08d}-{_digest(shelf, content.getvalue())}"
        replace(shelf / f"{name}{self.suffix}", self.tokens.tobytes())
        replace(shelf / f"{name}.npy", content.getvalue())
        return shelf / f"{name}.npy"

    def touch(self) -> None:
        """Note that it is in use; a place for reading only forgets it."""
        if self.path is not None:
            try:
                os.utime(self.path)
            except OSError:
                return


class Rows:
    """The rows of many segments, found by caption.

    Args:
        segments: of one encoder; of two rows of a caption the later segment's counts.
        width: numbers per token, D.
    """

    def __init__(self, segments: Sequence[Segment], width: int) -> None:
        self.segments = sorted(segments, key=lambda segment: segment.number)
        self._width = width
        index = np.concatenate([np.zeros(0, _INDEX), *(s.index for s in self.segments)])
        sizes = [len(segment.index) for segment in self.segments]
        order = np.argsort(index["key"], kind="stable")
        order = order[_last_of_equals(index["key"][order])]
        self._keys = index["key"][order]  # sorted
        self._segment = np.repeat(np.arange(len(sizes)), sizes)[order]
        self._start, self._length = index["start"][order], index["length"][order]
        self._is_cut, self._checksum = index["is_cut"][order], index["checksum"][order]
        self._verified = np.zeros(len(order), bool)

    def find(self, captions: Sequence[str]) -> Array:
        """Return the place of each caption, -1 where it has none; (B,)."""
        keys = np.array([caption_key(caption) for caption in captions], "S16")
        if not len(self._keys) or not len(keys):
            return np.full(len(keys), -1)
        places = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        found: Array = np.where(self._keys[places] == keys, places, -1)
        return found

    def bad(self, places: Array) -> Array:
        """Return those of the places whose tokens do not verify; each is read once."""
        unseen = places[~self._verified[places]]
        found = [_checksum(stored.tobytes()) for stored in self._stored(unseen)]
        right = np.array(found, np.uint64) == self._checksum[unseen]
        self._verified[unseen] = right
        bad: Array = unseen[~right]
        return bad

    def read(self, places: Array) -> tuple[Array, Array]:
        """Return tokens (B, L, D), float32 and zero where padded, and their mask (B, L)."""
        lengths = self._length[places]
        tokens = np.zeros((len(places), max(1, lengths.max(initial=0)), self._width), np.float32)
        for row, stored in enumerate(self._stored(places)):
            tokens[row, : len(stored)] = _as_float(stored)
        return tokens, np.arange(tokens.shape[1]) < lengths[:, None]

    def count_cut(self, places: Array) -> int:
        """Count the captions that were longer than the encoder keeps."""
        return int(self._is_cut[places].sum())

    def touch(self, places: Array) -> None:
        """Note that the segments of these places are in use."""
        for number in np.unique(self._segment[places]).tolist():
            self.segments[number].touch()

    def _stored(self, places: Array) -> Iterator[Array]:
        """Cut out the tokens at each place, as they are stored."""
        starts = self._start[places]
        ends = (starts + self._length[places]).tolist()
        for number, start, end in zip(
            self._segment[places].tolist(), starts.tolist(), ends, strict=True
        ):
            yield self.segments[number].tokens[start:end]


def pack(rows: dict[str, Embedded], width: int) -> Segment:
    """Lay rows one behind the other, in two bytes a number where that loses nothing."""
    packed = torch.cat([torch.zeros(0, width), *(row.tokens for row in rows.values())])
    rounded = packed.bfloat16()
    suffix = ".bf16" if torch.equal(rounded.float(), packed) else ".f32"
    stored = rounded.view(torch.uint16) if suffix == ".bf16" else packed
    tokens = stored.numpy().astype(_STORED[suffix], copy=False)
    index = np.zeros(len(rows), _INDEX)
    start = 0
    for place, (caption, row) in enumerate(rows.items()):
        end = start + len(row.tokens)
        checksum = _checksum(tokens[start:end].tobytes())
        index[place] = (caption_key(caption), start, end - start, row.is_cut, checksum)
        start = end
    return Segment(index, tokens, suffix)


def read_segment(path: Path, width: int) -> Segment | None:
    """Open a segment by its index; None when that does not verify, or has no tokens beside it."""
    number, _, digest = path.stem.partition("-")
    try:
        content = path.read_bytes()
        if not number.isdigit() or digest != _digest(path.parent, content):
            return None
        index = np.load(io.BytesIO(content), allow_pickle=False)
        suffix = next(s for s in _STORED if path.with_suffix(s).exists())
        shape = (int((index["start"] + index["length"]).max(initial=0)), width)
        tokens = _mapped(path.with_suffix(suffix), _STORED[suffix], shape)
    except (OSError, ValueError, StopIteration):
        return None
    return Segment(index, tokens, suffix, int(number), path)


def _mapped(path: Path, dtype: np.dtype[Any], shape: tuple[int, int]) -> Array:
    if path.stat().st_size != dtype.itemsize * shape[0] * shape[1]:
        raise ValueError("another size")
    if not shape[0]:
        return np.zeros(shape, dtype)
    return np.asarray(np.memmap(path, dtype, "r", shape=shape))  # a plain array is quicker to cut


def _last_of_equals(keys: Array) -> Array:
    """Mark in sorted keys the last one of each run."""
    last = np.ones(len(keys), bool)
    last[:-1] = keys[:-1] != keys[1:]
    return last


def _as_float(stored: Array) -> Array:
    """Widen bfloat16, whose bits are the upper half of a float32's."""
    if stored.dtype != np.uint16:
        return stored
    widened: Array = (stored.astype(np.uint32) << 16).view(np.float32)
    return widened


def caption_key(caption: str) -> bytes:
    """Return the 16 bytes that stand for a cleaned caption."""
    return hashlib.blake2b(caption.encode(), digest_size=16).digest()


def _checksum(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def _digest(shelf: Path, content: bytes) -> str:
    return hashlib.blake2b(shelf.name.encode() + content, digest_size=16).hexdigest()
