"""Classes become captions: by templates, for a folder per class and for labels as numbers."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from minimagen.data.captions import clean_caption
from minimagen.data.columns import Numbers, Strings
from minimagen.data.folders import find_pictures, pictures_of
from minimagen.data.listing import FilesBelow, Listing, Request
from minimagen.errors import DataError


def _one_slot(template: str) -> str:
    try:
        slots = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError:
        slots = []
    if slots != [""]:
        raise ValueError("give a text with one {} for the name, as 'a photo of a {}'")
    return template


Template = Annotated[str, AfterValidator(_one_slot)]
"""A text with one ``{}``, where the name of a class is put."""


@dataclass(frozen=True)
class ClassCaptions:
    """The column of captions of classified pictures.

    Args:
        labels: the class of each item, (N,).
        sentences: the captions of each class.
    """

    labels: Numbers
    sentences: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[str, ...]:
        """Return an item's captions."""
        return self.sentences[int(self.labels[index])]


def captions_of_classes(
    request: Request, labels: Numbers, names: Sequence[str], templates: Sequence[str]
) -> ClassCaptions:
    """Caption classified pictures.

    Args:
        request: may name the classes, and give templates of its own.
        labels: the class of each item, (N,).
        names: what the classes are called, where the request does not say.
        templates: of the kind of data set, where the request gives none.

    Raises:
        DataError: when there are more classes than names.
    """
    names = request.class_names or names
    classes = int(labels.max(initial=-1)) + 1
    if classes > len(names):
        raise DataError(
            f"{request.dataset}: has {classes} classes, and {len(names)} names are known; name "
            """them all, as --SET 'data.class_names=["cat", "dog"]'"""
        )
    said = tuple(
        tuple(clean_caption(template.format(name)) for template in request.templates or templates)
        for name in names
    )
    return ClassCaptions(labels, said)


def captioned_like(captions: ClassCaptions) -> str:
    """Show how classes are captioned, for the log."""
    shown = [f'"{sentences[0]}"' for sentences in captions.sentences[:3]]
    more = ", ..." if len(captions.sentences) > len(shown) else ""
    return f"captioned {', '.join(shown)}{more}"


# A folder per class

TEMPLATES = ("a photo of a {}",)


def has_classes(request: Request) -> bool:
    """Recognise pictures that lie in at least two folders, and nowhere else."""
    folders = {_folder_of(name) for name in find_pictures(request.path)}
    return "" not in folders and len(folders) > 1


def list_classes(request: Request) -> Listing:
    """List pictures, each captioned with the name of the folder it lies in."""
    names = pictures_of(request)
    numbers = {name: number for number, name in enumerate(_classes_of(names))}
    labels = np.fromiter((numbers[_folder_of(name)] for name in names), np.int64, len(names))
    readable = [_readable(name) for name in numbers]
    captions = captions_of_classes(request, labels, readable, TEMPLATES)
    kind = f"a folder for each of {len(numbers)} classes, {captioned_like(captions)}"
    files = FilesBelow(request.path, names)
    return Listing(str(request.path), kind, names, captions, files)


def _classes_of(names: Strings) -> list[str]:
    return sorted({_folder_of(name) for name in names})


def _folder_of(name: str) -> str:
    return PurePosixPath(name).parent.name


def _readable(folder: str) -> str:
    return folder.replace("_", " ").replace("-", " ")
