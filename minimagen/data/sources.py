"""From the name of a data set to its :class:`Source`: ``shapes`` or a directory."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from minimagen.config import config
from minimagen.data.folders import open_folder
from minimagen.data.framing import FramingConfig
from minimagen.data.items import RejectedItem, Rejection, Source
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.errors import DataError

__all__ = ["DataConfig", "RejectedItem", "Rejection", "Source", "open_source"]

LATER_SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet", ".json", ".tar")


@config
class DataConfig(FramingConfig):
    """What to train on, and how its pictures are framed.

    Args:
        dataset: ``shapes``, or a directory of captioned pictures.
        shapes: which of the built-in scenes, if ``shapes``.
        max_rejected: share of unusable items above which a run ends at its start.
        limit: take only the first so many items.
        cache_gb: memory for decoded pictures, in GB; 0 decodes each time.
    """

    dataset: str = "shapes"
    shapes: ShapesConfig = Field(default_factory=ShapesConfig)
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
    root = Path(config.dataset).expanduser()
    if not root.is_dir() and _belongs_to_later(config.dataset):
        raise DataError(f"{config.dataset}: not supported; give `shapes` or a directory")
    return open_folder(
        root, check_size=check_size, max_rejected=config.max_rejected, limit=config.limit
    )


def _belongs_to_later(dataset: str) -> bool:
    return dataset.startswith("hf:") or dataset.lower().endswith(LATER_SUFFIXES)
