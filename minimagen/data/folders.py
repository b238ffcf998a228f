"""A directory of pictures with their captions in text files, as a listing.

Two layouts: ``image.txt`` beside ``image.png``, or ``images/`` and ``captions/`` side by side. What
a text file holds is one caption, however many lines it has; a table can give several.
"""

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from minimagen.data.captions import clean_caption
from minimagen.data.columns import ListPacker, Strings, pack
from minimagen.data.items import RejectedItem
from minimagen.data.listing import FilesBelow, Listing, Request
from minimagen.data.pictures import SUFFIXES, read_bytes
from minimagen.data.threads import in_threads
from minimagen.errors import DataError

# Other picture files are listed as rejected, not passed over in silence.
OTHER_SUFFIXES = frozenset({".svg", ".eps", ".heic", ".heif", ".avif", ".jxl", ".psd", ".jp2"})
LAYOUTS = (
    "metadata.jsonl or metadata.csv (file_name, text), or image.txt beside image.png, "
    "or images/ and captions/ side by side"
)


def find_pictures(root: Path) -> Iterator[str]:
    """Find picture files below a directory, hidden ones left out; paths below it, in order."""
    with os.scandir(root) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_directory(entry):
            if not entry.is_symlink():
                below = find_pictures(root / entry.name)
                yield from (f"{entry.name}/{name}" for name in below)
        elif Path(entry.name).suffix.lower() in SUFFIXES | OTHER_SUFFIXES:
            yield entry.name


def _is_directory(entry: os.DirEntry[str]) -> bool:
    """Whether it is one, or a link to one; a link that leads in a circle leads to nothing."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def pictures_of(request: Request) -> Strings:
    """List the pictures of a folder, at most as many as are wanted.

    Raises:
        DataError: when there are none.
    """
    root = request.path
    names = pack(islice(find_pictures(root), request.limit))
    if not len(names):
        raise DataError(f"{root}: holds no pictures; put {'/'.join(sorted(SUFFIXES))} files there")
    return names


def has_texts_beside(request: Request) -> bool:
    """Recognise a folder with at least one caption beside its picture."""
    root = request.path
    return any((root / beside(name)).is_file() for name in find_pictures(root))


def has_captions_folder(request: Request) -> bool:
    """Recognise ``images/`` and ``captions/`` with at least one picture that has its caption."""
    root = request.path
    if not ((root / "images").is_dir() and (root / "captions").is_dir()):
        return False
    return any((root / in_captions(name)).is_file() for name in _in_images(find_pictures(root)))


def list_texts_beside(request: Request) -> Listing:
    """List the pictures of a folder, each with the text file beside it."""
    names = pictures_of(request)
    return _with_texts(request, "a folder with captions beside its pictures", names, beside)


def list_captions_folder(request: Request) -> Listing:
    """List the pictures of ``images/``, each with its text file in ``captions/``."""
    names = pack(islice(_in_images(find_pictures(request.path)), request.limit))
    return _with_texts(request, "folders images/ and captions/", names, in_captions)


def beside(name: str) -> str:
    """Name the text file beside a picture."""
    return PurePosixPath(name).with_suffix(".txt").as_posix()


def in_captions(name: str) -> str:
    """Name the text file of a picture of ``images/``."""
    return f"captions/{beside(name).removeprefix('images/')}"


def _in_images(names: Iterator[str]) -> Iterator[str]:
    return (name for name in names if name.startswith("images/"))


def _with_texts(
    request: Request, kind: str, names: Strings, text_of: Callable[[str], str]
) -> Listing:
    root = request.path
    captions, problems = ListPacker(), {}
    texts = (root / text_of(name) for name in names)
    for index, caption in enumerate(in_threads(_read_text, texts)):
        captions.add(["" if isinstance(caption, RejectedItem) else caption])
        if isinstance(caption, RejectedItem):
            problems[index] = str(caption)
    files = FilesBelow(root, names)
    return Listing(str(root), kind, names, captions.packed(), files, problems)


def _read_text(text: Path) -> str | RejectedItem:
    """Read a caption; the error is an answer here, for the others go on."""
    try:
        return clean_caption(read_bytes(text).decode("utf-8-sig"))
    except UnicodeDecodeError:
        return RejectedItem("caption is not UTF-8")
    except RejectedItem:
        return RejectedItem("caption file is missing or cannot be read")
