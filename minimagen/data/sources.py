"""From the name of a data set to its :class:`Source`: a table of the kinds there are.

A kind is a recogniser and a function that lists it; the first that recognises what was given takes
it, and the log says which. A kind of your own is one file and one line here.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, NamedTuple, NoReturn

from pydantic import Field

from minimagen.config import config
from minimagen.data import (
    celeba,
    cifar,
    classes,
    coco,
    digits,
    folders,
    hub,
    idx,
    lsun,
    shards,
    tables,
)
from minimagen.data.collection import collect
from minimagen.data.framing import FramingConfig
from minimagen.data.items import RejectedItem, Rejection, Source
from minimagen.data.listing import DownloadsConfig, Listing, Request
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.errors import DataError

__all__ = ["DataConfig", "RejectedItem", "Rejection", "Source", "list_dataset", "open_source"]

Recogniser = Callable[[Request], bool]
Lister = Callable[[Request], Listing]


class Kind(NamedTuple):
    """A kind of data set.

    Args:
        fits: tells whether a request is of this kind, by its name or by what is there.
        list: lists the items of such a request.
    """

    fits: Recogniser
    list: Lister


# By name; the first that fits is taken.
NAMED = (
    Kind(digits.is_digits, digits.list_digits),
    Kind(hub.is_of_hub, hub.list_of_hub),
    Kind(shards.are_shards, shards.list_shards),
    Kind(tables.is_table, tables.list_table),
    Kind(coco.is_coco, coco.list_coco),
)
# Directories, by what is in them.
DIRECTORIES = (
    Kind(tables.has_metadata, tables.list_metadata),
    Kind(hub.is_saved, hub.list_saved),
    Kind(cifar.is_cifar, cifar.list_cifar),
    Kind(idx.is_idx, idx.list_idx),
    Kind(celeba.is_celeba, celeba.list_celeba),
    Kind(lsun.is_lsun, lsun.list_lsun),
    Kind(shards.has_shards, shards.list_shards_below),
    Kind(folders.has_texts_beside, folders.list_texts_beside),
    Kind(folders.has_captions_folder, folders.list_captions_folder),
    Kind(classes.has_classes, classes.list_classes),
)
ALLOWED = (
    "`shapes`, `digits`, a directory, a table (.jsonl, .csv, .tsv, .parquet), COCO's .json, "
    "shards-{0000..0999}.tar or hf:NAME"
)


@config
class DataConfig(FramingConfig):
    """What to train on, and how its pictures are framed.

    Args:
        dataset: ``shapes``, ``digits``, a directory, a table, COCO captions, tar shards or
            ``hf:NAME``; docs/how-to/bring-your-data.md shows each.
        shapes: which of the built-in scenes, if ``shapes``.
        images: directory of the pictures, where COCO captions do not lie beside it.
        caption_key: column or key that holds captions; None takes ``text`` or ``caption``.
        class_names: what classes are called, by number or in the order of their folders.
        templates: how a class name becomes captions, each with ``{}``; none takes the kind's own.
        downloads: how pictures named by URL are fetched.
        max_rejected: share of unusable items above which a run ends at its start.
        limit: take only the first so many items.
        cache_gb: memory for decoded pictures, in GB; 0 decodes each time.
    """

    dataset: str = "shapes"
    shapes: ShapesConfig = Field(default_factory=ShapesConfig)
    images: str | None = None
    caption_key: str | None = None
    class_names: tuple[str, ...] = ()
    templates: tuple[classes.Template, ...] = ()
    downloads: DownloadsConfig = Field(default_factory=DownloadsConfig)
    max_rejected: Annotated[float, Field(ge=0, le=1)] = 0.1
    limit: Annotated[int, Field(ge=1)] | None = None
    cache_gb: Annotated[float, Field(ge=0)] = 4.0


def open_source(config: DataConfig, check_size: int) -> tuple[Source, list[Rejection]]:
    """Open a data set and look at it.

    Args:
        config: which.
        check_size: side at which pictures are decoded for the check, in pixels.

    Returns:
        The usable items, and what was left out.

    Raises:
        DataError: when there is nothing to train on.
    """
    if config.dataset == "shapes":
        size = min(config.limit or config.shapes.size, config.shapes.size)
        return ShapesSource(replace(config.shapes, size=size)), []
    return collect(
        list_dataset(_request(config)),
        check_size=check_size,
        max_rejected=config.max_rejected,
        limit=config.limit,
    )


def list_dataset(request: Request) -> Listing:
    """List a data set of any kind but the built-in scenes.

    Raises:
        DataError: when it is of no known kind, or makes no sense.
    """
    kinds = NAMED + (DIRECTORIES if request.path.is_dir() else ())
    kind = next((kind for kind in kinds if kind.fits(request)), None)
    if kind is None:
        _refuse(request)
    return kind.list(request)


def _request(config: DataConfig) -> Request:
    return Request(
        dataset=config.dataset,
        images=config.images,
        caption_key=config.caption_key,
        class_names=config.class_names,
        templates=config.templates,
        limit=config.limit,
        downloads=config.downloads,
    )


def _refuse(request: Request) -> NoReturn:
    root = request.path
    if root.is_dir():
        count = len(folders.pictures_of(request))
        raise DataError(f"{root}: {count} pictures but no captions; bring {folders.LAYOUTS}")
    found = "is of no known kind" if root.exists() else "does not exist"
    raise DataError(f"{root}: {found}; give {ALLOWED}")
