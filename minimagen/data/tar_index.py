"""An index of a WebDataset shard: what is in it, and where. Built once, kept in the cache.

The names of files in a tar are labels here, never paths: nothing is written to the disk, and
nothing is unpickled. Only plain files with their whole content inside the shard are taken.
"""

import hashlib
import io
import json
import os
import secrets
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from minimagen.cache import cache_directory
from minimagen.data.captions import clean_caption
from minimagen.data.columns import ListPacker, Numbers, Packer, StringLists, Strings
from minimagen.data.items import RejectedItem
from minimagen.data.pictures import SUFFIXES
from minimagen.data.rows import CAPTION_KEYS
from minimagen.errors import DataError

EDITION = 1  # raise it when an index means something else
MAX_TEXT_BYTES = 2**20
MAX_PICTURE_BYTES = 2**29
ENDS_BYTES = 2**16  # of a shard, hashed to see whether it has changed
BROKEN = (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Index:
    """The samples of a shard, good or bad.

    Args:
        keys: their names; empty for the shard itself, when its tail is broken.
        captions: of each, none where only its class is known.
        labels: the class of each, -1 for none, (N,).
        offsets: where each picture begins, in bytes, (N,).
        sizes: of each picture, in bytes, (N,).
        problems: why each cannot be used; empty where it can.
    """

    keys: Strings
    captions: StringLists
    labels: Numbers
    offsets: Numbers
    sizes: Numbers
    problems: Strings

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.labels)


@dataclass(frozen=True)
class Sample:
    """One sample on its way into an index."""

    key: str
    captions: tuple[str, ...] = ()
    label: int = -1
    offset: int = 0
    size: int = 0
    problem: str = ""


def open_index(shard: Path, caption_key: str | None = None) -> Index:
    """Read a shard's index from the cache, or build it.

    Args:
        shard: an unpacked tar file.
        caption_key: the key of the ``.json`` files that holds captions; None takes ``.txt``, else
            a known key, else ``.cls``.

    Raises:
        DataError: when the shard is no tar file, or cannot be read.
    """
    try:
        kept, state = _kept_at(shard, caption_key), _state(shard)
        index = _load(kept, state)
        if index is None:
            index = build_index(shard, caption_key)
            _save(kept, state, index)
    except OSError as error:
        raise DataError(f"{shard}: cannot be read ({error.strerror or error})") from None
    return index


def build_index(shard: Path, caption_key: str | None = None) -> Index:
    """Walk through a shard once; see :func:`open_index`."""
    keys, captions, problems = Packer(), ListPacker(), Packer()
    numbers = []
    for sample in _samples(shard, caption_key):
        keys.add(sample.key)
        captions.add(sample.captions)
        problems.add(sample.problem)
        numbers.append((sample.label, sample.offset, sample.size))
    labels, offsets, sizes = np.array(numbers, np.int64).reshape(-1, 3).T.copy()
    return Index(keys.packed(), captions.packed(), labels, offsets, sizes, problems.packed())


# Samples


def _samples(shard: Path, caption_key: str | None) -> Iterator[Sample]:
    """Take files of one key in a row together; a broken tail is a sample of its own."""
    with shard.open("rb") as file:
        walk = Walk(shard, file)
        for key, members in groupby(walk, _key):
            yield _sample(key, list(members), file, caption_key)
        if walk.broken_at is not None:
            yield Sample("", problem=f"tar is broken from byte {walk.broken_at} on")


