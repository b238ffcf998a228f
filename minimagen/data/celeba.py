"""CelebA: pictures of faces with a table of attributes, which become captions.

A caption names the attributes that the table says a face has, and none that it lacks: "a face,
black hair, eyeglasses, smiling".  Liu et al. 2015 (arXiv:1411.7766).
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from minimagen.data.columns import ListPacker, Packer
from minimagen.data.listing import Fence, FilesBelow, Listing, Request
from minimagen.errors import DataError

ATTRIBUTES = "list_attr_celeba.txt"
PLACES = ("img_align_celeba", "img_celeba", "images", ".")
TEMPLATES = ("a face{}",)


def is_celeba(request: Request) -> bool:
    """Recognise a directory with CelebA's table of attributes, there or in ``Anno``."""
    return _table(request.path) is not None


def list_celeba(request: Request) -> Listing:
    """List the faces of the table.

    Raises:
        DataError: for a line that makes no sense.
    """
    root, table = request.path, _table(request.path)
    assert table is not None, "recognised by it"
    names, captions = Packer(), ListPacker()
    pictures = root / (request.images or _folder_of_pictures(root))
    fence = Fence(pictures)
    for line, name, attributes in islice(_rows(table), request.limit):
        if not fence.holds(name):
            raise DataError(f"{table} line {line}: {name!r} lies outside {pictures}; mend the line")
        said = "".join(f", {attribute}" for attribute in attributes)
        captions.add(t.format(said) for t in request.templates or TEMPLATES)
        names.add(name)
    kind = 'CelebA, captioned by attributes as "a face, eyeglasses, smiling"'
    packed = names.packed()
    if not len(packed):
        raise DataError(f"{table}: names no pictures; bring it anew")
    return Listing(str(root), kind, packed, captions.packed(), FilesBelow(pictures, packed))


def _table(root: Path) -> Path | None:
    places = (root / ATTRIBUTES, root / "Anno" / ATTRIBUTES)
    return next((path for path in places if path.is_file()), None)


def _folder_of_pictures(root: Path) -> str:
    return next(name for name in PLACES if (root / name).is_dir())


def _rows(table: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Read line number, file name and attributes: a count, a line of names, then 1 or -1 each."""
    with table.open(encoding="utf-8", errors="replace") as file:
        file.readline()
        known = [name.replace("_", " ").lower() for name in file.readline().split()]
        for line, content in enumerate(file, start=3):
            name, *values = content.split() or [""]
            if len(values) != len(known) or not set(values) <= {"1", "-1"}:
                raise DataError(
                    f"{table} line {line}: {len(values)} values for {len(known)} attributes, each "
                    "1 or -1; bring the file anew"
                )
            yield line, name, [what for what, has in zip(known, values, strict=True) if has == "1"]
