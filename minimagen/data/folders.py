"""A directory of captioned pictures, as a :class:`~minimagen.data.items.Source`.

Three layouts, in this order of precedence: ``metadata.jsonl`` or ``metadata.csv``; ``image.txt``
beside ``image.png``; ``images/`` and ``captions/`` side by side. Opening reads every header and
every caption and decodes a sample, so that what is wrong is said before training starts.
"""

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from minimagen.data.framing import Frame
from minimagen.data.items import Picture, RejectedItem, Rejection
from minimagen.data.pictures import SUFFIXES, picture_size, read_bytes, read_picture
from minimagen.data.tables import read_table
from minimagen.errors import DataError

TABLES = ("metadata.jsonl", "metadata.csv")
LATER_TABLES = ("metadata.parquet",)
# Other picture files are listed as rejected, not passed over in silence.
OTHER_SUFFIXES = frozenset({".svg", ".eps", ".heic", ".heif", ".avif", ".jxl", ".psd", ".jp2"})
LAYOUTS = (
    "metadata.jsonl or metadata.csv (file_name, text), or image.txt beside image.png, "
    "or images/ and captions/ side by side"
)
DECODED_AT_START = 1000


@dataclass(frozen=True)
class Item:
    """A picture file and its caption; ``problem`` says why there is no caption to be had."""

    name: str
    path: Path
    caption: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class FolderSource:
    """The usable items of a directory."""

    items: tuple[Item, ...]
    fingerprint: str
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many usable items there are."""
        return len(self.items)

    def name(self, index: int) -> str:
        """Name an item by its path below the directory."""
        return self.items[index].name

    def caption(self, index: int) -> str:
        """Return the caption; empty means null text."""
        return self.items[index].caption

    def size(self, index: int) -> tuple[int, int]:
        """Read a picture's width and height from its header."""
        return picture_size(self.items[index].path)

    def picture(self, index: int, shape: int | Frame) -> Picture:
        """Decode a picture; see :func:`~minimagen.data.pictures.decode`."""
        return read_picture(self.items[index].path, shape)


def open_folder(
    root: Path, *, check_size: int, max_rejected: float, limit: int | None = None
) -> tuple[FolderSource, list[Rejection]]:
    """Read a directory's captions and headers, and decode a sample of its pictures.

    Args:
        root: the directory.
        check_size: side at which the sample is decoded, in pixels.
        max_rejected: share of rejected items above which the run ends.
        limit: take only the first so many items.

    Raises:
        DataError: when there is nothing to train on, or too much had to be rejected.
    """
    verdicts = _judge_all(_find_items(root)[:limit], check_size)
    _refuse_too_many(root, verdicts, max_rejected)
    kept = [verdict for verdict in verdicts if verdict.reason is None]
    items = tuple(verdict.item for verdict in kept)
    if not any(item.caption for item in items):
        raise DataError(f"{root}: every caption is empty; write into each what its picture shows")
    source = FolderSource(items, _fingerprint(items), tuple(_notes(kept, check_size)))
    return source, [Rejection(v.item.name, v.reason) for v in verdicts if v.reason is not None]


def clean_caption(text: str | None) -> str:
    """Put a caption on one line, without what no encoder can read."""
    readable = (text or "").encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    return " ".join(readable.split())


# Finding items


def _find_items(root: Path) -> list[Item]:
    if not root.is_dir():
        kind = "is not a directory" if root.exists() else "does not exist"
        raise DataError(f"{root}: {kind}; give `shapes` or a directory with {LAYOUTS}")
    table = next((root / name for name in TABLES if (root / name).is_file()), None)
    if table is not None:
        return _from_table(root, table)
    _refuse_later_tables(root)
    return _from_text_files(root)


def _refuse_later_tables(root: Path) -> None:
    for name in LATER_TABLES:
        if (root / name).is_file():
            raise DataError(f"{root / name}: not supported; write it as {' or '.join(TABLES)}")


def _from_table(root: Path, table: Path) -> list[Item]:
    real_root = root.resolve()
    items = []
    for line, name, caption in read_table(table):
        path = (real_root / name).resolve()
        if not path.is_relative_to(real_root):
            raise DataError(f"{table} line {line}: {name!r} lies outside {root}; move it inside")
        items.append(Item(PurePosixPath(name).as_posix(), path, clean_caption(caption)))
    if not items:
        raise DataError(f"{table}: is empty; give it a line for each picture, file_name and text")
    return items


