"""A table of pictures, as a listing: paths stay below its folder, URLs are fetched once."""

from array import array
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from minimagen.cache import cache_directory
from minimagen.data.columns import Column, ListPacker, Packer
from minimagen.data.downloads import fetch, kept_at
from minimagen.data.listing import Fence, Listing, Request, file_size
from minimagen.data.rows import TABLE_SUFFIXES, is_url, read_rows
from minimagen.errors import DataError

METADATA = tuple(f"metadata{suffix}" for suffix in (".jsonl", ".csv", ".tsv", ".parquet"))


def is_table(request: Request) -> bool:
    """Recognise a file of a known format."""
    return request.dataset.lower().endswith(TABLE_SUFFIXES) and not request.path.is_dir()


def list_table(request: Request) -> Listing:
    """List the pictures of a table; see :func:`list_rows`."""
    table = request.path
    if not table.is_file():
        raise DataError(f"{table}: does not exist; give a table of pictures, or another data set")
    return list_rows(table, f"a table in {table.suffix[1:].lower()}", request)


def metadata_of(root: Path) -> Path | None:
    """Find the table of a folder of pictures."""
    return next((root / name for name in METADATA if (root / name).is_file()), None)


def has_metadata(request: Request) -> bool:
    """Recognise a folder of pictures with a table."""
    return metadata_of(request.path) is not None


def list_metadata(request: Request) -> Listing:
    """List the pictures of a folder's table; see :func:`list_rows`."""
    table = metadata_of(request.path)
    assert table is not None, "recognised by it"
    return list_rows(table, f"a folder with {table.name}", request)


def list_rows(table: Path, kind: str, request: Request) -> Listing:
    """List the pictures of a table, and fetch those named by URL.

    Raises:
        DataError: for a row that makes no sense, or a path that leads out of the folder.
    """
    root, fence = table.parent.resolve(), Fence(table.parent)
    names, captions, urls = Packer(), ListPacker(), array("q")
    rows = islice(read_rows(table, request.caption_key), request.limit)
    for number, row in enumerate(rows):
        if is_url(row.file_name):
            urls.append(number)
        elif not fence.holds(row.file_name):
            raise DataError(
                f"{table} line {row.line}: {row.file_name!r} lies outside {table.parent}; "
                "move it inside"
            )
        names.add(_plain(row.file_name))
        captions.add(row.captions)
    packed = names.packed()
    if not len(packed):
        raise DataError(f"{table}: is empty; give it a line for each picture, file_name and text")
    kept = cache_directory() / "pictures"
    problems = fetch(((i, packed[i]) for i in urls), len(urls), kept, request.downloads)
    files = NamedFiles(root, packed, kept)
    return Listing(str(request.path), kind, packed, captions.packed(), files, problems)


def _plain(name: str) -> str:
    """Write a path without detours that lead nowhere."""
    odd = not is_url(name) and {"", "."} & set(name.split("/"))
    return PurePosixPath(name).as_posix() if odd else name


@dataclass(frozen=True)
class NamedFiles:
    """Files by their names: those of URLs lie in the cache, the others below a directory."""

    root: Path
    names: Column[str]
    downloads: Path

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.names)

    def __getitem__(self, index: int) -> Path:
        """Return the path of one."""
        name = self.names[index]
        return kept_at(self.downloads, name) if is_url(name) else self.root / name

    def byte_count(self, index: int) -> int:
        """Return the size of one in bytes."""
        return file_size(self[index])