class Walk:
    """The members of a tar file, folders and hidden ones left out.

    Attributes:
        broken_at: where the tar stops making sense, in bytes; None while it does.
    """

    def __init__(self, shard: Path, file: io.BufferedReader) -> None:
        self.broken_at: int | None = None
        self._file = file
        self._last: tarfile.TarInfo | None = None
        try:
            self._tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 - the file is closed
        except BROKEN as error:
            raise DataError(
                f"{shard}: not an unpacked tar file ({error}); bring it as a plain .tar"
            ) from None

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Walk as far as the tar makes sense."""
        end = os.fstat(self._file.fileno()).st_size
        while (member := self._next()) is not None:
            if member.offset_data + member.size > end:
                self.broken_at = member.offset
                return
            if not member.isdir() and not _file_name(member).startswith("."):
                yield member

    def _next(self) -> tarfile.TarInfo | None:
        """Return the next member; None at the end, and where the tar stops making sense."""
        at, before = self._tar.offset, self._last
        try:
            self._last = self._tar.next()
        except BROKEN:
            self._last = None
        vars(self._tar)["members"].clear()  # or it would keep them all
        if self._last is None:
            self.broken_at = None if self._is_end_mark(at) else at
        elif before is not None and self._last.offset <= before.offset:
            self._last, self.broken_at = None, at  # a crafted size leads back
        return self._last

    def _is_end_mark(self, at: int) -> bool:
        self._file.seek(at)
        block = self._file.read(tarfile.BLOCKSIZE)
        return len(block) == tarfile.BLOCKSIZE and not any(block)


def _file_name(member: tarfile.TarInfo) -> str:
    return PurePosixPath(member.name).name


def _key(member: tarfile.TarInfo) -> str:
    """Return the name up to the first dot of its last part."""
    folder, slash, name = member.name.rpartition("/")
    return f"{folder}{slash}{name.partition('.')[0]}"


def _suffix(member: tarfile.TarInfo) -> str:
    return _file_name(member).partition(".")[2].lower()


def _sample(
    key: str, members: list[tarfile.TarInfo], file: io.BufferedReader, caption_key: str | None
) -> Sample:
    by_suffix = {_suffix(member): member for member in members}
    try:
        if len(by_suffix) < len(members):
            raise RejectedItem("two files of one name in its tar")
        picture = _picture(by_suffix)
        captions, label = _said(by_suffix, file, caption_key)
    except RejectedItem as rejected:
        return Sample(key, problem=str(rejected))
    return Sample(key, captions, label, picture.offset_data, picture.size)


def _picture(by_suffix: dict[str, tarfile.TarInfo]) -> tarfile.TarInfo:
    """Choose the picture of a sample: the plainest suffix, as jpg before mask.png."""
    pictures = [suffix for suffix in by_suffix if f".{suffix.rpartition('.')[2]}" in SUFFIXES]
    if not pictures:
        raise RejectedItem("no picture in its tar")
    return _plain(by_suffix[min(pictures, key=lambda suffix: suffix.count("."))], MAX_PICTURE_BYTES)


def _plain(member: tarfile.TarInfo, limit: int) -> tarfile.TarInfo:
    if not member.isreg() or member.issparse():
        raise RejectedItem("not a plain file in its tar")
    if member.size > limit:
        raise RejectedItem(f"over {limit // 2**20} MiB in its tar")
    return member


def _said(
    by_suffix: dict[str, tarfile.TarInfo], file: io.BufferedReader, caption_key: str | None
) -> tuple[tuple[str, ...], int]:
    """Return the captions of a sample and its class, at least one of them."""
    if "txt" in by_suffix and caption_key is None:
        return (clean_caption(_text(by_suffix["txt"], file)),), -1
    if "json" in by_suffix:
        captions = _captions_in(_text(by_suffix["json"], file), caption_key)
        if captions:
            return captions, -1
    if "cls" in by_suffix and caption_key is None:
        return (), _label(_text(by_suffix["cls"], file))
    raise RejectedItem("no caption")


def _text(member: tarfile.TarInfo, file: io.BufferedReader) -> str:
    _plain(member, MAX_TEXT_BYTES)
    file.seek(member.offset_data)
    try:
        return file.read(member.size).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RejectedItem("caption is not UTF-8") from None


def _captions_in(text: str, caption_key: str | None) -> tuple[str, ...]:
    try:
        record: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise RejectedItem("its .json is not JSON") from None
    keys = CAPTION_KEYS if caption_key is None else (caption_key,)
    for key in keys:
        if isinstance(record, dict) and key in record:
            several = record[key] if isinstance(record[key], list) else [record[key]]
            if not all(isinstance(caption, str | None) for caption in several):
                raise RejectedItem("its caption is not a string")
            return tuple(map(clean_caption, several or [""]))
    return ()


def _label(text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit() and len(text) < 10):
        raise RejectedItem("its class is not a number")
    return int(text)


# The cache


def _kept_at(shard: Path, caption_key: str | None) -> Path:
    identity = json.dumps([EDITION, str(shard.resolve()), caption_key])
    return cache_directory() / "tar" / f"{hashlib.sha256(identity.encode()).hexdigest()}.npz"


def _state(shard: Path) -> str:
    """Describe a shard: its size, its time, and a hash of its two ends."""
    status = shard.stat()
    with shard.open("rb") as file:
        head = file.read(ENDS_BYTES)
        file.seek(max(0, status.st_size - ENDS_BYTES))
        digest = hashlib.sha256(head + file.read(ENDS_BYTES)).hexdigest()
    return json.dumps([status.st_size, status.st_mtime_ns, digest])


def _load(path: Path, state: str) -> Index | None:
    """Read an index; None when there is none, or it is of another state or damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["state"]) != state:
                return None
            captions = StringLists(_strings(kept, "captions"), kept["caption_ends"])
            return Index(
                _strings(kept, "keys"),
                captions,
                kept["labels"],
                kept["offsets"],
                kept["sizes"],
                _strings(kept, "problems"),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _strings(kept: Any, name: str) -> Strings:
    return Strings(kept[f"{name}_content"].tobytes(), kept[f"{name}_ends"])


def _save(path: Path, state: str, index: Index) -> None:
    """Write an index beside, then rename; where that cannot be, it is built anew next time."""
    arrays: dict[str, Any] = {"state": np.array(state), "caption_ends": index.captions.ends}
    arrays |= {name: getattr(index, name) for name in ("labels", "offsets", "sizes")}
    arrays |= _arrays("keys", index.keys) | _arrays("captions", index.captions.strings)
    arrays |= _arrays("problems", index.problems)
    beside = path.with_name(f"{path.stem}.{os.getpid()}.{secrets.token_hex(4)}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(beside, **arrays)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)


def _arrays(name: str, strings: Strings) -> dict[str, Any]:
    content = np.frombuffer(strings.content, np.uint8)
    return {f"{name}_content": content, f"{name}_ends": strings.ends}
