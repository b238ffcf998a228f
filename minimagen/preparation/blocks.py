"""Samples in blocks: tar shards as WebDataset reads them, or numbered subfolders.

A block is the unit that appears whole or not at all. Equal samples give equal bytes: nothing here
knows the time, the user or the machine.
"""

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from minimagen.preparation.encoding import Sample

TAR = tarfile.BLOCKSIZE


class Blocks(Protocol):
    """How samples are laid out in files."""

    def name(self, block: int) -> str:
        """Name a block, relative to the result."""

    def bytes_of(self, sample: Sample) -> int:
        """Return how much room a sample takes in a block."""

    def write(self, path: Path, samples: Iterable[Sample]) -> None:
        """Write one block."""


class Shards:
    """Tar files with the three files of each sample side by side, sorted by name."""

    def name(self, block: int) -> str:
        """Name a shard."""
        return f"shards-{block:05d}.tar"

    def bytes_of(self, sample: Sample) -> int:
        """Count headers and padding too."""
        return sum(TAR + -(-len(data) // TAR) * TAR for data in sample.files().values())

    def write(self, path: Path, samples: Iterable[Sample]) -> None:
        """Write one tar file."""
        with path.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for sample in samples:
                    for name, data in sample.files().items():
                        member = tarfile.TarInfo(name)  # time, user and group are 0 and unnamed
                        member.size = len(data)
                        tar.addfile(member, io.BytesIO(data))
            _sync(file)


class Subfolders:
    """Directories of pictures; what belongs to them is in ``metadata.jsonl``."""

    def name(self, block: int) -> str:
        """Name a subfolder."""
        return f"pictures/{block:05d}"

    def bytes_of(self, sample: Sample) -> int:
        """Count the pictures alone."""
        return len(sample.picture)

    def write(self, path: Path, samples: Iterable[Sample]) -> None:
        """Write one directory."""
        path.mkdir()
        for sample in samples:
            with (path / f"{sample.key}.{sample.suffix}").open("wb") as file:
                file.write(sample.picture)
                _sync(file)


LAYOUTS: dict[str, Blocks] = {"shards": Shards(), "folder": Subfolders()}


@dataclass(frozen=True)
class Limits:
    """When a block is full: so many samples, or so many bytes."""

    samples: int
    bytes: int


def numbered(
    samples: Iterable[Sample], blocks: Blocks, limits: Limits, *, first: int
) -> Iterator[tuple[int, Sample]]:
    """Say of each sample which block it goes into; every block but the last is full.

    Args:
        samples: in order, the first of which begins a block.
        blocks: how they are laid out.
        limits: of each block; a sample that is larger gets one of its own.
        first: number of the first block.
    """
    block, count, size = first, 0, 0
    for sample in samples:
        room = blocks.bytes_of(sample)
        if count == limits.samples or (count and size + room > limits.bytes):
            block, count, size = block + 1, 0, 0
        count, size = count + 1, size + room
        yield block, sample


def _sync(file: io.BufferedWriter) -> None:
    file.flush()
    os.fsync(file.fileno())
