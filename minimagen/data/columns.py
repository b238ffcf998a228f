"""Columns of a data set of any length: what items have, by their number.

A million Python strings take ten times their letters; here they lie end to end in one buffer.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T_co = TypeVar("T_co", covariant=True)
Numbers = NDArray[np.int64]
ENCODING = "utf-8", "surrogatepass"  # file names may hold halves of pairs


class Column(Protocol[T_co]):
    """What each item has, by number; a list is one."""

    def __len__(self) -> int:
        """Return how many items there are."""

    def __getitem__(self, index: int, /) -> T_co:
        """Return what an item has."""


@dataclass(frozen=True)
class Strings:
    """Strings end to end.

    Args:
        content: all of them.
        ends: where each one ends, in bytes, (N,).
    """

    content: bytes | bytearray
    ends: Numbers

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        """Return one."""
        start = int(self.ends[index - 1]) if index else 0
        return self.content[start : int(self.ends[index])].decode(*ENCODING)

    def __iter__(self) -> Iterator[str]:
        """Walk through all of them."""
        return (self[index] for index in range(len(self)))


@dataclass(frozen=True)
class StringLists:
    """A tuple of strings for each item.

    Args:
        strings: those of all items, one after the other.
        ends: where each item's end among them, (N,).
    """

    strings: Strings
    ends: Numbers

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self.ends)

    def __getitem__(self, index: int) -> tuple[str, ...]:
        """Return an item's strings."""
        start = int(self.ends[index - 1]) if index else 0
        return tuple(self.strings[place] for place in range(start, int(self.ends[index])))


class Packer:
    """Takes strings in, one at a time."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._ends = array("q")

    def __len__(self) -> int:
        """Return how many were added."""
        return len(self._ends)

    def add(self, string: str) -> None:
        """Put a string behind the others."""
        self._content += string.encode(*ENCODING)
        self._ends.append(len(self._content))

    def packed(self) -> Strings:
        """Return all that was added."""
        return Strings(self._content, _numbers(self._ends))


class ListPacker:
    """Takes tuples of strings in, one item at a time."""

    def __init__(self) -> None:
        self._strings = Packer()
        self._count = 0
        self._ends = array("q")

    def add(self, strings: Iterable[str]) -> None:
        """Put an item's strings behind those of the others."""
        for string in strings:
            self._strings.add(string)
            self._count += 1
        self._ends.append(self._count)

    def packed(self) -> StringLists:
        """Return all that was added."""
        return StringLists(self._strings.packed(), _numbers(self._ends))


def pack(strings: Iterable[str]) -> Strings:
    """Pack strings."""
    packer = Packer()
    for string in strings:
        packer.add(string)
    return packer.packed()


def pack_lists(lists: Iterable[Iterable[str]]) -> StringLists:
    """Pack a tuple of strings for each item."""
    packer = ListPacker()
    for strings in lists:
        packer.add(strings)
    return packer.packed()


def _numbers(ends: "array[int]") -> Numbers:
    return np.array(ends, dtype=np.int64)
