"""WebDataset tar shards, as a listing: files of one key in a row are a sample.

Samples are read where they lie, by their places in an index (see
:mod:`minimagen.data.tar_index`), so any order costs the same and nothing is unpacked to the disk.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from minimagen.data.classes import TEMPLATES, ClassCaptions, captions_of_classes
from minimagen.data.columns import Column, ListPacker, Numbers, Packer
from minimagen.data.listing import Listing, Request
from minimagen.data.tar_index import Index, open_index
from minimagen.data.threads import in_threads
from minimagen.errors import DataError

SUFFIX = ".tar"
PARTS = re.compile(r"\{([^{}]*)\}")
NUMBERS = re.compile(r"(\d+)\.\.(\d+)")
MAX_SHARDS = 1_000_000


def are_shards(request: Request) -> bool:
    """Recognise ``shards-{0000..0999}.tar`` and a single tar."""
    return request.dataset.lower().endswith(SUFFIX)


def has_shards(request: Request) -> bool:
    """Recognise a directory with tar files."""
    return any(request.path.glob(f"*{SUFFIX}"))


def list_shards(request: Request) -> Listing:
    """List the samples of shards named by a pattern.

    Raises:
        DataError: for a pattern without end, or shards that are missing or no tar files.
    """
    paths = [Path(name).expanduser() for name in expand(request.dataset)]
    return _list(request, paths)


def list_shards_below(request: Request) -> Listing:
    """List the samples of all shards of a directory, in the order of their names."""
    return _list(request, sorted(request.path.glob(f"*{SUFFIX}")))


def expand(pattern: str) -> list[str]:
    """Write out the braces of a pattern: ``{000..012}`` and ``{train,more}``.

    Raises:
        DataError: when they stand for too many names.
    """
    literals = PARTS.split(pattern)[::2]
    choices = [_choices(part) for part in PARTS.findall(pattern)]
    if np.prod([float(len(some)) for some in choices]) > MAX_SHARDS:
        raise DataError(f"{pattern}: stands for over {MAX_SHARDS:,} shards; give fewer")
    return [_woven(literals, chosen) for chosen in product(*choices)]


def _choices(part: str) -> Sequence[str]:
    numbers = NUMBERS.fullmatch(part)
    if numbers is None:
        return part.split(",")
    first, last = numbers.groups()
    if int(last) - int(first) >= MAX_SHARDS:
        raise DataError(f"{{{part}}}: stands for over {MAX_SHARDS:,} shards; give fewer")
    return [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]


def _woven(literals: list[str], chosen: Sequence[str]) -> str:
    return literals[0] + "".join(a + b for a, b in zip(chosen, literals[1:], strict=True))


def _list(request: Request, paths: list[Path]) -> Listing:
    missing = [path for path in paths if not path.is_file()]
    if missing or not paths:
        raise DataError(
            f"{request.dataset}: {len(missing)} of {len(paths)} shards are missing, the first "
            f"{missing[0] if missing else 'of none'}; bring them, or name those you have"
        )
    open_shard = partial(open_index, caption_key=request.caption_key)
    indices = list(in_threads(open_shard, paths))
    names, captions, problems = Packer(), ListPacker(), dict[int, str]()
    classes = _classes(request, indices)
    for path, index in zip(paths, indices, strict=True):
        for place in range(len(index)):
            number = len(names)
            if index.problems[place]:
                problems[number] = index.problems[place]
            names.add(f"{path.name}/{index.keys[place]}" if index.keys[place] else path.name)
            captions.add(index.captions[place] or classes[number] or ("",))
    if not len(names):
        raise DataError(f"{request.dataset}: holds no samples; give shards with pictures")
    kind = f"tar shards, {len(paths)} of them"
    files = _members(paths, indices)
    return Listing(request.dataset, kind, names.packed(), captions.packed(), files, problems)


def _classes(request: Request, indices: list[Index]) -> Column[tuple[str, ...]]:
    """Caption the samples that have a class alone; the others get nothing."""
    labels = np.concatenate([index.labels for index in indices])
    if (labels < 0).all():
        return [()] * len(labels)
    named = captions_of_classes(request, labels, (), TEMPLATES)
    return ClassCaptions(labels, (*named.sentences, ()))  # of class -1, the last one


def _members(paths: list[Path], indices: list[Index]) -> "MemberFiles":
    lengths = [len(index) for index in indices]
    return MemberFiles(
        tuple(paths),
        np.repeat(np.arange(len(paths)), lengths),
        np.concatenate([index.offsets for index in indices]),
        np.concatenate([index.sizes for index in indices]),
    )


@dataclass(frozen=True)
class MemberFiles:
    """The column of files inside tar files.

    Args:
        paths: of the tar files.
        shards: which of them each file is in, (N,).
        offsets: where each file begins in it, in bytes, (N,).
        sizes: of each file, in bytes, (N,).
    """

    paths: tuple[Path, ...]
    shards: Numbers
    offsets: Numbers
    sizes: Numbers

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.shards)

    def __getitem__(self, index: int) -> "Section":
        """Return one."""
        path = self.paths[int(self.shards[index])]
        return Section(path, int(self.offsets[index]), int(self.sizes[index]))

    def byte_count(self, index: int) -> int:
        """Return the size of one in bytes."""
        return int(self.sizes[index])


@dataclass(frozen=True)
class Section:
    """A part of a file, read as if it were a file of its own."""

    path: Path
    offset: int
    size: int

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Open it for reading; only what is read is fetched."""
        return io.BufferedReader(Window(self))

    def read_bytes(self) -> bytes:
        """Read all of it."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


class Window(io.RawIOBase):
    """An open :class:`Section`."""

    def __init__(self, section: Section) -> None:
        super().__init__()
        self._section, self._place = section, 0
        self._file = section.path.open("rb", buffering=0)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place in the section."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._section.size}
        self._place = max(0, origin[whence] + offset)
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """Read on, no further than the section's end."""
        left = max(0, self._section.size - self._place)
        self._file.seek(self._section.offset + self._place)
        count = self._file.readinto(memoryview(buffer)[:left]) or 0
        self._place += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
