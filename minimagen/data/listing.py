"""A data set as it is listed: three columns, before anything was looked at.

Where bytes come from is the column ``files``; what they mean is in
:mod:`minimagen.data.pictures`; which items can be used is found by
:mod:`minimagen.data.collection`. A kind of data set is a function from a :class:`Request` to a
:class:`Listing`, and a line in the table of :mod:`minimagen.data.sources`.
"""

import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Annotated, Literal, Protocol

from pydantic import Field

from minimagen.config import config
from minimagen.data.columns import Column
from minimagen.data.items import PictureFile, RejectedItem


@config
class DownloadsConfig:
    """How pictures named by URL are fetched; they are kept in the cache directory.

    Args:
        at_once: downloads under way at a time.
        connect_s: seconds to reach a server, and between two of its answers.
        whole_s: seconds for a picture, redirects and all.
        max_mb: largest picture, in MB; counted while it is read.
        tries: before a server that fails is given up.
        remember_failures_days: what failed is not tried again so long; 0 tries it at once.
        private_addresses: allow servers inside the own network and on this machine.
    """

    at_once: Annotated[int, Field(ge=1, le=256)] = 16
    connect_s: Annotated[float, Field(gt=0)] = 10.0
    whole_s: Annotated[float, Field(gt=0)] = 60.0
    max_mb: Annotated[float, Field(gt=0)] = 50.0
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    remember_failures_days: Annotated[float, Field(ge=0)] = 30.0
    private_addresses: bool = False


@dataclass(frozen=True)
class Request:
    """What is to be opened, and how.

    Args:
        dataset: as given: a path, or a name behind ``hf:``.
        images: directory of the pictures, where the data set does not hold it.
        caption_key: column or key that holds captions; None takes ``text`` or ``caption``.
        class_names: what classes are called, by number or in the order of their folders.
        templates: how a class name becomes captions, each with ``{}``; none takes the kind's own.
        limit: only the first so many items are wanted.
        downloads: how pictures named by URL are fetched.
    """

    dataset: str
    images: str | None = None
    caption_key: str | None = None
    class_names: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    limit: int | None = None
    downloads: DownloadsConfig = field(default_factory=DownloadsConfig)

    @property
    def path(self) -> Path:
        """Return what was given as a path."""
        return Path(self.dataset).expanduser()


class Files(Protocol):
    """The column of image files."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, index: int, /) -> PictureFile:
        """Return one."""

    def byte_count(self, index: int, /) -> int:
        """Return the size of one in bytes.

        Raises:
            OSError: when it cannot be told.
            RejectedItem: when it is no file.
        """


@dataclass(frozen=True)
class Listing:
    """Everything that a data set lists, good or bad.

    Args:
        place: how errors name it.
        kind: what it was taken for, as the log says it.
        names: of the items, as in ``rejected.jsonl``.
        captions: of the items, at least one for each.
        files: of the items.
        problems: why items cannot be used, as far as that is known already.
    """

    place: str
    kind: str
    names: Column[str]
    captions: Column[tuple[str, ...]]
    files: Files
    problems: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class InMemory:
    """A file that is held in memory."""

    content: bytes

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Open it for reading."""
        return io.BytesIO(self.content)

    def read_bytes(self) -> bytes:
        """Return all of it."""
        return self.content


@dataclass(frozen=True)
class FilesBelow:
    """Files by their paths below a directory."""

    root: Path
    names: Column[str]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.names)

    def __getitem__(self, index: int) -> Path:
        """Return the path of one."""
        return self.root / self.names[index]

    def byte_count(self, index: int) -> int:
        """Return the size of one in bytes."""
        return file_size(self[index])


def file_size(path: Path) -> int:
    """Return the size of a file in bytes.

    Raises:
        OSError: when it cannot be told.
        RejectedItem: for what is no file and might never end, such as a named pipe.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(path)
    if not stat.S_ISREG(status.st_mode):
        raise RejectedItem("not a regular file")
    return status.st_size


class Fence:
    """Tells whether paths stay below a directory, links followed; each folder is looked at once."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))  # unlike resolve(), it survives circles of links
        self._holds_folder = cache(self._holds_really)

    def holds(self, name: str) -> bool:
        """Tell whether a path relative to the directory stays below it."""
        folder, _, last = name.rpartition("/")
        if last in ("", ".", "..") or name[0] == "/" or {"\\", ":"} & set(name):
            return self._holds_really(name)
        if os.path.islink(f"{self._root}/{name}"):  # noqa: PTH114 - a Path takes ten times as long
            return self._holds_really(name)
        return self._holds_folder(folder)

    def _holds_really(self, name: str) -> bool:
        return Path(os.path.realpath(self._root / name)).is_relative_to(self._root)