def _from_text_files(root: Path) -> list[Item]:
    pictures = _find_pictures(root)
    if not pictures:
        raise DataError(f"{root}: holds no pictures; put {'/'.join(sorted(SUFFIXES))} files there")
    for caption_file in (_beside, _in_captions):
        files = [(path, caption_file(root, path)) for path in pictures]
        if any(text is not None and text.is_file() for _, text in files):
            return [_with_text(root, path, text) for path, text in files if text is not None]
    raise DataError(f"{root}: {len(pictures)} pictures but no captions; bring {LAYOUTS}")


def _beside(root: Path, picture: Path) -> Path | None:
    return picture.with_suffix(".txt")


def _in_captions(root: Path, picture: Path) -> Path | None:
    images = root / "images"
    if not picture.is_relative_to(images):
        return None
    return (root / "captions" / picture.relative_to(images)).with_suffix(".txt")


def _find_pictures(root: Path) -> list[Path]:
    """List picture files below a directory in an order of their own, hidden ones left out."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    pictures = [path for path in found if path.suffix.lower() in SUFFIXES | OTHER_SUFFIXES]
    return sorted(pictures, key=lambda path: path.relative_to(root).parts)


def _with_text(root: Path, picture: Path, text: Path) -> Item:
    name = picture.relative_to(root).as_posix()
    try:
        return Item(name, picture, clean_caption(read_bytes(text).decode("utf-8-sig")))
    except UnicodeDecodeError:
        return Item(name, picture, problem="caption is not UTF-8")
    except RejectedItem:
        return Item(name, picture, problem="caption file is missing or cannot be read")


# Judging items


@dataclass(frozen=True)
class Verdict:
    """An item, and its picture's shorter side in pixels or the reason why it is rejected."""

    item: Item
    sampled: bool
    shorter_side: int = 0
    reason: str | None = None


def _judge_all(items: list[Item], check_size: int) -> list[Verdict]:
    count = min(len(items), DECODED_AT_START)
    sample = {place * len(items) // count for place in range(count)}
    return [_judge(item, check_size, sampled=i in sample) for i, item in enumerate(items)]


def _judge(item: Item, check_size: int, *, sampled: bool) -> Verdict:
    if item.problem is not None:
        return Verdict(item, sampled, reason=item.problem)
    try:
        shorter_side = min(picture_size(item.path))
        if sampled:
            read_picture(item.path, check_size)
    except RejectedItem as rejected:
        return Verdict(item, sampled, reason=str(rejected))
    return Verdict(item, sampled, shorter_side)


def _refuse_too_many(root: Path, verdicts: list[Verdict], max_rejected: float) -> None:
    share = max(_rejected_share(verdicts), _rejected_share([v for v in verdicts if v.sampled]))
    reasons = Counter(verdict.reason for verdict in verdicts if verdict.reason is not None)
    if share == 1:
        raise DataError(f"{root}: no picture can be used: {_listed(reasons)}")
    if share > max_rejected:
        raise DataError(
            f"{root}: {share:.0%} of the items are unusable, more than {max_rejected:.0%}: "
            f"{_listed(reasons)}; mend them, or allow more with --SET data.max_rejected="
            f"{math.ceil(share * 10) / 10}"
        )


def _rejected_share(verdicts: list[Verdict]) -> float:
    return sum(verdict.reason is not None for verdict in verdicts) / len(verdicts)


def _listed(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())


def _notes(kept: list[Verdict], check_size: int) -> Iterator[str]:
    small = sum(verdict.shorter_side < check_size for verdict in kept)
    if small:
        yield f"{small} of {len(kept)} pictures are under {check_size} px and are enlarged"
    silent = sum(not verdict.item.caption for verdict in kept)
    if silent:
        yield f"{silent} of {len(kept)} captions are empty and train as null text"


def _fingerprint(items: Iterable[Item]) -> str:
    digest = hashlib.sha256()
    for item in items:
        row = (item.name, item.path.stat().st_size, item.caption)
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()
