"""Every random draw of the project, keyed by what it is for.

A draw depends on its key alone, (seed, stage, purpose, global sample number), never on which draws
came before it. So workers, accumulation, batch size and resuming cannot change a run, and there is
no generator state to save. Draws are made on the CPU: they are the same on every device.
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

Key = str | int
Seeds = int | Sequence[int]
"""One for all samples, or one for each."""


def hash_key(*key: Key) -> int:
    """Map a key to an integer in [0, 2**63)."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def unit(*key: Key) -> float:
    """Draw one number, uniform in [0, 1)."""
    return (hash_key(*key) >> 10) / 2**53


def units(numbers: Sequence[int], *key: Key) -> Tensor:
    """Draw one number in [0, 1) for each sample number; (B,), float64."""
    return torch.tensor([unit(*key, number) for number in numbers], dtype=torch.float64)


def generator(*key: Key) -> torch.Generator:
    """Make the CPU generator that belongs to a key."""
    return torch.Generator().manual_seed(hash_key(*key))


def generators(numbers: Sequence[int], seed: Seeds, *key: Key) -> list[torch.Generator]:
    """Make one generator for each sample number."""
    seeds = [seed] * len(numbers) if isinstance(seed, int) else seed
    return [generator(own, *key, number) for own, number in zip(seeds, numbers, strict=True)]


def seeds_of(seed: Seeds, rows: range) -> Seeds:
    """Return the seeds of some of the samples."""
    return seed if isinstance(seed, int) else seed[rows.start : rows.stop]


def normal(sources: Sequence[torch.Generator], shape: Sequence[int]) -> Tensor:
    """Draw standard normal noise, one generator an image; (B, *shape), float32, on the CPU."""
    return torch.stack([torch.randn(tuple(shape), generator=source) for source in sources])


def permutation(length: int, *key: Key) -> Tensor:
    """Draw an order of ``range(length)``; (length,), int64."""
    return torch.randperm(length, generator=generator(*key))
