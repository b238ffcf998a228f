"""Data sets of the Hugging Face Hub, and saved ones on disk, through the package ``datasets``.

Pictures come as the bytes they are kept as, so that they are judged and decoded like all others.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from minimagen.data.captions import clean_caption
from minimagen.data.classes import TEMPLATES, captions_of_classes
from minimagen.data.columns import Column
from minimagen.data.extras import required
from minimagen.data.items import PictureFile, RejectedItem
from minimagen.data.listing import InMemory, Listing, Request, file_size
from minimagen.data.rows import CAPTION_KEYS
from minimagen.errors import DataError

PREFIX = "hf:"
SAVED = ("dataset_info.json", "dataset_dict.json")  # of save_to_disk


def is_of_hub(request: Request) -> bool:
    """Recognise ``hf:NAME``."""
    return request.dataset.startswith(PREFIX)


def is_saved(request: Request) -> bool:
    """Recognise a directory that ``save_to_disk`` wrote."""
    return any((request.path / name).is_file() for name in SAVED)


def list_of_hub(request: Request) -> Listing:
    """List a data set named ``hf:NAME[:CONFIG][?split=train]``.

    Raises:
        DataError: when it cannot be had, or has no pictures or captions.
    """
    address, _, options = request.dataset.removeprefix(PREFIX).partition("?")
    name, _, configuration = address.partition(":")
    split = _split(request, options)
    datasets = _package(request)
    try:
        if (Path(name) / SAVED[0]).is_file() or (Path(name) / SAVED[1]).is_file():
            loaded = datasets.load_from_disk(name)
        else:
            loaded = datasets.load_dataset(name, configuration or None, split=split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"{request.dataset}: cannot be had ({_gist(error)}); check name and network, or load "
            "it elsewhere and give the directory that save_to_disk wrote"
        ) from None
    return _list(request, _one_split(request, loaded, split), f"{name} of the Hub, split {split}")


def list_saved(request: Request) -> Listing:
    """List a data set that ``save_to_disk`` wrote; of several splits, ``train``."""
    datasets = _package(request)
    try:
        loaded = datasets.load_from_disk(str(request.path))
    except (OSError, ValueError, KeyError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"{request.dataset}: not a sound saved data set ({_gist(error)}); save it anew"
        ) from None
    return _list(request, _one_split(request, loaded, "train"), "a saved data set")


def _package(request: Request) -> Any:
    return required("datasets", "data", request.dataset)


def _split(request: Request, options: str) -> str:
    given = dict(parse_qsl(options, keep_blank_values=True))
    if given.keys() - {"split"}:
        raise DataError(
            f"{request.dataset}: unknown option in ?{options}; only ?split=NAME is understood"
        )
    return given.get("split", "train")


def _one_split(request: Request, loaded: Any, split: str) -> Any:
    if not isinstance(loaded, dict):
        return loaded
    if split not in loaded:
        raise DataError(
            f"{request.dataset}: has no split {split}; it has {', '.join(loaded)}: give "
            f"hf:{request.path}?split={next(iter(loaded), 'NAME')}"
        )
    return loaded[split]


def _gist(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def _list(request: Request, dataset: Any, what: str) -> Listing:
    datasets = _package(request)
    pictures = [name for name, kind in dataset.features.items() if isinstance(kind, datasets.Image)]
    if not pictures:
        raise DataError(
            f"{request.dataset}: has columns {', '.join(dataset.features)}, none of pictures; cast "
            "one to datasets.Image and save it"
        )
    if not len(dataset):
        raise DataError(f"{request.dataset}: holds no rows; give another split")
    column = pictures[0]
    dataset = dataset.cast_column(column, datasets.Image(decode=False))
    captions, key = _captions(request, dataset)
    kind = f"{what}, pictures in {column}, captions in {key}"
    files = ArrowFiles(dataset.select_columns([column]), column)
    return Listing(request.dataset, kind, RowNames(len(dataset)), captions, files)


def _captions(request: Request, dataset: Any) -> tuple[Column[tuple[str, ...]], str]:
    """Find the captions: a column of strings or lists of them, or one of classes."""
    known = CAPTION_KEYS if request.caption_key is None else (request.caption_key,)
    key = next((name for name in known if name in dataset.features), None)
    classes = [name for name, kind in dataset.features.items() if hasattr(kind, "names")]
    if key is not None and key not in classes:
        return ArrowCaptions(dataset.select_columns([key]), key), key
    key = key or next(iter(classes if request.caption_key is None else ()), None)
    if key is None:
        raise DataError(
            f"{request.dataset}: has columns {', '.join(dataset.features)}; name that of the "
            "captions, as --SET data.caption_key=NAME"
        )
    labels = np.array(dataset[key][:], np.int64)
    names = [name.replace("_", " ") for name in dataset.features[key].names]
    return captions_of_classes(request, labels, names, TEMPLATES), key


@dataclass(frozen=True)
class RowNames:
    """The column of names of rows, which have none of their own."""

    count: int

    def __len__(self) -> int:
        """Return how many there are."""
        return self.count

    def __getitem__(self, index: int) -> str:
        """Name a row by its number."""
        return f"row {index}"


@dataclass(frozen=True)
class ArrowCaptions:
    """The column of captions of a data set that stays on the disk."""

    dataset: Any
    key: str

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[str, ...]:
        """Return a row's captions."""
        value = self.dataset[index][self.key]
        several = value if isinstance(value, list) and value else [value or None]
        return tuple(clean_caption(None if said is None else str(said)) for said in several)


@dataclass(frozen=True)
class ArrowFiles:
    """The column of pictures of a data set that stays on the disk."""

    dataset: Any
    column: str

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> PictureFile:
        """Return one: its bytes, or the file it names."""
        value = self.dataset[index][self.column] or {}
        if value.get("bytes") is not None:
            return InMemory(value["bytes"])
        if not value.get("path"):
            raise RejectedItem("no picture")
        return Path(os.fspath(value["path"]))

    def byte_count(self, index: int) -> int:
        """Return the size of one in bytes."""
        file = self[index]
        return len(file.content) if isinstance(file, InMemory) else file_size(Path(str(file)))
