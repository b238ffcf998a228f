"""Finding pictures that look alike among a million, without comparing each with each."""

from array import array
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from minimagen.preparation.hashing import COLOUR_LIMIT

BITS = 64


class NearIndex:
    """Pictures by their hashes, to be asked for one that looks like another.

    The 64 bits are cut into one band more than bits may differ. So two hashes that are near agree
    on a whole band, and only pictures that share a band are compared.
    Source: Norouzi et al. 2012, "Fast Search in Hamming Space with Multi-Index Hashing"
    (arXiv:1307.2982).

    Args:
        hashes: of all pictures that will be asked for, uint64 (N,).
        thumbnails: of all of them, uint8 (N, 8, 8, 3).
        bits: how many bits may differ, 0 to 63.
    """

    def __init__(self, hashes: NDArray[np.uint64], thumbnails: NDArray[np.uint8], bits: int):
        self._hashes, self._thumbnails, self._bits = hashes, thumbnails, bits
        edges = [BITS * band // (bits + 1) for band in range(bits + 2)]
        self._bands = [(first, (1 << last - first) - 1) for first, last in pairwise(edges)]
        self._buckets: dict[tuple[int, int], array[int]] = {}

    def add(self, index: int) -> None:
        """Let a picture be found."""
        for key in self._keys(index):
            self._buckets.setdefault(key, array("q")).append(index)

    def find(self, index: int) -> int | None:
        """Return the first of the added pictures that looks like this one."""
        found = [self._buckets[key] for key in self._keys(index) if key in self._buckets]
        if not found:
            return None
        shared = np.concatenate([np.frombuffer(bucket, np.int64) for bucket in found])
        distance = np.bitwise_count(self._hashes[shared] ^ self._hashes[index])
        near = shared[distance <= self._bits]
        alike = near[self._apart(near, index) <= COLOUR_LIMIT]
        return int(alike.min()) if len(alike) else None

    def _apart(self, others: NDArray[np.int64], index: int) -> NDArray[np.int16]:
        """Return how far thumbnails are apart at the worst place; (N,)."""
        difference = self._thumbnails[others].astype(np.int16) - self._thumbnails[index]
        apart: NDArray[np.int16] = np.abs(difference).max(axis=(1, 2, 3))
        return apart

    def _keys(self, index: int) -> list[tuple[int, int]]:
        value = int(self._hashes[index])
        return [(first, value >> first & mask) for first, mask in self._bands]
