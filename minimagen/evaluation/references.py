"""What real pictures are to a feature network: looked at once, then kept in the cache.

A reference belongs to a data set (by its fingerprint), to the pictures taken from it, to their side
in pixels, and to a network (by its identity); any other of these is another reference. Below the
cache directory, ``references/<hash>/`` holds two files; one that does not verify counts as absent.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from minimagen import seeds
from minimagen.cache import cache_directory, write_beside
from minimagen.data.items import RejectedItem, Source
from minimagen.errors import DataError
from minimagen.evaluation.features import BATCH, FeatureNetwork, Told, features_of
from minimagen.evaluation.statistics import Statistics
from minimagen.tensors import from_uint8

EDITION = 1  # raise it when the same pictures no longer give the same reference
KEPT = 10_000  # pictures whose features are kept; statistics are of all
STATISTICS, FEATURES = "statistics.safetensors", "features.safetensors"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """Real pictures, as a feature network sees them.

    Args:
        statistics: of all of them.
        features: of at most :data:`KEPT` of them, (N, D), float32.
        indices: which these are in the data set, (N,), int64.
    """

    statistics: Statistics
    features: Tensor
    indices: Tensor


def reference_of(
    source: Source,
    indices: Sequence[int],
    size: int,
    network: FeatureNetwork,
    *,
    told: Told = lambda more: None,
    directory: Path | None = None,
) -> Reference:
    """Return the reference of some pictures of a data set, from the cache if it is there.

    Args:
        source: the data set.
        indices: which of its pictures, as :func:`minimagen.data.split.split` gives them.
        size: side in pixels at which they are looked at.
        network: looks at them.
        told: is told how many more pictures are done; not at all when they were looked at before.
        directory: of the cache; by default :func:`minimagen.cache.cache_directory`.

    Raises:
        DataError: when no picture of them can be read.
    """
    place = _place(directory, _key(source, indices, size, network))
    found = None if place is None else read_reference(place)
    if found is None:
        found = _measured(source, indices, size, network, told)
        _keep(place, found)
    return found


def read_reference(place: Path) -> Reference | None:
    """Read a reference's directory; None where it is absent or damaged."""
    try:
        kept = load_file(place / FEATURES)
        return Reference(Statistics.read(place / STATISTICS), kept["features"], kept["indices"])
    except (OSError, KeyError, SafetensorError, DataError):
        return None


def real_pictures(
    source: Source, indices: Sequence[int], size: int, seen: list[int] | None = None
) -> Iterator[Tensor]:
    """Read pictures a batch at a time, (B, 3, size, size) in [-1, 1]; unreadable ones are left out.

    Args:
        source: the data set.
        indices: which of its pictures.
        size: side in pixels.
        seen: takes the indices of those that could be read, as they come.
    """
    batch: list[Tensor] = []
    for index in indices:
        try:
            batch.append(torch.tensor(source.picture(index, size)))
        except RejectedItem:
            continue
        if seen is not None:
            seen.append(index)
        if len(batch) == BATCH:
            yield from_uint8(torch.stack(batch).permute(0, 3, 1, 2))
            batch = []
    if batch:
        yield from_uint8(torch.stack(batch).permute(0, 3, 1, 2))


def _measured(
    source: Source, indices: Sequence[int], size: int, network: FeatureNetwork, told: Told
) -> Reference:
    """Look at all pictures in an order by chance, so that the first are a fair part."""
    order = seeds.permutation(len(indices), "reference").tolist()
    statistics: Statistics | None = None
    kept: list[Tensor] = []
    seen: list[int] = []
    for images in real_pictures(source, [indices[place] for place in order], size, seen):
        features = features_of(network, [images], told)
        statistics = Statistics.of(features) if statistics is None else statistics.update(features)
        if sum(map(len, kept)) < KEPT:
            kept.append(features)
    if statistics is None:
        raise DataError("reference: no picture of the data set can be read; see rejected.jsonl")
    features = torch.cat(kept)[:KEPT]
    return Reference(statistics, features, torch.tensor(seen[: len(features)]))


def _keep(place: Path | None, reference: Reference) -> None:
    """Write a reference, if it goes along; the cache only ever saves time."""
    if place is None:
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        tensors = {"features": reference.features, "indices": reference.indices}
        write_beside(place / FEATURES, save(tensors))
        reference.statistics.save(place / STATISTICS)
    except OSError as error:
        _log.warning("%s: reference is not kept (%s); set MINIMAGEN_CACHE", place, error)


def _place(directory: Path | None, key: str) -> Path | None:
    try:
        return (directory or cache_directory()) / "references" / key
    except RuntimeError:  # no home
        return None


def _key(source: Source, indices: Sequence[int], size: int, network: FeatureNetwork) -> str:
    which = hashlib.sha256(json.dumps(list(indices)).encode()).hexdigest()
    row = [EDITION, source.fingerprint, which, size, network.identity]
    return hashlib.sha256(json.dumps(row).encode()).hexdigest()[:32]
