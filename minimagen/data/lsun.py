"""LSUN: a category of pictures in an LMDB file, captioned with the category's name."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from minimagen.data.classes import TEMPLATES, captioned_like, captions_of_classes
from minimagen.data.columns import Strings, pack
from minimagen.data.extras import required
from minimagen.data.items import RejectedItem
from minimagen.data.listing import InMemory, Listing, Request
from minimagen.errors import DataError

FILE = "data.mdb"
ENDINGS = ("_lmdb", "_train", "_val")


def is_lsun(request: Request) -> bool:
    """Recognise a directory with an LMDB file, as ``bedroom_train_lmdb``."""
    return (request.path / FILE).is_file()


def list_lsun(request: Request) -> Listing:
    """List the pictures of a category.

    Raises:
        DataError: when the file cannot be opened, or the package is not installed.
    """
    root = request.path.resolve()
    keys = pack(islice(_keys(root), request.limit))
    if not len(keys):
        raise DataError(f"{root}: holds no pictures; bring it anew")
    labels = np.zeros(len(keys), np.int64)
    captions = captions_of_classes(request, labels, [_category(root)], TEMPLATES)
    kind = f"LSUN (LMDB), {captioned_like(captions)}"
    return Listing(str(request.path), kind, keys, captions, RecordFiles(root, keys))


def _category(root: Path) -> str:
    name = root.name
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name.replace("_", " ")


@cache
def _open(root: Path) -> Any:
    """Open an LMDB file, once for each process: it must not be open twice in one."""
    lmdb = required("lmdb", "lsun", str(root))
    try:
        return lmdb.open(str(root), readonly=True, lock=False, readahead=False)
    except lmdb.Error as error:
        raise DataError(f"{root / FILE}: not a sound LMDB file ({error}); bring it anew") from None


def _keys(root: Path) -> Iterator[str]:
    with _open(root).begin() as look, look.cursor() as cursor:
        for key in cursor.iternext(values=False):
            yield bytes(key).decode("latin-1")


@dataclass(frozen=True)
class RecordFiles:
    """The column of files in an LMDB file."""

    root: Path
    keys: Strings

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.keys)

    def __getitem__(self, index: int) -> InMemory:
        """Return one."""
        with _open(self.root).begin() as look:
            found = look.get(self.keys[index].encode("latin-1"))
        if found is None:
            raise RejectedItem("file is missing")
        return InMemory(bytes(found))

    def byte_count(self, index: int) -> int:
        """Return the size of one in bytes."""
        return len(self[index].content)
